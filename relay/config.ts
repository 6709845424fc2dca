/**
 * What an operator tells a relay -> what the relay works with.
 *
 * @example
 * ```ts
 * const config = parseRelayConfig({
 *   interfaces: ["eth0,link=2001:db8:1::1"],
 *   allocator: "https://allocator.example.net",
 *   token: "…",
 * });
 * ```
 *
 * @module
 */
import * as v from "valibot";
import {
  relayBatchFramesMax,
  relayDeadlineMsMax,
  relayListenersMax,
  relayPostsInFlightMax,
  relayQueueLengthMax,
  relayQueueOctetsMax,
  relayReceiveBufferOctets,
  relayReceiveBufferOctetsMax,
} from "../src/limits.ts";
import { isLinkLocal, isMulticast, parseIPv6 } from "../src/wire/ipv6-address.ts";
import type { ReplyPort } from "./envelope.ts";
import { isZone } from "./interface-id.ts";

/** One socket. */
export interface ListenerConfig {
  /** IPv6 address as text, with `%zone` when it is of one link. A multicast address is joined on its zone. */
  readonly address: string;
  /** UDP port; 0 lets the system choose one. */
  readonly port: number;
  /** What our level says of the link: 16 octets, `::` when there is nothing to say. */
  readonly linkAddress: Uint8Array;
}

/** Settings of a relay. */
export interface RelayConfig {
  readonly listeners: readonly ListenerConfig[];
  /** URL of the allocator, without `/v1/relay`. */
  readonly allocator: URL;
  /** Secret that the allocator knows this relay by. */
  readonly token: string;
  readonly replyPort: ReplyPort;
  readonly postsInFlight: number;
  /** Frames in one POST. */
  readonly batchFrames: number;
  /** Datagrams that may wait. */
  readonly queueLength: number;
  /** Octets that may wait. */
  readonly queueOctets: number;
  /** Milliseconds from a datagram's arrival to the end of its POST: half of it in the queue, half for the POST. */
  readonly deadlineMs: number;
  /** Octets of a socket's receive buffer that the kernel is asked for. */
  readonly receiveBufferOctets: number;
}

/** Port of relays and servers (RFC 8415 §7.2). */
const dhcpPort = 547;

/** All_DHCP_Relay_Agents_and_Servers (RFC 8415 §7.1). */
const allRelays = "ff02::1:2";

/** A socket that needs no rights, for a first look. */
const defaultListen = ["[::1]:8547"];

/** Text that `parse` accepts; its error message becomes the issue's. */
function parsed<T>(parse: (text: string) => T) {
  return v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(dataset.value);
      } catch (error) {
        addIssue({ message: error instanceof Error ? error.message : String(error) });
        return NEVER;
      }
    }),
  );
}

/** A whole number, as such or as the text of a flag. */
function integer(min: number, max: number, preset: number) {
  const expected = `expected a whole number of ${min} to ${max}`;
  const number = v.union(
    [v.number(), v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number))],
    expected,
  );
  return v.optional(
    v.pipe(number, v.integer(expected), v.minValue(min, expected), v.maxValue(max, expected)),
    preset,
  );
}

const schema = v.strictObject({
  /** `[ADDRESS]:PORT`, `[ADDRESS]:PORT,link=LINK-ADDRESS`. */
  listen: v.optional(v.array(parsed(parseListener))),
  /** `NAME`, `NAME,link=LINK-ADDRESS`: the clients and relays of a link, by multicast. */
  interfaces: v.optional(v.array(parsed(parseInterface)), []),
  allocator: parsed(parseAllocator),
  token: v.pipe(
    v.string(),
    v.minLength(16, "expected at least 16 characters"),
    v.regex(/^[\w~+/.-]+=*$/, "expected letters, digits and ~+/.-_= only, as in an Authorization header"),
  ),
  replyPort: v.optional(v.picklist(["standard", "source"])),
  postsInFlight: integer(1, relayPostsInFlightMax, 3),
  batchFrames: integer(1, relayBatchFramesMax, relayBatchFramesMax),
  queueLength: integer(1, relayQueueLengthMax, 8192),
  queueOctets: integer(0x10000, relayQueueOctetsMax, 16 * 1024 * 1024),
  deadlineMs: integer(100, relayDeadlineMsMax, 4000),
  receiveBufferOctets: integer(4096, relayReceiveBufferOctetsMax, relayReceiveBufferOctets),
});

