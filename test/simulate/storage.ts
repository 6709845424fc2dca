/**
 * A database of the simulation. It is the real store's file, opened once as a server would; allocators reach it over a
 * link with faults, or directly if they run on the machine of the file.
 *
 * Each committed transaction is reported with the rows that it changed, because triggers of the connection note them.
 *
 * @module
 */
import { databaseAnswerMsMax } from "../../src/limits.ts";
import { DatabaseError } from "../../src/store/database/database.ts";
import type { Database, Result, Row, Statement } from "../../src/store/database/database.ts";
import type { Random } from "../support/random.ts";
import type { JudgedConfiguration } from "../oracle/judge.ts";
import type { AuditedChange } from "../oracle/operations.ts";
import type { PoolShape } from "../oracle/pools.ts";
import type { LeaseRow } from "../oracle/rows.ts";
import type { Kernel } from "./kernel.ts";
import type { SimulatedProcess } from "./process.ts";

/** What a database does wrong. Probabilities are from 0 to 1, for each request. */
export interface StorageFaults {
  /** The answer is lost after the commit. */
  readonly answerLost: number;
  /** The request is lost before anything was done. */
  readonly requestLost: number;
  readonly slow: number;
  readonly slowMsMax: number;
  /** The disk is full, or the file locked: refused, nothing done. */
  readonly refused: number;
}

export const noStorageFaults: StorageFaults = {
  answerLost: 0,
  requestLost: 0,
  slow: 0,
  slowMsMax: 0,
  refused: 0,
};

/** What happened at a database, for the report. */
export type StorageEvent = "answer lost" | "request lost" | "slow" | "refused" | "away";

/** A transaction that was committed. */
export interface Commit {
  /** The instant of the transaction, in milliseconds of the database's clock. */
  readonly clockMs: number;
  /** Time of the kernel at which it was sent. */
  readonly sentMs: number;
  /** Slots that changed, with their rows; undefined for a row that was deleted. */
  readonly changed: readonly (readonly [slot: number, row: LeaseRow | undefined])[];
  /** What it wrote to the audit. Not read of batches, which are most transactions. */
  readonly audited: readonly AuditedChange[];
}

/** Options of a storage. */
export interface StorageOptions {
  readonly name: string;
  readonly database: Database;
  /** Milliseconds of a usual round trip; 0 for a file on the same machine. */
  readonly roundTripMs: number;
  /** Called at the commit, after {@link StorageOptions.onConfigured} if it changed the configuration too. */
  readonly onCommit: (commit: Commit, cause: unknown) => void;
  readonly onConfigured: (configuration: JudgedConfiguration) => void;
  readonly count: (event: StorageEvent) => void;
}

const noteChanges: readonly Statement[] = [
  "CREATE TEMP TABLE changed (slot INTEGER PRIMARY KEY)",
  ...["INSERT", "UPDATE", "DELETE"].map((change) => {
    const row = change === "DELETE" ? "old" : "new";
    return `CREATE TEMP TRIGGER note_${change} AFTER ${change} ON main.lease BEGIN
      INSERT OR IGNORE INTO changed VALUES (${row}.slot); END`;
  }),
  "CREATE TEMP TABLE audited (actor TEXT, resource TEXT, action TEXT, name TEXT, domain TEXT)",
  `CREATE TEMP TRIGGER note_audit AFTER INSERT ON main.audit BEGIN
    INSERT INTO audited VALUES (new.actor, new.resource, new.action, new.name, new.domain); END`,
].map((sql) => ({ sql, args: [] }));

const readChanges: readonly Statement[] = [
  {
    sql: `SELECT c.slot, l.slot, l.domain_id, l.client_id, l.line, l.state, l.expires_at, l.free_at, l.since,
        l.stated_seconds, l.updated_at, l.softwire, l.source, l.site, l.move_to, l.move_from
        FROM temp.changed c LEFT JOIN lease l ON l.slot = c.slot`,
    args: [],
  },
  { sql: "SELECT i.now_ms, c.revision FROM instant i, configuration c", args: [] },
  { sql: "DELETE FROM temp.changed", args: [] },
];

const readAudited: readonly Statement[] = [
  { sql: "SELECT actor, resource, action, name, domain FROM temp.audited ORDER BY rowid", args: [] },
  { sql: "DELETE FROM temp.audited", args: [] },
];

