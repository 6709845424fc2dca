/**
 * A listener that outlives its interface: a socket is bound to the interface of that moment. When an interface of the
 * same name comes back, the socket is opened again and its group is joined again.
 *
 * @module
 */
import { zoneOf } from "../endpoint.ts";
import type { Links } from "./links.ts";
import { openListener } from "./listener.ts";
import type { Listener, ListenerOptions } from "./listener.ts";

/** What a listener is opened with. */
export interface ReopeningListenerOptions extends ListenerOptions {
  readonly links: Pick<Links, "has">;
  /** Learns that the socket is open again, or why not; then it is tried again at the next look at the links. */
  readonly onReopened: (error?: Error) => void;
}

/** A listener on one link, or on an address that belongs to no link. */
export interface ReopeningListener extends Listener {
  /**
   * Opens the socket again when its interface has come back, or when that failed before.
   *
   * @param returned Names of the interfaces that are back, as {@link Links.refresh} told.
   */
  readonly onLinks: (returned: readonly string[]) => Promise<void>;
}

/**
 * Opens a listener.
 *
 * @throws {Error} When the address can't be bound or the group can't be joined, this first time.
 */
export async function openReopeningListener(options: ReopeningListenerOptions): Promise<ReopeningListener> {
  const zone = zoneOf(options.address);
  const first = await openListener(options);
  // A port that the system chose stays the listener's, and so does a buffer that was asked for later.
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
      if (zone === undefined || isClosed || reopening !== undefined) return;
      if (!returned.includes(zone) && (current !== undefined || !options.links.has(zone))) return;
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
