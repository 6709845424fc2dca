/**
 * A listener that survives the loss of its interface. A socket stays bound to the interface that existed when it was
 * opened. When an interface of the same name comes back, the socket is reopened and joins its group again.
 *
 * @module
 */
import { zoneOf } from "../endpoint.ts";
import type { Links } from "./links.ts";
import type { Listener, ListenerOptions, OpenListener } from "./listener.ts";

/** Options for opening a listener. */
export interface ReopeningListenerOptions extends ListenerOptions {
  readonly links: Pick<Links, "has">;
  readonly openListener: OpenListener;
  /** Called when the socket is open again, or with the error if that failed. The next check of the links retries it. */
  readonly onReopened: (error?: Error) => void;
}

/** A listener on one link, or on an address without a zone. */
export interface ReopeningListener extends Listener {
  /**
   * Reopens the socket if its interface has come back, or if an earlier attempt failed and the interface is up.
   *
   * @param returned Names of the interfaces that are back, from {@link Links.refresh}.
   */
  readonly onLinks: (returned: readonly string[]) => Promise<void>;
}

/**
 * Opens a listener.
 *
 * @throws {Error} If the first attempt to bind the address or to join the group fails.
 */
export async function openReopeningListener(options: ReopeningListenerOptions): Promise<ReopeningListener> {
  const { openListener } = options;
  const zone = zoneOf(options.address);
  const zones = zone === undefined ? [] : [zone, ...(options.joinedAlso ?? [])];
  const first = await openListener(options);
  // Reopening keeps a port that the system chose, and the receive buffer that was requested last.
  const again = { ...options, port: first.port };
  let current: Listener | undefined = first;
  let isClosed = false;
  let reopening: Promise<void> | undefined;
  const reopen = async (): Promise<void> => {
    const old = current;
    current = undefined;
    await old?.close();
    try {
      current = await openListener(again);
      options.onReopened();
    } catch (error) {
      options.onReopened(error as Error);
    }
  };
  return {
    ...first,
    resizeReceiveBuffer: (octets) => {
      again.receiveBufferOctets = octets;
      return current?.resizeReceiveBuffer(octets) ?? 0;
    },
    send: (payload, port, address) => {
      if (current === undefined) options.onSendFailed();
      else current.send(payload, port, address);
    },
    onLinks: async (returned) => {
      if (isClosed || reopening !== undefined) return;
      const isBack = zones.some((each) => returned.includes(each));
      if (!isBack && (current !== undefined || !zones.some((each) => options.links.has(each)))) return;
      reopening = reopen();
      await reopening;
      reopening = undefined;
    },
    close: async () => {
      isClosed = true;
      await reopening;
      await current?.close();
    },
  };
}
