/**
 * What the programs that have UDP sockets do alike.
 *
 * @module
 */
import type { Socket, SocketOptions } from "node:dgram";

/** All destinations are addresses: the resolver, and the turn of the event loop that it takes, can be left out. */
export const lookupNothing: NonNullable<SocketOptions["lookup"]> = (address, _options, callback) => {
  callback(null, address, 6);
};

/**
 * Asks for a larger receive buffer. A smaller one than wanted is worth a warning, not an end.
 *
 * @param octets What is wanted.
 * @returns Octets that the system granted.
 */
export function growReceiveBuffer(socket: Socket, octets: number): number {
  try {
    socket.setRecvBufferSize(octets);
  } catch {
    // Some systems refuse what is above their bound instead of granting the bound; what was granted is read back.
  }
  return socket.getRecvBufferSize();
}
