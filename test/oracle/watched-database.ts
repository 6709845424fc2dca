/**
 * Watches a database: reports each committed transaction with the rows that it changed. Triggers note them, and the same
 * transaction reads them back.
 *
 * @module
 */
import type { Database, Result, Row, Statement } from "../../src/store/database/database.ts";
import type { JudgedConfiguration } from "./judge.ts";
import type { AuditedChange } from "./operations.ts";
import type { PoolShape } from "./pools.ts";
import type { LeaseRow } from "./rows.ts";
import type { RecordedTenure } from "./tenures.ts";

/** A transaction that was committed. */
export interface Commit {
  /** The instant of the transaction, in milliseconds of the database's clock. */
  readonly clockMs: number;
  /** When it was sent, by the clock of its sender. */
  readonly sentMs: number;
  /** Slots that changed, with their rows; undefined for a row that was deleted. */
  readonly changed: readonly (readonly [slot: number, row: LeaseRow | undefined])[];
  /** What it wrote to the audit. Not read of batches, which are most transactions. */
  readonly audited: readonly AuditedChange[];
}

/** Not `OR IGNORE`: the policy of the statement that fires a trigger overrides that of the trigger's own statements. */
const noteChanges: readonly Statement[] = [
  "CREATE TEMP TABLE IF NOT EXISTS changed (slot INTEGER PRIMARY KEY)",
  ...["INSERT", "UPDATE", "DELETE"].map((change) => {
    const row = change === "DELETE" ? "old" : "new";
    return `CREATE TEMP TRIGGER IF NOT EXISTS note_${change} AFTER ${change} ON main.lease BEGIN
      INSERT INTO changed SELECT ${row}.slot WHERE NOT EXISTS (SELECT 1 FROM changed WHERE slot = ${row}.slot); END`;
  }),
  "CREATE TEMP TABLE IF NOT EXISTS audited (actor TEXT, resource TEXT, action TEXT, name TEXT, domain TEXT)",
  `CREATE TEMP TRIGGER IF NOT EXISTS note_audit AFTER INSERT ON main.audit BEGIN
    INSERT INTO audited VALUES (new.actor, new.resource, new.action, new.name, new.domain); END`,
].map((sql) => ({ sql, args: [] }));

const readChanges: readonly Statement[] = [
  {
    sql: `SELECT c.slot, l.slot, l.domain_id, l.client_id, l.line, l.state, l.expires_at, l.free_at, l.since,
        l.stated_seconds, l.updated_at, l.softwire, l.source, l.site, l.move_to, l.move_from,
        l.quarantine_until
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
        softwire, source, site, move_to, move_from, quarantine_until FROM lease`,
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
    quarantineUntil: row[16] as number | null,
  };
}

const auditedChange = ([actor, resource, action, name, domain]: Row): AuditedChange =>
  ({ actor, resource, action, name, domain }) as AuditedChange;

/** Receives what happens to a database. */
export interface WatchListener<Cause> {
  /**
   * Called at the commit, after {@link WatchListener.onConfigured} if it changed the configuration too.
   *
   * @param cause Undefined for anything but a batch of an allocator.
   */
  readonly onCommit: (commit: Commit, cause: Cause | undefined) => void;
  readonly onConfigured: (configuration: JudgedConfiguration) => void;
}

/** Watches one database, through all connections that write to it. */
export class DatabaseWatch<Cause> {
  readonly #listener: WatchListener<Cause>;
  /** Revision of the configuration that the listener knows. */
  #revision = -1;

  constructor(listener: WatchListener<Cause>) {
    this.#listener = listener;
  }

  /** Starts to note what a connection changes. Temporary triggers see only the changes of their own connection. */
  async attach(connection: Database): Promise<void> {
    // Not in a transaction, and before there is a temporary table.
    await connection.read([{ sql: "PRAGMA temp_store = MEMORY", args: [] }]);
    await connection.write(noteChanges);
  }

  /** Writes by a connection that was attached, and reports what changed. */
  async write(
    connection: Database,
    statements: readonly Statement[],
    sentMs: number,
    cause: Cause | undefined,
  ): Promise<readonly Result[]> {
    const reading = cause === undefined ? [...readAudited, ...readChanges] : readChanges;
    const results = await connection.write([...statements, ...reading]).catch(async (error: unknown) => {
      // Most errors make a connection reopen its file, and then its temporary tables are gone.
      await this.attach(connection);
      throw error;
    });
    const audited = cause === undefined ? results.at(-reading.length)!.rows.map(auditedChange) : [];
    const [changes, instant] = results.slice(-readChanges.length) as [Result, Result];
    const changed = changes.rows.map((row) => [row[0] as number, leaseRow(row)] as const);
    const [clockMs, revision] = instant.rows[0] as [number, number];
    if (revision !== this.#revision) {
      this.#revision = revision;
      this.#listener.onConfigured(configurationOf(await connection.read(readConfiguration)));
    }
    this.#listener.onCommit({ clockMs, sentMs, changed, audited }, cause);
    return results.slice(0, -reading.length);
  }
}

/** Contents of a database that an audit compares. */
export interface StoredRows {
  readonly rows: readonly LeaseRow[];
  /** Pool id -> first slot that was never used. */
  readonly cursors: ReadonlyMap<number, number>;
}

/** @returns All rows, and the cursors of the pools. */
export async function readAll(database: Database): Promise<StoredRows> {
  const [leases, cursors] = await database.read(readEverything);
  return {
    rows: leases!.rows.map((row) => leaseRow(row)!),
    cursors: new Map(cursors!.rows.map((row) => [row[0] as number, row[1] as number])),
  };
}

/** @returns All ended tenures. */
export async function readHistory(database: Database): Promise<RecordedTenure[]> {
  const sql = "SELECT slot, client_id, since, until FROM history";
  const [history] = await database.read([{ sql, args: [] }]);
  return history!.rows.map((row) => ({
    slot: row[0] as number,
    client: hexOf(row[1])!,
    since: row[2] as number,
    until: row[3] as number,
  }));
}
