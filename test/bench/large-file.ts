/**
 * Databases with millions of leases, filled with plain SQL.
 *
 * @module
 */
import { existsSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDeclaration } from "../../src/declaration/declaration.ts";
import type { Database } from "../../src/store/database/database.ts";
import { openFile } from "../../src/store/database/file.ts";
import { migrateDatabase } from "../../src/store/database/migrate.ts";
import { applyDeclaration } from "../support/apply-declaration.ts";
import { execute, query, queryNumber } from "../support/sql.ts";

/** The only pool: 262,144 addresses with 63 port sets each. */
const declaration = {
  domains: [
    {
      name: "large",
      default: true,
      serverIdentifier: "192.0.2.1",
      softwire: { borderRelays: ["2001:db8:ffff::1"] },
      pools: [{ name: "large", kind: "shared" as const, range: "10.0.0.0/14", psidLength: 6 }],
    },
  ],
};

/** Slots of the pool. */
export const largeSlots = 262_144 * 63;

/** What a file is filled with. */
export interface Filling {
  readonly rows: number;
  /** Whether each slot also had a tenure that has ended. */
  readonly hasHistory: boolean;
  /** Seconds until the first of the running leases ends. */
  readonly leaseSeconds: number;
}

/** Rows of one statement. */
const step = 1_000_000;

/**
 * Fills a database, unless it has pools. Of every 100 slots, 90 are bound, 4 free, 3 quarantined, 2 offered and 1
 * declined. The first 1000 are reserved. Commits do not wait for the disk, because the data need not survive a crash.
 *
 * @param url URL of a file.
 */
export async function fillIfEmpty(url: string, filling: Filling): Promise<void> {
  const database = openFile(url, { sync: "off" });
  try {
    await migrateDatabase(database);
    if ((await queryNumber(database, "SELECT count(*) FROM pool")) === 0) await fill(database, filling);
  } finally {
    database.close();
  }
}

async function fill(database: Database, { rows, hasHistory, leaseSeconds }: Filling): Promise<void> {
  await applyDeclaration(database, parseDeclaration(declaration, "bench"));
  const begin = performance.now();
  await query(database, "PRAGMA cache_size = -1000000");
  const now = "(SELECT now_ms / 1000 FROM instant)";
  for (let from = 0; from < rows; from += step) {
    const numbers = `WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${Math.min(rows, from + step)})`;
    const leases = `${numbers}, numbered AS (
        SELECT i, i % 100 AS kind, ${now} + CASE WHEN i % 100 < 90 THEN ${leaseSeconds} + i % 1700 WHEN i % 100 < 93 THEN -i % 50 - 1
          WHEN i % 100 < 97 THEN -i % 100000 - 61 WHEN i % 100 < 99 THEN 30 ELSE -i % 1000 END AS ends FROM n)
      INSERT INTO lease
        (slot, domain_id, client_id, state, expires_at, free_at, since, updated_at, source, softwire, site, relay_path)
      SELECT (1 << 32) + i, 1, iif(kind = 99, NULL, unhex(printf('ff%08x00030001%012x', i, i))),
        CASE WHEN kind < 93 THEN 2 WHEN kind < 97 THEN 3 WHEN kind < 99 THEN 1 ELSE 4 END, ends,
        CASE WHEN i < 1000 THEN 253402300799 WHEN kind = 99 THEN ends + 86400 ELSE ends + 60 END,
        iif(kind < 93, ${now} - 5000, NULL), ${now} - i % 1700, unhex(printf('fe80%028x', i)),
        iif(kind < 93, unhex(printf('20010db8%024x', i)), NULL), printf('remote:%08x', i / 4), NULL FROM numbered`;
    const history = `${numbers} INSERT INTO history (slot, domain_id, client_id, since, until, source)
      SELECT (1 << 32) + i, 1, unhex(printf('ff%08x00030001%012x', i, i + 1)), ${now} - 90000 - i % 1000,
        ${now} - 6000, unhex(printf('fe80%028x', i)) FROM n`;
    await execute(database, leases, ...(hasHistory ? [history] : []));
    const seconds = Math.round((performance.now() - begin) / 1000);
    process.stderr.write(`${Math.min(rows, from + step)} rows, ${seconds} s\n`);
  }
  await execute(database, `UPDATE pool SET cursor = ${rows}`, "PRAGMA optimize");
  // Then all of it is in one file, which can be copied.
  await query(database, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/** Leases that never end while the file is kept, in seconds. */
const foreverSeconds = 10 * 365 * 86_400;

/**
 * Creates a file with many leases in the folder for temporary files, unless an earlier run has left it there.
 *
 * @param rows Leases, at most {@link largeSlots} less those of the load.
 * @returns Its path.
 */
export async function keptFile(rows: number): Promise<string> {
  const path = join(tmpdir(), `apportion-bench-${rows}-leases.db`);
  if (existsSync(path)) return path;
  const growing = `${path}.${process.pid}`;
  try {
    await fillIfEmpty(`file:${growing}`, { rows, hasHistory: false, leaseSeconds: foreverSeconds });
    renameSync(growing, path);
  } finally {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(growing + suffix, { force: true });
  }
  return path;
}
