/**
 * `npx tsx test/bench/ten-million.ts [--rows N] [--keep FILE]`: measures the admin functions on a large database.
 *
 * Fills a file with N leases and N ended tenures with plain SQL. Then measures pool statistics (total time, and the
 * longest time that they block the event loop), look-ups, searches and the binding table. Elapsed time is shown
 * together with the CPU time of this process. The difference is spent on the disk or on other processes.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseDeclaration } from "../../src/declaration/declaration.ts";
import { applyDeclaration } from "../support/apply-declaration.ts";
import type { Database } from "../../src/store/database/database.ts";
import { wholeDatabase } from "../../src/store/database/databases.ts";
import { openFile } from "../../src/store/database/file.ts";
import { migrateDatabase } from "../../src/store/database/migrate.ts";
import { openBindingSnapshot } from "../../src/store/evidence/binding-feed.ts";
import { lookUp } from "../../src/store/evidence/history.ts";
import { searchLeases } from "../../src/store/evidence/lease-search.ts";
import { countSlots } from "../../src/store/evidence/slot-counts.ts";
import { slotKey } from "../../src/portset/slot-key.ts";
import { decodeHex } from "../../src/wire/hex.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import { execute, query, queryNumber } from "../support/sql.ts";

const { values } = parseArgs({
  options: { rows: { type: "string", default: "10000000" }, keep: { type: "string" } },
});
const rows = Number(values.rows);
/** Measured requests, each for a random row, and requests before them, during which Node compiles the program. */
const [samples, warmUp] = [1000, 100];
const folder = await mkdtemp(join(tmpdir(), "apportion-bench-"));
const url = `file:${values.keep ?? join(folder, "large.db")}`;
try {
  await fillIfEmpty();
  const database = openFile(url);
  try {
    await measure(database);
  } finally {
    database.close();
  }
} finally {
  await rm(folder, { recursive: true });
}

/** Fills an empty database. Commits do not wait for the disk, because the data need not survive a crash. */
async function fillIfEmpty(): Promise<void> {
  const database = openFile(url, { sync: "off" });
  try {
    await migrateDatabase(database);
    if ((await queryNumber(database, "SELECT count(*) FROM pool")) === 0) await fill(database);
  } finally {
    database.close();
  }
}

/** Of every 100 slots, 90 are bound, 4 free, 3 quarantined, 2 offered and 1 declined. The first 1000 are reserved. */
async function fill(database: Database): Promise<void> {
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
  await applyDeclaration(database, parseDeclaration(declaration, "bench"));
  const begin = performance.now();
  await query(database, "PRAGMA cache_size = -1000000");
  const step = 1_000_000;
  const now = "(SELECT now_ms / 1000 FROM instant)";
  for (let from = 0; from < rows; from += step) {
    const numbers = `WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${Math.min(rows, from + step)})`;
    const leases = `${numbers}, numbered AS (
        SELECT i, i % 100 AS kind, ${now} + CASE WHEN i % 100 < 90 THEN 1900 + i % 1700 WHEN i % 100 < 93 THEN -i % 50 - 1
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
    await execute(database, leases, history);
    process.stderr.write(`${from + step} rows, ${Math.round((performance.now() - begin) / 1000)} s\n`);
  }
  await execute(database, `UPDATE pool SET cursor = ${rows}`, "PRAGMA optimize");
}

async function measure(database: Database): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  const print = (what: string, text: string) => process.stdout.write(`${what.padEnd(44)} ${text}\n`);
  print("machine", `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, node ${process.versions.node}`);
  print("leases, ended tenures", `${rows}, ${rows}`);
  for (const turn of ["first", "second"]) {
    const blocked = watchEventLoop();
    const begin = performance.now();
    const [counts] = (await countSlots(wholeDatabase(database))).pools;
    print(
      `statistics, ${turn}`,
      `${(performance.now() - begin).toFixed(0)} ms, event loop blocked ${blocked()}`,
    );
    if (turn === "second") print("", JSON.stringify(counts));
  }
  const random = () => Math.floor(Math.random() * rows);
  const addressOf = (slot: number) => parseIPv4("10.0.0.0") + (slot % 2 ** 18);
  const portOf = (slot: number) => (1 + Math.floor(slot / 2 ** 18)) * 1024 + 5;
  await sample(print, "look-up of an ended tenure", async () => {
    const slot = random();
    const answer = await lookUp(wholeDatabase(database), {
      address: addressOf(slot),
      port: portOf(slot),
      at: now - 50_000,
      toleranceSeconds: 5,
    });
    if (answer.kind !== "answer" || answer.reason !== null)
      throw new Error("Cannot measure: the tenure was not found");
  });
  await sample(print, "search by client identifier", async () => {
    const hex = random().toString(16);
    await searchLeases(
      database,
      { domainIds: [1], clientId: decodeHex(`ff${hex.padStart(8, "0")}00030001${hex.padStart(12, "0")}`) },
      { after: undefined, limit: 10 },
    );
  });
  await sample(print, "search by state, one page", () =>
    searchLeases(database, { domainIds: [1], state: "offered" }, { after: slotKey(1, random()), limit: 100 }),
  );
  await measureTable(database, print);
}

async function measureTable(database: Database, print: (what: string, text: string) => void): Promise<void> {
  const blocked = watchEventLoop();
  const begin = performance.now();
  const snapshot = await openBindingSnapshot(database);
  let entries = 0;
  for await (const page of snapshot.rows(1)) entries += page.length;
  const seconds = (performance.now() - begin) / 1000;
  print("binding table", `${entries} rows in ${seconds.toFixed(1)} s, event loop blocked ${blocked()}`);
}

async function sample(
  print: (what: string, text: string) => void,
  what: string,
  run: () => Promise<unknown>,
): Promise<void> {
  const [times, computed]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < samples + warmUp; turn++) {
    const [begin, cpu] = [performance.now(), process.cpuUsage()];
    await run();
    times.push(performance.now() - begin);
    computed.push(cpuMs(cpu));
  }
  const first = times.splice(0, warmUp)[0]!;
  computed.splice(0, warmUp);
  const sorted = (values: number[]) => values.sort((a, b) => a - b);
  const p99 = (values: number[]) => `p99 ${sorted(values)[Math.floor(values.length * 0.99)]!.toFixed(2)} ms`;
  const [whole, own] = [p99(times), p99(computed)];
  const median = times[Math.floor(times.length / 2)]!.toFixed(2);
  print(what, `median ${median} ms, ${whole}, CPU time ${own}; first request ${first.toFixed(1)} ms`);
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

/** @returns A function that ends the watch and returns, as text, the longest time between two runs of a timer. */
function watchEventLoop(): () => string {
  let [longest, longestCpu, last, cpu] = [0, 0, performance.now(), process.cpuUsage()];
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 1);
    longestCpu = Math.max(longestCpu, cpuMs(cpu));
    [last, cpu] = [now, process.cpuUsage()];
  }, 1);
  return () => {
    clearInterval(timer);
    return `${longest.toFixed(0)} ms at most, CPU time ${longestCpu.toFixed(0)} ms at most`;
  };
}
