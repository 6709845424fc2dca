/**
 * A listener that outlives its interface: a socket is bound to the interface of that moment, so after one of the same
 * name has come back it is opened again, and its group joined again.
 *
 * @module
 */
import { openListener } from "./listener.ts";
import type { Listener, ListenerOptions } from "./listener.ts";
import type { Links } from "./links.ts";

/** What a listener is told and tells beside its options. */
export interface SteadyListenerContext {
  readonly links: Pick<Links, "has">;
  /** Learns that the socket is open again. */
  readonly onReopened: () => void;
  /** Learns that it could not be opened again; it is tried at each look at the links. */
  readonly onReopenFailed: (error: Error) => void;
}

/** A listener of one link, or of an address that is of no link. */
export interface SteadyListener extends Listener {
  /**
   * Opens the socket again when its interface has come back, or when that failed before.
   *
   * @param returned Interfaces that are back, as {@link Links.refresh} told.
   */
  readonly onLinks: (returned: readonly string[]) => Promise<void>;
}

/**
 * Opens a listener.
 *
 * @throws {Error} When the address can't be bound or the group can't be joined, this first time.
 */
export async function openSteadyListener(
  options: ListenerOptions,
  context: SteadyListenerContext,
): Promise<SteadyListener> {
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
      context.onReopened();
    } catch (error) {
      context.onReopenFailed(error as Error);
    }
  };
  return {
    ...first,
    resizeReceiveBuffer: (octets) => {
      again.receiveBufferOctets = octets;
      return current?.resizeReceiveBuffer(octets) ?? 0;
    },
    send: (payload, port, address) => {
      if (current === undefined) options.onSendFailed(new Error(`Cannot send: ${zone} is not there`));
      else current.send(payload, port, address);
    },
    onLinks: async (returned) => {
      if (zone === undefined || isClosed || reopening !== undefined) return;
      if (!returned.includes(zone) && (current !== undefined || !context.links.has(zone))) return;
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

/** @returns The name of the interface that an address as text is of. */
export function zoneOf(address: string): string | undefined {
  return address.split("%", 2)[1];
}
