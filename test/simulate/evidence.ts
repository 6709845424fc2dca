/**
 * Asks the store for evidence while nothing else happens, and compares it with what the oracle knows: look-ups with the
 * oracle's own history, binding tables and statistics with the rows, the audit with the changes.
 *
 * @module
 */
import type { AuditPage, AuditRecord } from "../../src/store/configuration/audit.ts";
import type { Database } from "../../src/store/database/database.ts";
import type { Principal } from "../../src/store/principal.ts";
import type { BindingTable } from "../../src/store/evidence/bindings.ts";
import { createStore } from "../../src/store/store.ts";
import type { Store } from "../../src/store/store.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import type { Judge } from "../oracle/judge.ts";
import { checkLookUp } from "../oracle/look-ups.ts";
import { nameOfPair, somePortOf } from "../oracle/pools.ts";
import { countsOf } from "../oracle/row-audit.ts";
import { bindingsOf } from "../oracle/tenures.ts";
import { must } from "../oracle/violation.ts";
import type { Random } from "../support/random.ts";

/** A database and its judge. */
export interface JudgedDatabase {
  readonly database: Database;
  readonly judge: Judge;
  /** Unix seconds of its clock. */
  readonly now: () => number;
}

/** What an audit needs. */
export interface EvidenceWorld {
  readonly main: JudgedDatabase;
  /** Name of a domain -> its database, if it is not the main one. */
  readonly placed: ReadonlyMap<string, JudgedDatabase>;
  readonly domains: readonly string[];
  /** Whether the clock of a database's machine is wrong, or was until lately. */
  readonly isClockInDoubt: () => boolean;
}

/** A client that used a pair, for look-ups. */
export interface PastBelief {
  /** Option 61 in hexadecimal. */
  readonly client: string;
  readonly address: number;
  readonly port: number;
  /** Unix seconds, both included. */
  readonly from: number;
  readonly until: number;
}

/** A consumer's copy of the binding table of a domain. */
interface BindingCopy {
  readonly version: string;
  /** Name of a pair -> its softwire address. */
  readonly rows: ReadonlyMap<string, string>;
}

const everyone: Principal = { name: "the audit", scope: "read", domain: null };
/** Look-ups of each database in one audit. */
const lookUpsEach = 6;

/** Compares evidence with what the oracle knows. */
export class EvidenceAudit {
  readonly #world: EvidenceWorld;
  readonly #random: Random;
  /** The copies of consumers, by domain. */
  readonly #copies = new Map<string, BindingCopy>();

  constructor(world: EvidenceWorld, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  /** @throws {Violation} If evidence is wrong. */
  async check(): Promise<void> {
    const { main, placed, domains } = this.#world;
    const places = new Map([...placed].map(([domain, { database }]) => [domain, database]));
    // A new store has nothing in its caches.
    const store = createStore({ main: main.database, placed: places });
    const judged = [...new Set([main, ...placed.values()])];
    for (const each of judged)
      for (let turn = 0; turn < lookUpsEach; turn++) await this.#lookUp(store, each, judged);
    for (const domain of domains) await this.#checkBindings(store, domain);
    await this.#checkStatistics(store, judged);
    await this.#checkAudit(store, judged);
  }

  /** Asks who had some pair at a time at which something changed, or next to it. */
  async #lookUp(
    store: Store,
    { judge, now }: JudgedDatabase,
    judged: readonly JudgedDatabase[],
  ): Promise<void> {
    const random = this.#random;
    const { slots } = judge.tenures;
    if (slots.length === 0) return;
    const slot = random.pick(slots);
    const tenure = random.pick(judge.tenures.of(slot, judge.leases.rows.get(slot)));
    const { since, until } = tenure;
    const at = random.pick([
      since - 1,
      since,
      since + 1,
      Math.floor((since + until) / 2),
      until - 1,
      until,
      until + 1,
    ]);
    const pair = judge.pairOf(slot);
    if (at > now() || pair === undefined) return;
    const port = somePortOf(pair, (count) => random.below(count));
    const asked = { address: pair.address, port, at };
    const answer = await store.lookups.lookUp(everyone, { ...asked, toleranceSeconds: 0 });
    const judges = judged.map((each) => each.judge);
    checkLookUp(judges, asked, answer, {
      isClockInDoubt: this.#world.isClockInDoubt(),
      keptFrom: now() - judge.historySeconds,
    });
  }

  /** The client used a pair, so each look-up of that time names it. */
  async checkBelief({ client, address, port, from, until }: PastBelief): Promise<void> {
    const { main, placed } = this.#world;
    const at = from + this.#random.below(until - from + 1);
    const places = new Map([...placed].map(([domain, { database }]) => [domain, database]));
    const store = createStore({ main: main.database, placed: places });
    const answer = await store.lookups.lookUp(everyone, { address, port, at, toleranceSeconds: 0 });
    const isNamed =
      answer.kind === "answer" && answer.holders.some(({ tenure }) => encodeHex(tenure.clientId) === client);
    must(
      isNamed,
      "a client used a pair, and no look-up names it",
      { client, address, port, at, from, until },
      answer,
    );
  }

