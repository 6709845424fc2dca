/**
 * What the programs that have UDP sockets do alike.
 *
 * @module
 */
import type { Socket, SocketOptions } from "node:dgram";
import { exitCodes } from "./failure.ts";

/** All destinations are addresses: the resolver, and the turn of the event loop that it takes, can be left out. */
export const lookupNothing: NonNullable<SocketOptions["lookup"]> = (address, _options, callback) => {
  callback(null, address, 6);
};

/** A local port that a socket cannot be bound to. */
export class LocalPortError extends Error {
  override readonly name = "LocalPortError";
  readonly exitCode = exitCodes.refused;
}

/** What the system's refusals to bind a local port mean. */
const bindFaults: Readonly<Record<string, string>> = {
  EADDRINUSE:
    "found it in use (EADDRINUSE), expected a port that no other socket uses: end the program that has it, or choose another port",
  EACCES:
    "found a port that this user may not use (EACCES), expected one above 1023, or CAP_NET_BIND_SERVICE",
};

/**
 * Binds a socket to the port that `--local-port` names, of all addresses.
 *
 * @param port UDP port: 0..65535; 0 lets the system choose one.
 * @throws {LocalPortError} When the port is in use, or may not be used.
 */
export async function bindLocalPort(socket: Socket, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      const why = bindFaults[error.code ?? ""] ?? `found ${error.message}, expected a port that can be bound`;
      reject(new LocalPortError(`Cannot send from --local-port ${port}: ${why}`, { cause: error }));
    };
    socket.once("error", fail);
    socket.bind(port, () => {
      socket.off("error", fail);
      resolve();
    });
  });
}

/**
 * Connects a socket to an address. Without a callback, Node emits an error; it would pass it to the callback, whose type has
 * no parameter.
 *
 * @throws {Error} When there is no route.
 */
export function connectSocket(socket: Socket, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve();
    });
    socket.connect(port, host);
  });
}

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