const readEverything: readonly Statement[] = [
  {
    sql: `SELECT slot, slot, domain_id, client_id, line, state, expires_at, free_at, since, stated_seconds, updated_at,
        softwire, source, site, move_to, move_from FROM lease`,
    args: [],
  },
  { sql: "SELECT id, cursor FROM pool", args: [] },
];

const readConfiguration: readonly Statement[] = [
  {
    sql: `SELECT id, domain_id, first_address, last_address, psid_offset, psid_length, reserved_ports, fill, drain_until,
      name FROM pool`,
    args: [],
  },
  { sql: "SELECT id, settings FROM domain", args: [] },
];

/** The fields of a domain's settings that the judge reads. */
interface StoredSettings {
  readonly leaseSeconds: { readonly max: number };
  readonly softwire: { readonly updateIntervalSeconds: number };
  readonly siteBy: readonly string[] | null;
  readonly siteLeasesMax: number | null;
  readonly quarantineSeconds: number;
  readonly declineSeconds: number;
  readonly offerHoldSeconds: number;
}

function configurationOf([pools, domains]: readonly Result[]): JudgedConfiguration {
  return {
    pools: pools!.rows.map((row): PoolShape => ({
      id: row[0] as number,
      domainId: row[1] as number,
      firstAddress: row[2] as number,
      lastAddress: row[3] as number,
      psidOffset: row[4] as number,
      psidLength: row[5] as number,
      reservedPorts: JSON.parse(row[6] as string) as PoolShape["reservedPorts"],
      fill: row[7] as string,
      drainUntil: row[8] as number | null,
      name: row[9] as string,
    })),
    domains: new Map(
      domains!.rows.map((row) => {
        const settings = JSON.parse(row[1] as string) as StoredSettings;
        const { quarantineSeconds, declineSeconds, offerHoldSeconds, siteLeasesMax } = settings;
        return [
          row[0] as number,
          {
            siteLeasesMax,
            quarantineSeconds,
            declineSeconds,
            offerHoldSeconds,
            leaseSecondsMax: settings.leaseSeconds.max,
            softwireIntervalSeconds: settings.softwire.updateIntervalSeconds,
          },
        ] as const;
      }),
    ),
  };
}

const hexOf = (octets: unknown): string | null => {
  if (octets === null) return null;
  const { buffer, byteOffset, length } = octets as Uint8Array;
  return Buffer.from(buffer, byteOffset, length).toString("hex");
};

function leaseRow(row: Row): LeaseRow | undefined {
  if (row[1] === null) return undefined;
  return {
    slot: row[1] as number,
    domainId: row[2] as number,
    client: hexOf(row[3]!),
    line: row[4] as string,
    state: row[5] as number,
    expiresAt: row[6] as number,
    freeAt: row[7] as number,
    since: row[8] as number | null,
    statedSeconds: row[9] as number | null,
    updatedAt: row[10] as number,
    softwire: hexOf(row[11]!),
    source: hexOf(row[12]!),
    site: row[13] as string | null,
    moveTo: row[14] as number | null,
    moveFrom: row[15] as number | null,
  };
}

const auditedChange = ([actor, resource, action, name, domain]: Row): AuditedChange =>
  ({ actor, resource, action, name, domain }) as AuditedChange;

/** One database. */
export class Storage {
  readonly name: string;
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #options: StorageOptions;
  /** Changed when the faults end. */
  faults: StorageFaults;
  isAway = false;
  #revision = -1;

  constructor(kernel: Kernel, random: Random, faults: StorageFaults, options: StorageOptions) {
    this.name = options.name;
    this.#kernel = kernel;
    this.#random = random;
    this.faults = faults;
    this.#options = options;
  }

  /** Starts to note changes. */
  async open(): Promise<void> {
    const { database } = this.#options;
    // Not in a transaction, and before there is a temporary table.
    await database.read([{ sql: "PRAGMA temp_store = MEMORY", args: [] }]);
    await database.write(noteChanges);
    await this.write([], 0, undefined);
  }

  close(): void {
    this.#options.database.close();
  }

  /** The database itself, without faults, for those who look on. */
  get database(): Database {
    return this.#options.database;
  }