  /** What a consumer has after the changes since its last poll is the table, and this is what the rows say. */
  async #checkBindings(store: Store, domain: string): Promise<void> {
    const { judge } = this.#world.placed.get(domain) ?? this.#world.main;
    const opened = await store.bindings.open(everyone, domain);
    must(opened.kind === "table", "a domain has no binding table", domain, opened.kind);
    const { table } = opened;
    const { id } = table.domains[0]!;
    const whole = await wholeOf(table);
    const known = bindingsOf(judge.leases.rows.values(), id, table.time);
    const named = new Map([...known].map(([slot, softwire]) => [nameOfPair(judge.pairOf(slot)!), softwire]));
    mustEqual(whole, named, "the binding table differs from the rows", domain);
    must(new Set(named.values()).size === named.size, "two leases have one softwire address", [...named]);
    const copy = this.#copies.get(domain);
    const found = copy && (await table.changesSince(copy.version));
    if (copy !== undefined && found?.kind === "changes") {
      const rows = new Map(copy.rows);
      applyChanges(rows, found.changes);
      mustEqual(rows, whole, "the changes of a binding table do not lead to the whole", domain);
    } else this.#copies.set(domain, { version: table.version, rows: whole });
  }

  /** A consumer polls an allocator, while leases go on. What it has afterwards is compared by the next audit. */
  async poll(store: Store, domain: string): Promise<void> {
    const opened = await store.bindings.open(everyone, domain);
    if (opened.kind !== "table") return;
    const { table } = opened;
    const copy = this.#copies.get(domain);
    const found = copy && (await table.changesSince(copy.version));
    let rows = new Map(copy?.rows);
    if (found?.kind === "changes") applyChanges(rows, found.changes);
    else rows = await wholeOf(table);
    this.#copies.set(domain, { version: table.version, rows });
  }

  async #checkStatistics(store: Store, judged: readonly JudgedDatabase[]): Promise<void> {
    const { pools } = await store.statistics.count(everyone);
    const known = judged.flatMap(({ judge, now }) => judge.pools.map((pool) => ({ judge, now, pool })));
    must(
      pools.length === known.length,
      "statistics have other pools than there are",
      pools.length,
      known.length,
    );
    for (const { judge, now, pool } of known) {
      const counted = pools.find((each) => each.pool === pool.shape.name);
      const counts = countsOf(judge.leases, pool, now() * 1000);
      const isSame = Object.entries(counts).every(
        ([name, count]) => counted?.[name as keyof typeof counted] === count,
      );
      must(isSame, "statistics differ from the rows", pool.shape.name, counted, counts);
    }
  }

  /** The changes in the audit are those that were committed. */
  async #checkAudit(store: Store, judged: readonly JudgedDatabase[]): Promise<void> {
    const records = await this.#wholeAudit(store);
    const textOf = (each: {
      actor: string;
      resource: string;
      action: string;
      name: string;
      domain: string | null;
    }) => JSON.stringify([each.actor, each.resource, each.action, each.name, each.domain]);
    const shown = records.filter(({ actor }) => actor !== "file").map(textOf);
    const committed = judged.flatMap(({ judge }) => judge.audited).map(textOf);
    must(
      shown.sort().join("\n") === committed.sort().join("\n"),
      "the audit differs from the changes",
      shown,
      committed,
    );
  }

  /** Reads the audit by pages. */
  async #wholeAudit(store: Store): Promise<readonly AuditRecord[]> {
    const records: AuditRecord[] = [];
    const limit = this.#random.pick([7, 100]);
    let after: readonly number[] | undefined;
    for (;;) {
      const page: AuditPage = await store.audit.list(everyone, noFilter, { limit, after });
      must(page.kind === "page", "the audit has no page");
      records.push(...page.records);
      if (page.next === null) return records;
      after = page.next;
    }
  }
}

const noFilter = {
  domain: undefined,
  resource: undefined,
  name: undefined,
  actor: undefined,
  since: undefined,
  until: undefined,
};

async function wholeOf(table: BindingTable): Promise<Map<string, string>> {
  const whole = new Map<string, string>();
  for await (const rows of table.rows(table.domains[0]!))
    for (const row of rows) whole.set(nameOfBinding(row), encodeHex(row.softwire));
  return whole;
}

/** A row of a binding table, as far as it names a pair. */
interface NamedBinding {
  readonly address: number;
  readonly psid: number;
  readonly pool: { readonly id: number; readonly geometry: { readonly psidLength: number } };
}

function nameOfBinding({ address, psid, pool }: NamedBinding): string {
  const { psidLength } = pool.geometry;
  return nameOfPair({
    address,
    portParams: psidLength === 0 ? undefined : { psidOffset: 0, psidLength, psid },
  });
}

/** Applies the changes of a binding table to a copy of it. */
function applyChanges(
  rows: Map<string, string>,
  changes: readonly {
    readonly before: (NamedBinding & { readonly softwire: Uint8Array }) | null;
    readonly after: (NamedBinding & { readonly softwire: Uint8Array }) | null;
  }[],
): void {
  for (const { before, after } of changes) {
    if (before !== null) {
      const name = nameOfBinding(before);
      const softwire = encodeHex(before.softwire);
      must(
        rows.get(name) === softwire,
        "a change of a binding table removes what is not there",
        name,
        softwire,
      );
      rows.delete(name);
    }
    if (after !== null) rows.set(nameOfBinding(after), encodeHex(after.softwire));
  }
}

function mustEqual(
  found: ReadonlyMap<string, string>,
  expected: ReadonlyMap<string, string>,
  rule: string,
  domain: string,
): void {
  const surplus = [...found].filter(([name, softwire]) => expected.get(name) !== softwire);
  const missing = [...expected].filter(([name, softwire]) => found.get(name) !== softwire);
  must(surplus.length === 0 && missing.length === 0, rule, domain, { surplus, missing });
}
