/**
 * The system under test: one database file, two allocators with a connection each, a clock that commands move, and
 * clients that remember the last pair that they received.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { sql } from "drizzle-orm";
import {
  encodeDecline,
  encodeDiscover,
  encodeInitReboot,
  encodeRebinding,
  encodeRelease,
  encodeRenewing,
  encodeSelecting,
} from "../../src/client/query.ts";
import { DatabaseError } from "../../src/store/database/database.ts";
import type { Database, Statement } from "../../src/store/database/database.ts";
import { wholeDatabase } from "../../src/store/database/databases.ts";
import { openFile } from "../../src/store/database/file.ts";
import { endLease, moveLease } from "../../src/store/evidence/lease-changes.ts";
import { lookUp } from "../../src/store/evidence/history.ts";
import { OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { decodeSeconds } from "../../src/wire/dhcpv4/options/seconds.ts";
import { decodeHex, encodeHex } from "../../src/wire/hex.ts";
import { formatIPv6, parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import { createTestAllocator } from "../support/allocator.ts";
import { TestClock } from "../support/clock.ts";
import type { TestAllocator, TestAnswer } from "../support/allocator.ts";
import { clientProfile, fullProfile } from "../support/clients.ts";
import type { GivenAnswer, Monitor, Snapshot } from "./monitor.ts";
import {
  declineSeconds,
  endByOperator,
  freeNever,
  holdSeconds,
  leaseSeconds,
  leaseSecondsMax,
  leaseSecondsMin,
  move,
  serve,
} from "./oracle.ts";
import type { ExpectedAnswer, Message, Row } from "./oracle.ts";
import { clientsCount, sharingClients, sitesCount } from "./plan.ts";
import type { Command, Fate, PlannedMessage, Settings } from "./plan.ts";
import { namedPairs, poolsOf } from "./pools.ts";
import type { NamedPair, Pools } from "./pools.ts";

/** Stands for the record of a change. */
const noAudit = sql`SELECT 1`;
const serverIdentifier = parseIPv4("198.51.100.1");
const otherServer = parseIPv4("198.51.100.2");
const startSeconds = 1_700_000_000;

/** The domain of every run. The settings of a run override some of its fields. */
export const declaration = {
  domains: [
    {
      name: "model",
      default: true,
      serverIdentifier: "198.51.100.1",
      leaseSeconds: { default: leaseSeconds, min: leaseSecondsMin, max: leaseSecondsMax },
      offerHoldSeconds: holdSeconds,
      declineSeconds,
      pools: [
        { name: "shared", kind: "shared" as const, range: "192.0.2.0/31", psidLength: 2 },
        { name: "full", kind: "full" as const, range: "203.0.113.0/31" },
      ],
    },
  ],
};

/** An allocator whose database connection can be made to fail. */
interface Side {
  database: Database;
  allocator: TestAllocator;
  /** Whether the next write batch fails before its commit, after it, or not at all. */
  fault: "none" | "before" | "after";
}

/** A message with its octets. */
interface Built {
  readonly message: Message;
  readonly octets: Uint8Array;
  /** IPv6 source address as text. */
  readonly source: string;
}

/**
 * Milliseconds between two sends of a second. Estimates of the database's clock may be off by what two clocks drift
 * apart in `clockReadingMsMax`, which is 5 ms. A RELEASE that arrives sooner after its lease began does not end it.
 */
const sendIntervalMs = 6;

const clientIds = Array.from({ length: clientsCount }, (_, client) =>
  encodeHex(clientProfile(client).clientIdentifier),
);

/** One database and two allocators, which are reused for every run. */
export class World {
  readonly #sides: Side[];
  readonly #reader: Database;
  readonly #clock: TestClock;
  #now = startSeconds;
  /** Number of the next send in the second {@link World.#now}. Nothing is sent at its very beginning. */
  #sends = 1;
  #monitor!: Monitor;
  #settings!: Settings;
  #changes = 0;
  #last: Snapshot | undefined;
  /** Client -> the pair of the last OFFER or ACK that it received. */
  #heard = new Map<number, NamedPair>();
  #sent: Built[] = [];
  #xid = 1;
  /** Counts of messages and answers over all runs, to check that the model covers every kind. */
  readonly seen = new Map<string, number>();

