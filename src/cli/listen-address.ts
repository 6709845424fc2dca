/**
 * `HOST:PORT` on the command line.
 *
 * @module
 */
import { InvalidArgumentError, Option } from "commander";
import { defaultAllocator } from "../defaults.ts";
import type { ListenAddress } from "../runtime/node.ts";

/**
 * Parses where to listen.
 *
 * @param text `HOST:PORT`, an IPv6 address in brackets: `127.0.0.1:8467`, `[::1]:8547`.
 * @throws {InvalidArgumentError} When it is not of this form.
 */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-f:.]+(?:%[\w.-]+)?)\]|([\w.-]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 0xffff) {
    throw new InvalidArgumentError('Expected "HOST:PORT" with a port of 0 to 65535, and IPv6 in brackets.');
  }
  return { host, port };
}

/**
 * Creates the flag that says where the allocator listens.
 *
 * @param flag With its argument: `--listen <host:port>`.
 */
export function allocatorListenOption(flag: string): Option {
  const { host, port } = defaultAllocator;
  return new Option(flag, "where the allocator listens; port 0 takes a free one")
    .argParser(parseListenAddress)
    .default(defaultAllocator, `${host}:${port}`);
}
