/**
 * Flags of the allocator's HTTP server: where it listens, and which proxies it trusts.
 *
 * @module
 */
import { InvalidArgumentError, Option } from "commander";
import { defaultAllocator } from "../defaults.ts";
import { parseTrustedProxies } from "../http/client-address.ts";
import type { ProxyPrefix } from "../http/client-address.ts";
import type { ListenAddress } from "../runtime/http-server.ts";
import { parseWholeNumber } from "../wire/number.ts";

/**
 * Parses an address to listen on.
 *
 * @param text `HOST:PORT`, with an IPv6 address in brackets: `127.0.0.1:8467`, `[::1]:8547`. Port 0 picks a free one.
 * @throws {InvalidArgumentError} When the text has another form, or the port is above 65535.
 */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-f:.]+(?:%[^\]\s/%]+)?)\]|([\w.-]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  try {
    if (host !== undefined) return { host, port: parseWholeNumber(match![3]!, 0, 0xffff) };
  } catch {
    // This is not a port.
  }
  throw new InvalidArgumentError(
    'Expected "HOST:PORT" with a port from 0 to 65535, and IPv6 addresses in brackets.',
  );
}

/** Creates the flag that says where the allocator listens. */
export function allocatorListenOption(): Option {
  const { host, port } = defaultAllocator;
  const setting = "--http";
  return new Option(`${setting} <host:port>`, "where the allocator listens; port 0 takes a free one")
    .argParser((text): ListenAddress => ({ ...parseListenAddress(text), setting }))
    .default({ host, port, setting } satisfies ListenAddress, `${host}:${port}`);
}

/** Creates the flag that names trusted proxies. It may be repeated, or have several prefixes. */
export function trustedProxyOption(): Option {
  return new Option(
    "--trusted-proxy <prefix>",
    "address or prefix of a proxy whose X-Forwarded-For or Forwarded is believed; repeatable",
  )
    .env("APPORTION_TRUSTED_PROXIES")
    .argParser(collectProxies);
}

function collectProxies(text: string, before: readonly ProxyPrefix[] = []): readonly ProxyPrefix[] {
  try {
    return [...before, ...parseTrustedProxies(text)];
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