/** Settings as an operator gives them. */
export type RelayConfigInput = v.InferInput<typeof schema>;

/**
 * Checks settings and fills in the defaults. Answers go to standard ports where the relay itself listens on one,
 * and to the ports that queries come from where it does not, unless `replyPort` says otherwise.
 *
 * @throws {TypeError} With each fault's path, what was found and what was expected. The token is not repeated in it.
 */
export function parseRelayConfig(input: unknown): RelayConfig {
  const result = v.safeParse(schema, input);
  if (!result.success) throw faultsError(result.issues.map(describeIssue));
  const { listen, interfaces, replyPort, ...rest } = result.output;
  const direct = listen ?? (interfaces.length > 0 ? [] : defaultListen.map(parseListener));
  const listeners = [...direct, ...interfaces];
  if (listeners.length === 0 || listeners.length > relayListenersMax) {
    throw faultsError([`listen: found ${listeners.length} listeners, expected 1 to ${relayListenersMax}`]);
  }
  const isStandard = listeners.some(({ port }) => port === dhcpPort);
  return { ...rest, listeners, replyPort: replyPort ?? (isStandard ? "standard" : "source") };
}

function faultsError(faults: readonly string[]): TypeError {
  return new TypeError(`Cannot configure the relay:\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
}

/** Path, what was found and what was expected. Messages of ours say what was expected; valibot's own say less. */
function describeIssue(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? "(top level)";
  if (issue.expected === "never") return `${path}: found an unknown name, expected one of the settings`;
  if (issue.input === undefined) return `${path}: found nothing, expected a value`;
  const isOurs = /^(expected|Cannot) /.test(issue.message);
  const found = path === "token" ? "a text" : JSON.stringify(issue.input);
  return `${path}: found ${found}, ${isOurs ? issue.message : `expected ${issue.expected ?? "another value"}`}`;
}

/** Splits `WHAT,link=LINK-ADDRESS`. */
function splitLink(text: string): { readonly what: string; readonly linkAddress: Uint8Array } {
  const [what, link, ...more] = text.split(",") as [string, string?, ...string[]];
  if (link === undefined) return { what, linkAddress: new Uint8Array(16) };
  const linkText = /^link=(.+)$/.exec(link)?.[1];
  if (linkText === undefined || more.length > 0) {
    throw new SyntaxError(`expected nothing or ",link=ADDRESS" behind "${what}"`);
  }
  const linkAddress = parseIPv6(linkText);
  if (isLinkLocal(linkAddress) || isMulticast(linkAddress)) {
    throw new RangeError("expected a link-address of global or unique local scope");
  }
  return { what, linkAddress };
}

/** Parses `[ADDRESS]:PORT`, with or without `,link=LINK-ADDRESS`. */
function parseListener(text: string): ListenerConfig {
  const { what, linkAddress } = splitLink(text);
  const [, address, port] = /^\[([^\]]+)\]:(\d{1,5})$/.exec(what) ?? [];
  if (address === undefined || Number(port) > 0xffff) {
    throw new SyntaxError('expected "[ADDRESS]:PORT" with a port of 0 to 65535');
  }
  const [host, zone] = address.split("%", 2) as [string, string?];
  const octets = parseIPv6(host);
  const needsZone = isLinkLocal(octets) || isMulticast(octets);
  if (needsZone !== (zone !== undefined) || !isZone(zone ?? "") || zone === "") {
    throw new SyntaxError(
      `expected ${needsZone ? `the name of an interface, as in "[${host}%eth0]"` : "an address without a zone"}`,
    );
  }
  return { address, port: Number(port), linkAddress };
}

/** Parses `NAME`, with or without `,link=LINK-ADDRESS`. */
function parseInterface(text: string): ListenerConfig {
  const { what, linkAddress } = splitLink(text);
  if (what === "" || !isZone(what)) throw new SyntaxError("expected the name of an interface");
  return { address: `${allRelays}%${what}`, port: dhcpPort, linkAddress };
}

function parseAllocator(text: string): URL {
  const url = parseUrl(text);
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new SyntaxError('expected "https://HOST" or "http://HOST"');
  }
  if (url.username !== "" || url.search !== "" || url.hash !== "") {
    throw new SyntaxError("expected a URL without user, query and fragment");
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
