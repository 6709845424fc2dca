/**
 * The system under test: one database file, two allocators with a connection each, a clock that commands move, and
 * clients that remember the last pair that they received.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { auditOfLast } from "../../src/store/configuration/audit.ts";
import type { Database } from "../../src/store/database/database.ts";
import { wholeDatabase } from "../../src/store/database/databases.ts";
import { openFile } from "../../src/store/database/file.ts";
import { endLease, moveLease } from "../../src/store/evidence/lease-changes.ts";
import { lookUp } from "../../src/store/evidence/history.ts";
import { decodeHex } from "../../src/wire/hex.ts";
import { endByOperator, move, serve } from "../oracle/expected.ts";
import type { Scene } from "../oracle/expected.ts";
import type { JudgedConfiguration } from "../oracle/judge.ts";
import { freeNever } from "../oracle/leases.ts";
import { checkLookUp } from "../oracle/look-ups.ts";
import { firstPortOf, nameOfPair, slotOfPair } from "../oracle/pools.ts";
import type { NamedPair } from "../oracle/pools.ts";
import type { LeaseRow } from "../oracle/rows.ts";
import { must } from "../oracle/violation.ts";
import type { BatchCause } from "../oracle/watched-batches.ts";
import { DatabaseWatch, readAll } from "../oracle/watched-database.ts";
import { TestClock } from "../support/clock.ts";
import type { TestAnswer } from "../support/allocator.ts";
import { domainName, resetStatements, rulesOf } from "./domain.ts";
import { JudgedRun } from "./judged-run.ts";
import { asExpected, buildMessage, clientIds, readAnswer } from "./messages.ts";
import type { Built, Exchange, GivenAnswer } from "./messages.ts";
import type { Command, Fate, PlannedMessage, Settings } from "./plan.ts";
import { Side } from "./side.ts";

const startSeconds = 1_700_000_000;
/**
 * Milliseconds between two sends of a second. Estimates of the database's clock may be off by what two clocks drift
 * apart in `clockReadingMsMax`, which is 5 ms. A RELEASE that arrives sooner after its lease began does not end it.
 */
const sendIntervalMs = 6;

/** One database and two allocators, which are reused for every run. */
export class World {
  readonly #url: string;
  readonly #clock = new TestClock(startSeconds);
  readonly #watch: DatabaseWatch<BatchCause>;
  readonly #sides: Side[] = [];
  /** Connection of operators, and of those who look on. */
  #database!: Database;
  /** The configuration of the database, which it reports when it changes. */
  #configuration!: JudgedConfiguration;
  /** The oracle of the current run; undefined between two runs. */
  #run: JudgedRun | undefined;
  /** What the oracle found while an allocator or an operator worked. */
  readonly #found: Error[] = [];
  #settings!: Settings;
  #now = startSeconds;
  /** Number of the next send in the second {@link World.#now}. Nothing is sent at its very beginning. */
  #sends = 1;
  #changes = 0;
  /** Client -> the pair of the last OFFER or ACK that it received. */
  #heard = new Map<string, NamedPair>();
  #sent: Built[] = [];
  #xid = 1;
  /** Counts of messages and answers over all runs, to check that the model covers every kind. */
  readonly seen = new Map<string, number>();

