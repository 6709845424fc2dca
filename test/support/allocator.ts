/**
 * An allocator without sockets, which receives the same requests as from our relay.
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
import { MessageType6, OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { encodeRelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import { decodeFrames, encodeFrames } from "../../src/wire/frames.ts";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { readAnswer } from "./answer.ts";
import type { TestAnswer } from "./answer.ts";
import { TestClock } from "./clock.ts";
import { temporaryDatabase } from "./database.ts";
import { adminToken, relayToken } from "./tokens.ts";

export { readAnswer } from "./answer.ts";
export type { TestAnswer } from "./answer.ts";
export { adminToken, relayToken } from "./tokens.ts";

/** An allocator under test. */
export interface TestAllocator {
  readonly app: Hono;
  readonly database: Database;
  readonly store: Store;
  readonly counters: Counters;
  /** Log lines, without those of level debug. */
  readonly logged: { readonly fields: object; readonly message: string }[];
  /** Lines of level debug. */
  readonly debugged: { readonly fields: object; readonly message: string }[];
  /** Unix seconds of the test clock, by which leases are judged; undefined means the real time. */
  now: number | undefined;
  /** POSTs frames and returns the HTTP response. */
  readonly post: (body: Uint8Array, headers?: Record<string, string>) => Promise<Response>;
  /** Sends DHCPv6 messages in one POST. Answers may come in any order; each is matched by its Interface-Id. */
  readonly ask: (...messages: TestMessage[]) => Promise<(TestAnswer | undefined)[]>;
}

/** A message as our relay receives it. */
export interface TestMessage {
  readonly octets: Uint8Array;
  /** IPv6 source of the datagram. */
  readonly source?: string;
  /** Link-address that our relay fills in. */
  readonly linkAddress?: string;
}

/** Options of {@link createTestAllocator}. */
export interface TestAllocatorOptions {
  /** Wraps the database, for example to make it fail. */
  readonly replace?: (database: Database) => Database;
  /** Wraps the store, for example to watch its batches. */
  readonly watch?: (store: Store) => Store;
  /** Databases of domains that are not in the main one, by domain name. */
  readonly placed?: ReadonlyMap<string, Database>;
  /** Clock of the allocator. For an existing database, pass the clock with which it was opened. Default: real time. */
  readonly clock?: Pick<TestClock, "seconds" | "clockMs" | "localMs">;
}

/** Creates an allocator, on a new database with this declaration or on an existing database. */
export async function createTestAllocator(
  declaration: DeclarationInput | Database,
  {
    replace = (database) => database,
    watch = (store) => store,
    placed = new Map<string, Database>(),
    clock = new TestClock(),
  }: TestAllocatorOptions = {},
): Promise<TestAllocator> {
  const { clockMs, localMs } = clock;
  const database = replace(
    "domains" in declaration ? await temporaryDatabase(declaration, { clockMs }) : declaration,
  );
  const store = watch(createStore({ main: database, placed }));
  const logged: TestAllocator["logged"] = [];
  const counters = createCounters();
  const log = (fields: object, message: string) => void logged.push({ fields, message });
  const debugged: TestAllocator["debugged"] = [];
  const debug = (fields: object, message: string) => void debugged.push({ fields, message });
  const app = createApp({
    store,
    relayToken,
    adminToken,
    counters,
    localMs,
    log: { debug, info: log, warn: log, error: log },
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
    debugged,
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

/** Creates {@link TestAllocator.ask} for the given way to POST. */
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

/** Creates {@link TestAllocator.post} for an allocator that listens at a URL. */
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

/** Wraps a message in the RELAY-FORW of our relay. The Interface-Id is the message's index in the batch. */
export function wrap(message: TestMessage, index: number): Uint8Array {
  const level = {
    hopCount: 0,
    linkAddress: parseIPv6(message.linkAddress ?? "::"),
    peerAddress: parseIPv6(message.source ?? "fe80::1"),
    options: [{ code: OptionCode6.interfaceId, data: Uint8Array.of(index >> 8, index & 255) }],
  };
  return encodeRelayMessage(MessageType6.relayForward, level, message.octets);
}

/** Decodes an answer to our relay, down to its DHCPv4 message. */
export function unwrap(frame: Uint8Array): TestAnswer {
  const { levels, ...answer } = readAnswer(frame);
  return { ...answer, envelope: levels[0]!, levels: levels.slice(1) };
}