  /** Opens another connection to the database. */
  readonly #connect: () => Database;

  private constructor(sides: Side[], connect: () => Database, clock: TestClock) {
    this.#sides = sides;
    this.#connect = connect;
    this.#reader = connect();
    this.#clock = clock;
  }

  /** @param url A migrated database with {@link declaration}. */
  static async open(url: string): Promise<World> {
    const clock = new TestClock(startSeconds);
    // The model does not test durability, and a sync for each commit would take most of the time.
    const connect = (): Database => openFile(url, { clockMs: clock.clockMs, sync: "off" });
    const sides: Side[] = [];
    for (let side = 0; side < 2; side++) sides.push(await openSide(connect(), clock));
    return new World(sides, connect, clock);
  }

  close(): void {
    for (const { database } of this.#sides) database.close();
    this.#reader.close();
  }

  /** Empties the database and applies the settings of a run. */
  async reset(settings: Settings, monitor: Monitor): Promise<void> {
    this.#now = startSeconds;
    this.#sends = 1;
    this.#settings = settings;
    this.#monitor = monitor;
    this.#heard = new Map();
    this.#sent = [];
    const { fill, hasReservation, softwireIntervalSeconds, ...fields } = settings;
    const softwire = { updateIntervalSeconds: softwireIntervalSeconds };
    const statements: Statement[] = [
      { sql: "DELETE FROM lease", args: [] },
      { sql: "DELETE FROM history", args: [] },
      { sql: "UPDATE pool SET cursor = 0, fill = ?", args: [fill] },
      {
        sql: "UPDATE domain SET settings = json_patch(settings, ?)",
        args: [
          JSON.stringify({
            siteLeasesMax: fields.siteLeasesMax,
            quarantineSeconds: fields.quarantineSeconds,
            rebootNeedsSameSource: fields.rebootNeedsSameSource,
            softwire,
          }),
        ],
      },
    ];
    if (hasReservation) {
      statements.push({
        sql: `INSERT INTO lease (slot, domain_id, client_id, state, expires_at, free_at, updated_at)
          SELECT ?, id, unhex(?), 3, 0, ?, 0 FROM domain`,
        args: [poolsOf(settings).keys[0]!, clientIds[0]!, freeNever],
      });
    }
    await this.#reader.write(statements);
    // The clock has gone back to the start, so no allocator may keep a reading of it.
    for (const side of this.#sides) side.allocator = await createSideAllocator(side, this.#clock);
    this.#last = undefined;
  }

  /** Runs one command and checks the invariants after it. */
  async do(command: Command): Promise<void> {
    switch (command.kind) {
      case "post":
        await this.#post(command);
        break;
      case "race":
        await this.#race(command.left, command.right);
        break;
      case "join":
        await this.#join(command.allocator, command.clients);
        break;
      case "old": {
        const built = this.#sent.at(-1 - command.back);
        if (built !== undefined) await this.#exchangeOne(command.allocator, built, "heard");
        break;
      }
      case "advance":
        this.#advanceTo(this.#now + command.seconds);
        break;
      case "advance-to-end":
        await this.#advanceToEnd(command.offset);
        break;
      case "look-up":
        await this.#lookUp(command);
        break;
      case "move":
      case "end":
        await this.#operate(command);
        break;
      case "restart":
        await this.#restart(command.allocator);
        break;
      case "reconfigure":
        await this.#reader.write([
          {
            sql: "UPDATE domain SET settings = json_set(settings, '$.options.mtu', ?)",
            args: [1280 + (this.#changes++ % 100)],
          },
        ]);
    }
    this.#monitor.check(await this.#snapshot(), this.#now);
  }

  async #post({ allocator, messages, fate, twice }: Extract<Command, { kind: "post" }>): Promise<void> {
    const built = messages.map((planned) => this.#build(planned));
    this.#sent.push(...built);
    if (built.length > 1) {
      await this.#exchangeMany([[allocator, built]], fate);
      return;
    }
    const first = await this.#exchangeOne(allocator, built[0]!, fate);
    if (!twice) return;
    const second = await this.#exchangeOne(1 - allocator, built[0]!, "heard");
    if (first === "unknown" || isDeepStrictEqual(dhcpOf(first), dhcpOf(second))) return;
    throw new Error(
      `a repeated message got a different answer: ${describe(first, poolsOf(this.#settings))}, then ${describe(second, poolsOf(this.#settings))}`,
    );
  }

  async #race(left: readonly PlannedMessage[], right: readonly PlannedMessage[]): Promise<void> {
    const leftClients = new Set(left.map(({ client }) => client));
    const built = [left, right.filter(({ client }) => !leftClients.has(client))].map((messages) =>
      messages.map((planned) => this.#build(planned)),
    );
    this.#sent.push(...built.flat());
    await this.#exchangeMany(
      built.map((each, side) => [side, each] as const),
      "heard",
    );
  }

  async #join(allocator: number, clients: readonly number[]): Promise<void> {
    const messages = (what: PlannedMessage["what"]): PlannedMessage[] =>
      clients.map((client) => ({
        what,
        client,
        pair: what === "discover" ? -1 : "own",
        withoutPortSet: false,
        softwire: null,
        wish: null,
        otherKind: false,
        place: 0,
      }));
    for (const what of ["discover", "select"] as const) {
      const built = messages(what).map((planned) => this.#build(planned));
      this.#sent.push(...built);
      await this.#exchangeMany([[allocator, built]], "heard");
    }
  }

  async #lookUp({ slot, edge, offset }: Extract<Command, { kind: "look-up" }>): Promise<void> {
    const pools = poolsOf(this.#settings);
    const key = pools.keys[slot]!;
    const edges = this.#monitor.edgesOf(key);
    const at = Math.min(this.#now, (edges[edge % edges.length] ?? this.#now) + offset);
    this.#clock.seconds = this.#instant.seconds;
    const { address, first } = pools.portsOf(key);
    const question = { address, port: first, at, toleranceSeconds: 0 };
    const answer = await lookUp(wholeDatabase(this.#reader), question);
    if (answer.kind !== "answer") throw new Error(`a look-up found no answer: ${answer.kind}`);
    const found = answer.holders.map(({ certainty, tenure }) => ({
      certainty,
      client: clientOf(encodeHex(tenure.clientId)),
    }));
    for (const { certainty } of found) this.#see(`look-up ${certainty}`);
    this.#monitor.checkLookUp(key, at, found);
  }

  async #advanceToEnd(offset: number): Promise<void> {
    const { rows } = await this.#snapshot();
    const ends = [...rows.values()].flatMap(({ expiresAt, freeAt }) => [expiresAt, freeAt]);
    const next = Math.min(...ends.filter((end) => end > this.#now));
    if (next < freeNever) this.#advanceTo(Math.max(this.#now, next + offset));
  }

  /** The time of the next send, and the same rounded down and up. */
  get #instant() {
    const seconds = this.#now + (this.#sends * sendIntervalMs) / 1000;
    return { seconds, now: this.#now, nowUp: Math.ceil(seconds) };
  }

  #advanceTo(seconds: number): void {
    if (seconds !== this.#now) this.#sends = 1;
    this.#now = seconds;
  }

  /** An operator moves or ends a lease. All rows must be those of the oracle. */
  async #operate(command: Extract<Command, { kind: "move" | "end" }>): Promise<void> {
    const { client } = command;
    const { rows } = await this.#snapshot();
    const instant = this.#instant;
    this.#clock.seconds = instant.seconds;
    this.#sends++;
    const held = [...rows.values()].find((row) => row.client === client);
    const expected = new Map(rows);
    const scene = { ...instant, settings: this.#settings, rows: expected };
    const { quarantineSeconds } = this.#settings;
    if (held !== undefined) {
      const handle = { slot: held.slot, clientId: decodeHex(clientIds[client]!), since: held.since };
      const slot = command.kind === "move" ? poolsOf(this.#settings).keys[command.slot]! : held.slot;
      const { isDone } =
        command.kind === "move"
          ? await moveLease(this.#reader, handle, slot, noAudit)
          : await endLease(this.#reader, handle, quarantineSeconds, noAudit);
      this.#see(`${command.kind} ${isDone ? "done" : "refused"}`);
      if (command.kind === "move") {
        move(scene, client, slot);
        const pending = slot === held.slot ? null : { from: held.slot, to: slot, until: held.freeAt };
        if (isDone) this.#monitor.recordMove(client, pending);
      } else {
        endByOperator(scene, client);
        if (isDone) this.#monitor.recordEnd(client, instant.now);
      }
    }
    this.#last = undefined;
    const after = (await this.#snapshot()).rows;
    mustEqual(`the rows after an operator's ${command.kind}`, sortRows(expected), sortRows(after));
  }

  async #restart(allocator: number): Promise<void> {
    const side = this.#sides[allocator]!;
    side.database.close();
    side.database = this.#connect();
    side.allocator = await createSideAllocator(side, this.#clock);
  }

  #build(planned: PlannedMessage): Built {
    const isSharing = planned.client < sharingClients !== planned.otherKind;
    const wish = planned.wish ?? undefined;
    const kind = isSharing ? clientProfile(planned.client) : fullProfile(planned.client);
    const profile = { ...kind, leaseSeconds: wish };
    const site = planned.place === 2 ? (planned.client + 1) % sitesCount : planned.client % sitesCount;
    const source = formatIPv6(parseIPv6(`2001:db8:0:${site}00::${planned.place}:${planned.client + 1}`));
    const chosen =
      planned.pair === "own"
        ? this.#heard.get(planned.client)
        : planned.pair < 0
          ? undefined
          : namedPairs[planned.pair];
    const pair = chosen ?? (planned.what === "discover" ? undefined : namedPairs[0]!);
    const named = planned.withoutPortSet && pair !== undefined ? { ...pair, portParams: undefined } : pair;
    const softwire =
      planned.softwire === null ? undefined : parseIPv6(`2001:db8:ffff::${planned.softwire + 1}`);
    const isBinding = ["select", "renew", "rebind", "reboot"].includes(planned.what);
    const message: Message = {
      what: planned.what,
      client: planned.client,
      lists159: isSharing,
      pair: named,
      wish,
      softwire: isBinding && softwire !== undefined ? encodeHex(softwire) : null,
      source: encodeHex(parseIPv6(source)),
      site: `prefix:${encodeHex(parseIPv6(source).subarray(0, 7))}`,
    };
    return { message, source, octets: encode(message, profile, this.#xid++, softwire) };
  }

  /** Sends a single message, and compares the answer and all rows with the oracle. */
  async #exchangeOne(
    allocator: number,
    built: Built,
    fate: Fate,
  ): Promise<TestAnswer | undefined | "unknown"> {
    const { rows } = await this.#snapshot();
    const expected = new Map(rows);
    const expectedAnswer = serve(
      { ...this.#instant, settings: this.#settings, rows: expected },
      built.message,
    );
    const [answer] = await this.#exchangeMany([[allocator, [built]]], fate);
    const after = (await this.#snapshot()).rows;
    // After `commit-unknown`, the fault may also have hit a batch that changed nothing because its domains were stale.
    const mayBe = { "not-committed": [rows], "commit-unknown": [rows, expected] }[fate as string] ?? [
      expected,
    ];
    if (!mayBe.some((each) => isDeepStrictEqual(sortRows(each), sortRows(after)))) {
      mustEqual("the rows after a message", sortRows(mayBe.at(-1)!), sortRows(after));
    }
    if (answer === "unknown") return answer;
    this.#see(`${built.message.what} ${expectedAnswer.kind}`);
    mustEqual("the answer", expectedAnswer, comparableOf(answer, poolsOf(this.#settings)));
    return answer;
  }

  /** Sends one POST, or two at the same time, and checks what holds for any number of messages. */
  async #exchangeMany(
    posts: readonly (readonly [allocator: number, built: readonly Built[]])[],
    fate: Fate,
  ): Promise<(TestAnswer | undefined | "unknown")[]> {
    const instant = this.#instant;
    this.#clock.seconds = instant.seconds;
    this.#sends++;
    const answers = (
      await Promise.all(posts.map(([allocator, built]) => this.#send(this.#sides[allocator]!, built, fate)))
    ).flat();
    const built = posts.flatMap(([, each]) => each);
    this.#last = undefined;
    const { rows } = await this.#snapshot();
    const pools = poolsOf(this.#settings);
    const exchanges = built.map(({ message, octets }, index) => {
      const answer = answers[index];
      if (answer === undefined || answer === "unknown") return [message, answer] as const;
      checkAnswer(message, octets, answer, pools);
      return [message, givenAnswerOf(answer, pools)] as const;
    });
    this.#monitor.recordAnswers(exchanges, instant, rows);
    if (fate !== "answers-lost") this.#hear(exchanges);
    return answers;
  }

  async #send(
    side: Side,
    built: readonly Built[],
    fate: Fate,
  ): Promise<(TestAnswer | undefined | "unknown")[]> {
    if (built.length === 0) return [];
    this.#last = undefined;
    side.fault = fate === "commit-unknown" ? "after" : fate === "not-committed" ? "before" : "none";
    try {
      return await side.allocator.ask(...built);
    } catch (error) {
      const isExpected = fate === "commit-unknown" || fate === "not-committed";
      if (!(error instanceof Error)) throw error;
      if (!isExpected || !error.message.includes("503")) {
        const { err } = (side.allocator.logged.at(-1)?.fields ?? {}) as { err?: Error };
        throw new Error(`${error.message}; last error in the allocator's log: ${err?.message ?? "none"}`, {
          cause: error,
        });
      }
      return built.map(() => "unknown");
    } finally {
      side.fault = "none";
    }
  }

  /** Each client remembers the pair of an OFFER or ACK until the next one. A NAK does not change it. */
  #hear(exchanges: readonly (readonly [Message, GivenAnswer | undefined | "unknown"])[]): void {
    for (const [{ client }, answer] of exchanges) {
      if (answer === undefined || answer === "unknown") continue;
      this.#see(answer.kind);
      if (answer.slot !== undefined) {
        this.#heard.set(client, poolsOf(this.#settings).pairOf(answer.slot));
      }
    }
  }

  #see(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1);
  }

  /** Reads the database, or returns the last snapshot: only a POST changes the rows. */
  async #snapshot(): Promise<Snapshot> {
    return (this.#last ??= await this.#read());
  }

  async #read(): Promise<Snapshot> {
    const statements = [
      `SELECT slot, hex(client_id) AS client, state, expires_at, free_at, since, stated_seconds, hex(softwire) AS softwire,
        hex(source) AS source, site, move_to, move_from FROM lease ORDER BY slot`,
      "SELECT slot, hex(client_id) AS client, since, until FROM history ORDER BY id",
      "SELECT id, cursor FROM pool",
    ].map((sql) => ({ sql, args: [] }));
    const [leases, history, cursors] = await this.#reader.read(statements);
    const rows = leases!.rows.map((row): [number, Row] => [
      row[0] as number,
      {
        slot: row[0] as number,
        client: row[1] === "" ? null : clientOf(row[1]),
        state: row[2] as number,
        expiresAt: row[3] as number,
        freeAt: row[4] as number,
        since: row[5] as number | null,
        statedSeconds: row[6] as number | null,
        softwire: textOf(row[7]),
        source: textOf(row[8]),
        site: row[9] as string | null,
        moveTo: row[10] as number | null,
        moveFrom: row[11] as number | null,
      },
    ]);
    return {
      rows: new Map(rows),
      history: history!.rows.map((row) => ({
        slot: row[0] as number,
        client: clientOf(row[1]),
        since: row[2] as number,
        until: row[3] as number,
      })),
      cursors: new Map(cursors!.rows.map((row) => [row[0] as number, row[1] as number])),
    };
  }
}

const clientOf = (hex: unknown): number => clientIds.indexOf((hex as string).toLowerCase());
const textOf = (hex: unknown): string | null => (hex === "" ? null : (hex as string).toLowerCase());

async function openSide(database: Database, clock: TestClock): Promise<Side> {
  const side = { database, fault: "none" } as Side;
  side.allocator = await createSideAllocator(side, clock);
  return side;
}

function createSideAllocator(side: Side, clock: TestClock): Promise<TestAllocator> {
  const fail = (when: string): never => {
    side.fault = "none";
    throw new DatabaseError(`the connection broke ${when} the commit`);
  };
  const write: Database["write"] = async (statements) => {
    const { fault } = side;
    if (fault === "before") fail("before");
    const results = await side.database.write(statements);
    if (fault === "after") fail("after");
    return results;
  };
  return createTestAllocator({ ...side.database, write }, { clock });
}

function encode(
  message: Message,
  profile: ReturnType<typeof clientProfile>,
  xid: number,
  softwire: Uint8Array | undefined,
): Uint8Array {
  if (message.what === "discover") return encodeDiscover(profile, { xid, hint: message.pair ?? {} });
  const pair = { ...message.pair!, serverIdentifier };
  switch (message.what) {
    case "select":
      return encodeSelecting(profile, pair, { xid, softwire });
    case "withdraw":
      return encodeSelecting(profile, { ...pair, serverIdentifier: otherServer }, { xid, softwire });
    case "renew":
      return encodeRenewing(profile, pair, { xid, softwire });
    case "rebind":
      return encodeRebinding(profile, pair, { xid, softwire });
    case "reboot":
      return encodeInitReboot(profile, pair, { xid, softwire });
    case "release":
      return encodeRelease(profile, pair, { xid });
    case "decline":
      return encodeDecline(profile, pair, { xid });
  }
}

function mustEqual(what: string, expected: unknown, found: unknown): void {
  if (isDeepStrictEqual(expected, found)) return;
  throw new Error(`${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`);
}

const sortRows = (rows: ReadonlyMap<number, Row>): Row[] =>
  [...rows.values()].sort((a, b) => a.slot - b.slot);

const dhcpOf = (answer: TestAnswer | undefined | "unknown") =>
  answer === undefined || answer === "unknown" ? answer : answer.message;

const describe = (answer: TestAnswer | undefined | "unknown", pools: Pools): string =>
  JSON.stringify(answer === "unknown" ? answer : comparableOf(answer, pools));

function givenAnswerOf(answer: TestAnswer, pools: Pools): GivenAnswer {
  const { message, type, portParams } = answer;
  const seconds = message.options.get(OptionCode.leaseTime);
  const softwire = message.options.get(OptionCode.softwireSourceAddress);
  return {
    kind: type as GivenAnswer["kind"],
    slot: type === "nak" ? undefined : pools.keyOf({ address: message.yiaddr, portParams }),
    seconds: seconds === undefined ? 0 : decodeSeconds(seconds),
    softwire: softwire === undefined ? null : encodeHex(softwire),
  };
}

function comparableOf(answer: TestAnswer | undefined, pools: Pools): ExpectedAnswer {
  if (answer === undefined) return { kind: "silence" };
  const { kind, slot, seconds, softwire } = givenAnswerOf(answer, pools);
  return kind === "nak" ? { kind } : { kind, slot: slot!, seconds, softwire };
}

/** Checks what holds for every answer. */
function checkAnswer(message: Message, octets: Uint8Array, answer: TestAnswer, pools: Pools): void {
  const { options } = answer.message;
  const found = { message, type: answer.type, address: answer.address, portParams: answer.portParams };
  const must = (condition: boolean, rule: string): void => {
    if (!condition) throw new Error(`${rule}: ${JSON.stringify(found)}`);
  };
  const identifier = options.get(OptionCode.clientIdentifier);
  must(
    identifier !== undefined && encodeHex(identifier) === clientIds[message.client],
    "option 61 is not that of the client",
  );
  must(encodeHex(answer.header) === "15000000", "the header of the response has flags");
  // The xid of an answer must be one that occurs in the octets of the query.
  must(
    encodeHex(octets).includes(answer.message.xid.toString(16).padStart(8, "0")),
    "the xid is not that of the query",
  );
  const hasPortSet = options.has(OptionCode.portParams);
  must(!hasPortSet || message.lists159, "R7618-8-01: option 159 was sent to a client that does not list it");
  const isLease = answer.type === "offer" || answer.type === "ack";
  must(options.has(OptionCode.leaseTime) === isLease, "option 51 is missing from a lease, or in a NAK");
  must(!isLease || givenAnswerOf(answer, pools).slot !== undefined, "the pair of a lease is in no pool");
}