  /**
   * Connects a process.
   *
   * @param causeOf Called when a write begins: what it is for.
   */
  connect(process: SimulatedProcess, causeOf: () => unknown): Database {
    const { database } = this.#options;
    return {
      read: (statements) => this.#call(process, () => database.read(statements)),
      write: (statements) => {
        const cause = causeOf();
        const sentMs = this.#kernel.nowMs;
        return this.#call(process, () => this.write(statements, sentMs, cause));
      },
      migrate: (statements) => this.#call(process, () => database.migrate(statements)),
      clock: () => this.#call(process, () => database.clock()),
      clockMs: () => database.clockMs(),
      ownClock: database.ownClock,
      close: () => undefined,
    };
  }

  /** Writes, and reports what changed. */
  async write(statements: readonly Statement[], sentMs: number, cause: unknown): Promise<readonly Result[]> {
    const reading = cause === undefined ? [...readAudited, ...readChanges] : readChanges;
    const results = await this.#options.database.write([...statements, ...reading]);
    const audited = cause === undefined ? results.at(-reading.length)!.rows.map(auditedChange) : [];
    const [changes, instant] = results.slice(-readChanges.length) as [Result, Result];
    const changed = changes.rows.map((row) => [row[0] as number, leaseRow(row)] as const);
    const [clockMs, revision] = instant.rows[0] as [number, number];
    if (revision !== this.#revision) {
      this.#revision = revision;
      this.#options.onConfigured(configurationOf(await this.#options.database.read(readConfiguration)));
    }
    this.#options.onCommit({ clockMs, sentMs, changed, audited }, cause);
    return results.slice(0, -reading.length);
  }

  /** @returns All rows, and the cursors of the pools. */
  async readAll(): Promise<{
    readonly rows: readonly LeaseRow[];
    readonly cursors: ReadonlyMap<number, number>;
  }> {
    const [leases, cursors] = await this.#options.database.read(readEverything);
    return {
      rows: leases!.rows.map((row) => leaseRow(row)!),
      cursors: new Map(cursors!.rows.map((row) => [row[0] as number, row[1] as number])),
    };
  }

  /** Does work at the database, and gives the process the result. */
  #call<T>(process: SimulatedProcess, work: () => Promise<T>): Promise<T> {
    const { outcome, toMs, backMs } = this.#decideFate();
    const isLost =
      outcome === "request lost" || outcome === "answer lost" || toMs + backMs > databaseAnswerMsMax;
    return new Promise((resolve, reject) => {
      const deliver = (delayMs: number, settle: () => void): void => {
        this.#kernel.after(delayMs, () => {
          process.deliver("connections", settle);
        });
      };
      const fail = (delayMs: number, message: string): void => {
        deliver(delayMs, () => {
          reject(new DatabaseError(message));
        });
      };
      if (isLost) fail(databaseAnswerMsMax, "no answer in time");
      if (outcome === "request lost") return;
      this.#kernel.after(toMs, () => {
        if (outcome === "refused" || this.isAway) {
          if (this.isAway) this.#options.count("away");
          fail(backMs, this.isAway ? "the connection was refused" : "database or disk is full");
          return;
        }
        this.#kernel.run(() => {
          work().then(
            (result) => {
              if (!isLost)
                deliver(backMs, () => {
                  resolve(result);
                });
            },
            (error: unknown) => {
              fail(backMs, (error as Error).message);
            },
          );
        });
      });
    });
  }

  /** Decides what happens to a request, and how long its two ways take. */
  #decideFate(): {
    readonly outcome: StorageEvent | "served";
    readonly toMs: number;
    readonly backMs: number;
  } {
    const { roundTripMs, count } = this.#options;
    const { answerLost, requestLost, slow, slowMsMax, refused } = this.faults;
    const happens = (probability: number): boolean =>
      probability > 0 && this.#random.fraction() < probability;
    const backMs = roundTripMs * this.#random.between(0.3, 0.7);
    const isSlow = happens(slow);
    if (isSlow) count("slow");
    const toMs = roundTripMs - backMs + (isSlow ? Math.exp(this.#random.between(0, Math.log(slowMsMax))) : 0);
    let outcome: StorageEvent | "served" = "served";
    if (happens(requestLost)) outcome = "request lost";
    else if (happens(answerLost)) outcome = "answer lost";
    else if (happens(refused)) outcome = "refused";
    if (outcome !== "served") count(outcome);
    return { outcome, toMs, backMs };
  }
}
