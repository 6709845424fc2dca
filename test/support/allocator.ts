/**
 * An allocator without sockets, asked as our relay would ask it.
 *
 * @module
 */
import type { Hono } from "hono";
import { createApp } from "../../src/http/app.ts";
import { createCounters } from "../../src/allocator/counters.ts";
import type { Counters } from "../../src/allocator/counters.ts";
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import type { Database } from "../../src/store/database/database.ts";
import { createStore } from "../../src/store/store.ts";
import type { Store } from "../../src/store/store.ts";
import { MessageType, OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { decodeDhcpV4 } from "../../src/wire/dhcpv4/message.ts";
import type { DhcpV4Message } from "../../src/wire/dhcpv4/message.ts";
import { decodePortParams } from "../../src/wire/dhcpv4/options/port-params.ts";
import type { PortParams } from "../../src/wire/dhcpv4/options/port-params.ts";
import { tryDecode } from "../../src/wire/decode-error.ts";
import { MessageType6, OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { decodeDhcpV4Response } from "../../src/wire/dhcpv6/dhcpv4-query.ts";
import type { Option6 } from "../../src/wire/dhcpv6/options.ts";
import { decodeRelayMessage, encodeRelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import type { RelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import { decodeFrames, encodeFrames } from "../../src/wire/frames.ts";
import { formatIPv4 } from "../../src/wire/ipv4-address.ts";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { TestClock } from "./clock.ts";
import { temporaryDatabase } from "./database.ts";

/** Secret of the tests' relays. */
export const relayToken = "a-token-of-the-tests";

/** Secret of the tests' operator. */
export const adminToken = "an-admin-token-of-the-tests";

/** The answer to one message. */
export interface TestAnswer {
  /** `offer`, `ack`, `nak`. */
  readonly type: string | undefined;
  readonly address: string;
  readonly portParams: PortParams | undefined;
  readonly message: DhcpV4Message;
  /** The same, as it came. */
  readonly octets: Uint8Array;
  /** DHCPv6 options beside the DHCPv4 message. */
  readonly options: readonly Option6[];
  /** RELAY-REPL of each level but our own, outermost first. */
  readonly levels: readonly RelayMessage[];
  /** RELAY-REPL of our own level. */
  readonly envelope: RelayMessage;
  /** Header of the DHCPV4-RESPONSE: type and flags. */
  readonly header: Uint8Array;
}

/** An allocator under test. */
export interface TestAllocator {
  readonly app: Hono;
  readonly database: Database;
  readonly store: Store;
  readonly counters: Counters;
  /** Lines of the log. */
  readonly logged: { readonly fields: object; readonly message: string }[];
  /** Clock of the leases; leave it undefined for the database's own. */
  now: number | undefined;
  /** POSTs frames and returns the response as it is. */
  readonly post: (body: Uint8Array, headers?: Record<string, string>) => Promise<Response>;
  /** Sends DHCPv6 messages in one POST; the answers come in no order, so each is found by its Interface-Id. */
  readonly ask: (...messages: TestMessage[]) => Promise<(TestAnswer | undefined)[]>;
}

/** A message as it reaches our relay. */
export interface TestMessage {
  readonly octets: Uint8Array;
  /** IPv6 source of the datagram. */
  readonly source?: string;
  /** Link-address that our relay fills in. */
  readonly linkAddress?: string;
}

/** Options of {@link createTestAllocator}. */
export interface TestAllocatorOptions {
  /** What the allocator gets instead of the database. */
  readonly replace?: (database: Database) => Database;
  /** Databases of domains that are elsewhere. */
  readonly placed?: ReadonlyMap<string, Database>;
  /** Clock of a database that is given; a database of its own gets one of its own. */
  readonly clock?: Pick<TestClock, "seconds" | "clockMs" | "localMs">;
}

/** Creates an allocator on a database of its own, or on one that is given. */
export async function createTestAllocator(
  declaration: DeclarationInput | Database,
  {
    replace = (database) => database,
    placed = new Map<string, Database>(),
    clock = new TestClock(),
  }: TestAllocatorOptions = {},
): Promise<TestAllocator> {
  const { clockMs, localMs } = clock;
  const database = replace(
    "domains" in declaration ? await temporaryDatabase(declaration, { clockMs }) : declaration,
  );
  const store = createStore({ main: database, placed });
  const logged: TestAllocator["logged"] = [];
  const counters = createCounters();
  const log = (fields: object, message: string) => void logged.push({ fields, message });
  const app = createApp({
    store,
    relayToken,
    adminToken,
    counters,
    localMs,
    log: { debug: () => undefined, info: log, warn: log, error: log },
  });
  const post = async (body: Uint8Array, headers: Record<string, string> = {}): Promise<Response> =>
    app.request("/v1/relay", {
      method: "POST",
      headers: {
        authorization: `Bearer ${relayToken}`,
        "content-type": "application/octet-stream",
        ...headers,
      },
      body,
    });
  return {
    app,
    database,
    store,
    counters,
    logged,
    post,
    ask: askBy(post),
    get now() {
      return clock.seconds;
    },
    set now(seconds) {
      clock.seconds = seconds;
    },
  };
}

/** Asks as our relay would, over whatever posts. */
export function askBy(post: TestAllocator["post"]): TestAllocator["ask"] {
  return async (...messages) => {
    const response = await post(encodeFrames(messages.map(wrap)));
    if (response.status !== 200) throw new Error(`Cannot ask: status is ${response.status}, expected 200`);
    const frames = decodeFrames(new Uint8Array(await response.arrayBuffer()), messages.length);
    const answers = new Array<TestAnswer | undefined>(messages.length).fill(undefined);
    for (const frame of frames) {
      const answer = unwrap(frame);
      answers[answer.envelope.options[0]!.data[0]! * 256 + answer.envelope.options[0]!.data[1]!] = answer;
    }
    return answers;
  };
}

/** Posts to an allocator that listens at a URL. */
export function postTo(url: string, token: string): TestAllocator["post"] {
  return (body, headers = {}) =>
    fetch(`${url}/v1/relay`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/octet-stream",
        ...headers,
      },
      body: body as Uint8Array<ArrayBuffer>,
    });
}

/** Puts a message into the level of our relay; its Interface-Id is the place in the batch. */
export function wrap(message: TestMessage, index: number): Uint8Array {
  const level = {
    hopCount: 0,
    linkAddress: parseIPv6(message.linkAddress ?? "::"),
    peerAddress: parseIPv6(message.source ?? "fe80::1"),
    options: [{ code: OptionCode6.interfaceId, data: Uint8Array.of(index >> 8, index & 255) }],
  };
  return encodeRelayMessage(MessageType6.relayForward, level, message.octets);
}

/** Reads an answer of our relay's level, down to its DHCPv4 message. */
export function unwrap(frame: Uint8Array): TestAnswer {
  const { levels, ...answer } = readAnswer(frame);
  return { ...answer, envelope: levels[0]!, levels: levels.slice(1) };
}

/** Reads a datagram that comes down: a DHCPV4-RESPONSE, in as many RELAY-REPL as there are around it. */
export function readAnswer(datagram: Uint8Array): Omit<TestAnswer, "envelope"> {
  const levels: RelayMessage[] = [];
  let octets = datagram;
  while (octets[0] === MessageType6.relayReply) {
    levels.push(decodeRelayMessage(octets));
    octets = levels.at(-1)!.message;
  }
  const { options, dhcpv4 } = decodeDhcpV4Response(octets);
  const message = decodeDhcpV4(dhcpv4);
  const type = message.options.get(OptionCode.messageType)?.[0];
  return {
    type: Object.entries(MessageType).find(([, value]) => value === type)?.[0],
    address: formatIPv4(message.yiaddr),
    portParams: tryDecode(decodePortParams, message.options.get(OptionCode.portParams)),
    message,
    octets: dhcpv4,
    options,
    levels,
    header: octets.subarray(0, 4),
  };
}
