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
import type { Database } from "../../src/store/database/database.ts";
import { wholeDatabase } from "../../src/store/database/databases.ts";
import { openFile } from "../../src/store/database/file.ts";
import { openBindingSnapshot } from "../../src/store/evidence/binding-feed.ts";
import { lookUp } from "../../src/store/evidence/history.ts";
import { searchLeases } from "../../src/store/evidence/lease-search.ts";
import { countSlots } from "../../src/store/evidence/slot-counts.ts";
import { slotKey } from "../../src/portset/slot-key.ts";
import { decodeHex } from "../../src/wire/hex.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import { fillIfEmpty } from "./large-file.ts";

const { values } = parseArgs({
  options: { rows: { type: "string", default: "10000000" }, keep: { type: "string" } },
});
const rows = Number(values.rows);
/** Measured requests, each for a random row, and requests before them, during which Node compiles the program. */
const [samples, warmUp] = [1000, 100];
const folder = await mkdtemp(join(tmpdir(), "apportion-bench-"));
const url = `file:${values.keep ?? join(folder, "large.db")}`;
try {
  await fillIfEmpty(url, { rows, hasHistory: true, leaseSeconds: 1900 });
  const database = openFile(url);
  try {
    await measure(database);
  } finally {
    database.close();
  }
} finally {
  await rm(folder, { recursive: true });
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
