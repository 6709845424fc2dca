/**
 * Parses the values of settings from the text that an operator writes. For invalid text, each function throws an error
 * whose message says what was expected.
 *
 * @module
 */
import { serverPort } from "../../src/wire/dhcpv6/codes.ts";
import { decodeDuid } from "../../src/wire/duid.ts";
import { decodeHex } from "../../src/wire/hex.ts";
import {
  isLinkLocal,
  isMulticast,
  isUnspecified,
  parseIPv6,
  parseIPv6Prefix,
} from "../../src/wire/ipv6-address.ts";
import { parseWholeNumber } from "../../src/wire/number.ts";
import { isZone } from "../../src/wire/relay-interface-id.ts";
import { hostOf } from "../endpoint.ts";
import type { Endpoint } from "../endpoint.ts";
import type { IPv6Prefix } from "../../src/wire/ipv6-address.ts";

/** Where a TCP server listens. */
export interface TcpEndpoint {
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Parses an address, with its zone if it needs one: `2001:db8::547`, `fe80::1%eth0`. */
export function parseBindAddress(text: string): string {
  const [host, zone, ...more] = text.split("%") as [string, string?, ...string[]];
  const octets = parseIPv6(host);
  const needsZone = isLinkLocal(octets) || isMulticast(octets);
  if (needsZone !== (zone !== undefined) || zone === "" || !isZone(zone ?? "") || more.length > 0) {
    throw new SyntaxError(
      `expected ${needsZone ? `the name of an interface, as in "${host}%eth0"` : "an address without a zone"}`,
    );
  }
  return text;
}

/**
 * Parses the address of a listener; `::` is not allowed. An answer must leave from the address that received the query
 * (R7341-11-06), and a socket bound to `::` cannot tell which address that was.
 */
export function parseListenerAddress(text: string): string {
  if (isUnspecified(parseIPv6(hostOf(text)))) {
    throw new RangeError(
      "expected an address of this host, or an interface: answers leave from the address that received the query",
    );
  }
  return parseBindAddress(text);
}

/** Parses `ADDRESS` or `[ADDRESS]:PORT`. */
export function parseServer(text: string): Endpoint {
  const [, bracketed, port = serverPort] = /^\[([^\]]+)\]:(\d{1,5})$/.exec(text) ?? [];
  const address = parseBindAddress(bracketed ?? text);
  parseUnicast(hostOf(address));
  return { address, port: parsePort(String(port), 1) };
}

/** Parses a unicast address: 16 octets. */
export function parseUnicast(text: string): Uint8Array {
  const address = parseIPv6(text);
  if (isMulticast(address) || isUnspecified(address)) throw new RangeError("expected a unicast address");
  return address;
}

/** Parses the addresses of trusted relays: a prefix, or one address. Relays send from unicast addresses. */
export function parseRelayPrefix(text: string): IPv6Prefix {
  const prefix = parseIPv6Prefix(text.includes("/") ? text : `${text}/128`);
  const { address, length } = prefix;
  if (isMulticast(address) || (length === 128 && isUnspecified(address))) {
    throw new RangeError("expected unicast addresses");
  }
  if (isLinkLocal(address) && length !== 128) {
    throw new RangeError(
      "expected a whole address where it is link-local: any host of the link can have another",
    );
  }
  return prefix;
}

/** Parses a DUID in hexadecimal; colons may stand between the octets. */
export function parseDuid(text: string): Uint8Array {
  return decodeDuid("DUID", decodeHex(text.replaceAll(":", "")));
}

/** Parses the name of an interface. */
export function parseInterface(text: string): string {
  if (text === "" || !isZone(text)) throw new SyntaxError("expected the name of an interface");
  return text;
}

/** Parses a link-address, `::` included: 16 octets. */
export function parseLinkAddress(text: string): Uint8Array {
  const address = parseIPv6(text);
  if (isLinkLocal(address) || isMulticast(address)) {
    throw new RangeError("expected a link-address of global or unique local scope");
  }
  return address;
}

/** Parses the URL of an allocator, without user, query, fragment, and the path that the relay adds itself. */
export function parseAllocator(text: string): URL {
  const url = parseUrl(text);
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new SyntaxError('expected "https://HOST" or "http://HOST"');
  }
  const base = `${url.origin}${url.pathname.replace(/\/v1(\/relay)?\/*$/, "").replace(/\/+$/, "")}`;
  if (/[?#]/.test(text) || url.username !== "" || url.password !== "") {
    throw new SyntaxError(`expected a URL without user, query and fragment, such as "${base}"`);
  }
  if (/\/v1(\/relay)?\/*$/.test(url.pathname)) {
    throw new SyntaxError(`expected "${base}": the relay adds /v1/relay to it`);
  }
  return url;
}

function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** Parses `HOST:PORT`, an IPv6 address in brackets. */
export function parseTcpEndpoint(text: string): TcpEndpoint {
  const [, ipv6, name, port] = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = ipv6 ?? name;
  if (host === undefined || port === undefined) {
    throw new SyntaxError('expected "HOST:PORT" with a port of 0 to 65535, and IPv6 in brackets');
  }
  return { host, port: parsePort(port, 0) };
}

function parsePort(text: string, min: number): number {
  try {
    return parseWholeNumber(text, min, 0xffff);
  } catch {
    throw new RangeError(`expected a port of ${min} to 65535`);
  }
}