  private constructor(url: string) {
    this.#url = url;
    this.#watch = new DatabaseWatch<BatchCause>({
      onCommit: (commit, cause) => {
        this.#guard((run) => {
          run.committed(commit, cause, this.#clock.clockMs());
        });
      },
      onConfigured: (configuration) => {
        this.#configuration = configuration;
        this.#run?.judge.configure(configuration, this.#clock.clockMs());
      },
    });
  }

  /** @param url A migrated database with the domain of the model (`domain.ts`). */
  static async open(url: string): Promise<World> {
    const world = new World(url);
    world.#database = await world.#connect();
    for (const number of [0, 1]) world.#sides.push(await world.#openSide(number));
    return world;
  }

  close(): void {
    for (const side of this.#sides) side.close();
    this.#database.close();
  }

  async #connect(): Promise<Database> {
    // The model does not test durability, and a sync for each commit would take most of the time.
    const database = openFile(this.#url, { clockMs: this.#clock.clockMs, sync: "off" });
    await this.#watch.attach(database);
    return database;
  }

  #openSide(number: number): Promise<Side> {
    return Side.open({
      name: `allocator ${number}`,
      clock: this.#clock,
      watch: this.#watch,
      connect: () => this.#connect(),
      onFacts: (cause, result) => {
        this.#guard((run) => {
          run.gotFacts(cause, result);
        });
      },
    });
  }

  /** What the oracle finds while an allocator works must not be taken for an error of its database. */
  #guard(check: (run: JudgedRun) => void): void {
    if (this.#run === undefined) return;
    try {
      check(this.#run);
    } catch (error) {
      this.#found.push(error as Error);
    }
  }

  /** @throws {Violation} If the oracle found one. */
  #throwFound(): void {
    const [first] = this.#found.splice(0);
    if (first !== undefined) throw first;
  }

  /** Writes as an operator does. */
  readonly #write: Database["write"] = (statements) =>
    this.#watch.write(this.#database, statements, this.#clock.clockMs(), undefined);

  /** Empties the database and applies the settings of a run. */
  async reset(settings: Settings): Promise<void> {
    this.#run = undefined;
    this.#found.length = 0;
    this.#now = startSeconds;
    this.#clock.seconds = startSeconds;
    this.#sends = 1;
    this.#settings = settings;
    this.#heard = new Map();
    this.#sent = [];
    await this.#write(resetStatements(settings));
    const { rows } = await readAll(this.#database);
    this.#run = new JudgedRun(this.#configuration, rows, this.#clock.clockMs());
    // The clock has gone back to the start, so no allocator may keep a reading of it.
    for (const side of this.#sides) await side.forget();
  }

  get #judged(): JudgedRun {
    return this.#run!;
  }

  /** Runs one command, and compares the database with what was committed. */
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
        this.#advanceToEnd(command.offset);
        break;
      case "look-up":
        await this.#lookUp(command);
        break;
      case "move":
      case "end":
        await this.#operate(command);
        break;
      case "restart":
        await this.#sides[command.allocator]!.restart();
        break;
      case "reconfigure":
        await this.#write([
          {
            sql: "UPDATE domain SET settings = json_set(settings, '$.options.mtu', ?)",
            args: [1280 + (this.#changes++ % 100)],
          },
        ]);
    }
    await this.#judged.audit(this.#database, this.#clock.clockMs());
  }

  async #post({ allocator, messages, fate, twice }: Extract<Command, { kind: "post" }>): Promise<void> {
    const built = this.#build(messages);
    if (built.length > 1) {
      await this.#exchangeMany([[allocator, built]], fate);
      return;
    }
    const first = await this.#exchangeOne(allocator, built[0]!, fate);
    if (!twice) return;
    const second = await this.#exchangeOne(1 - allocator, built[0]!, "heard");
    if (first === "unknown") return;
    const [one, other] = [first, second].map((answer) => (answer as TestAnswer | undefined)?.message);
    must(isDeepStrictEqual(one, other), "a repeated message got a different answer", one, other);
  }

  async #race(left: readonly PlannedMessage[], right: readonly PlannedMessage[]): Promise<void> {
    const leftClients = new Set(left.map(({ client }) => client));
    const built = [left, right.filter(({ client }) => !leftClients.has(client))].map((messages) =>
      this.#build(messages),
    );
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
    for (const what of ["discover", "select"] as const)
      await this.#exchangeMany([[allocator, this.#build(messages(what))]], "heard");
  }

  /** The slot of a number. */
  #slot(number: number): number {
    return this.#judged.judge.pools.flatMap(({ keys }) => keys)[number]!;
  }

  async #lookUp({ slot, edge, offset }: Extract<Command, { kind: "look-up" }>): Promise<void> {
    const { judge } = this.#judged;
    const key = this.#slot(slot);
    const edges = this.#judged.edgesOf(key);
    const at = Math.min(this.#now, (edges[edge % edges.length] ?? this.#now) + offset);
    this.#clock.seconds = this.#instant.seconds;
    const pair = judge.pairOf(key)!;
    const asked = { address: pair.address, port: firstPortOf(pair), at };
    const answer = await lookUp(wholeDatabase(this.#database), { ...asked, toleranceSeconds: 0 });
    checkLookUp([judge], asked, answer);
    if (answer.kind === "answer")
      for (const { certainty } of answer.holders) this.#see(`look-up ${certainty}`);
  }

  #advanceToEnd(offset: number): void {
    const ends = [...this.#judged.rows.values()].flatMap(({ expiresAt, freeAt }) => [expiresAt, freeAt]);
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

  /** Lets the time of the next send come. */
  #takeTurn(): void {
    this.#clock.seconds = this.#instant.seconds;
    this.#sends++;
  }

  /** The rules and rows, for a message that is sent next. Its rows are a copy. */
  #scene(): Scene {
    const { judge, rows } = this.#judged;
    const rules = rulesOf(this.#configuration, this.#settings);
    return { ...this.#instant, rules, pools: judge.pools, rows: new Map(rows) };
  }

  /** An operator moves or ends a lease. All rows must be the expected ones. */
  async #operate(command: Extract<Command, { kind: "move" | "end" }>): Promise<void> {
    const { judge, rows } = this.#judged;
    const client = clientIds[command.client]!;
    const scene = this.#scene();
    this.#takeTurn();
    const held = [...rows.values()].find((row) => row.client === client);
    if (held === undefined) return;
    const operators = { ...this.#database, write: this.#write };
    const handle = { slot: held.slot, clientId: decodeHex(client), since: held.since };
    const audit = auditOfLast({
      actor: "an operator",
      action: command.kind === "move" ? "move" : "release",
      resource: "lease",
      name: nameOfPair(judge.pairOf(held.slot)!),
      domain: domainName,
      before: null,
      after: null,
    });
    const { isDone } =
      command.kind === "move"
        ? await moveLease(operators, handle, this.#slot(command.slot), audit)
        : await endLease(operators, handle, scene.rules.quarantineSeconds, audit);
    this.#throwFound();
    this.#see(`${command.kind} ${isDone ? "done" : "refused"}`);
    if (command.kind === "move") move(scene, client, this.#slot(command.slot));
    else endByOperator(scene, client);
    mustEqual(`the rows after an operator's ${command.kind}`, comparable(scene.rows), comparable(rows));
  }

  /** Makes the messages of clients that know what they have heard so far. */
  #build(messages: readonly PlannedMessage[]): Built[] {
    const built = messages.map((planned) =>
      buildMessage(planned, this.#heard.get(clientIds[planned.client]!), this.#xid++),
    );
    this.#sent.push(...built);
    return built;
  }

  /** Sends a single message, and compares the answer and all rows with the expected ones. */
  async #exchangeOne(
    allocator: number,
    built: Built,
    fate: Fate,
  ): Promise<TestAnswer | undefined | "unknown"> {
    const { judge, rows } = this.#judged;
    const before = comparable(rows);
    const scene = this.#scene();
    const expectedAnswer = serve(scene, built.message);
    const [answer] = await this.#exchangeMany([[allocator, [built]]], fate);
    const [expected, after] = [comparable(scene.rows), comparable(rows)];
    // After `commit-unknown`, the fault may also have hit a batch that changed nothing because its domains were stale.
    const mayBe = { "not-committed": [before], "commit-unknown": [before, expected] }[fate as string] ?? [
      expected,
    ];
    if (!mayBe.some((each) => isDeepStrictEqual(each, after)))
      mustEqual("the rows after a message", mayBe.at(-1)!, after);
    if (answer === "unknown") return answer;
    this.#see(`${built.message.what} ${expectedAnswer.kind}`);
    const given = answer && readAnswer(built, answer);
    mustEqual("the answer", expectedAnswer, asExpected(judge.pools, given));
    return answer;
  }

  /** Sends one POST, or two at the same time, and checks what holds for any number of messages. */
  async #exchangeMany(
    posts: readonly (readonly [allocator: number, built: readonly Built[]])[],
    fate: Fate,
  ): Promise<(TestAnswer | undefined | "unknown")[]> {
    const judged = this.#judged;
    const built = posts.flatMap(([, each]) => each);
    const before = new Map(judged.rows);
    this.#takeTurn();
    const nowMs = this.#clock.clockMs();
    judged.send(
      built.map(({ message }) => message),
      nowMs,
    );
    const answers = (
      await Promise.all(posts.map(([allocator, each]) => this.#sides[allocator]!.send(each, fate)))
    ).flat();
    this.#throwFound();
    const exchanges = built.map((each, index): Exchange => {
      const answer = answers[index];
      const isKnown = answer !== undefined && answer !== "unknown";
      return [each.message, isKnown ? readAnswer(each, answer) : answer];
    });
    judged.checkAnswers(exchanges, before, nowMs);
    if (fate !== "answers-lost") this.#hear(exchanges, nowMs);
    return answers;
  }

  /** Each client remembers the pair of an OFFER or ACK until the next one. A NAK does not change it. */
  #hear(exchanges: readonly Exchange[], nowMs: number): void {
    this.#judged.hear(exchanges, nowMs);
    for (const [{ client }, answer] of exchanges) {
      if (answer === undefined || answer === "unknown") continue;
      this.#see(answer.kind);
      if (answer.pair !== undefined) this.#heard.set(client, this.#known(answer.pair));
    }
  }

  /** The pair as the pools have it. */
  #known(pair: NonNullable<GivenAnswer["pair"]>): NamedPair {
    const { judge } = this.#judged;
    return judge.pairOf(slotOfPair(judge.pools, pair)!)!;
  }

  #see(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1);
  }
}

function mustEqual(what: string, expected: unknown, found: unknown): void {
  must(isDeepStrictEqual(expected, found), `${what} are not the expected ones`, { expected, found });
}

/** Rows without their times of change: the judge says when these change. */
const comparable = (rows: ReadonlyMap<number, LeaseRow>) =>
  [...rows.values()].map((row) => ({ ...row, updatedAt: undefined })).sort((a, b) => a.slot - b.slot);
