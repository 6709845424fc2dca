/**
 * `npm run bench:relay`: what a relay makes of more queries than its allocator can serve, and whether its memory stays
 * as it is.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { readStatus } from "../../relay/status.ts";
import type { StatusReport } from "../../relay/status.ts";
import { Flood } from "./flood.ts";
import { describeMachine } from "./report.ts";
import { startService } from "./service.ts";
import type { Service } from "./service.ts";
import { readUsage } from "./usage.ts";

interface Flags {
  readonly capacity: number;
  readonly seconds: number;
  readonly loads: string;
  readonly datagrams: number;
  readonly rate: number;
  readonly relayFlag: readonly string[];
}

/** Goodput at the greatest load, in parts of the best, below which the bench fails. */
const goodputMin = 0.9;

/** Seconds until queues are as full as they get. */
const warmUpSeconds = 3;

/** Milliseconds that a relay has by default, and that an answer is of use for. */
const deadlineMs = 4000;

function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("Expected a whole number from 1 on.");
  return Number(text);
}

const program = new Command("bench:relay")
  .description("Floods a relay whose allocator serves so many frames a second and no more")
  .option("--capacity <rate>", "frames a second that the allocator serves", positive, 5000)
  .option("--seconds <count>", "how long each load lasts", positive, 8)
  .option("--loads <factors>", "loads, in multiples of the capacity", "0.5,1,2,5")
  .option(
    "--datagrams <count>",
    "instead, send so many, and tell the relay's memory after each tenth of them",
    positive,
  )
  .option("--rate <rate>", "datagrams a second of the latter", positive, 30_000)
  .option(
    "--relay-flag <flag>",
    "flag for the relay; may be repeated",
    (flag, before: string[]) => [...before, flag],
    [],
  )
  .action(run);

/** A relay that is measured, and what floods it. */
interface Stage {
  readonly relay: Service;
  readonly status: () => Promise<StatusReport>;
  readonly flood: Flood;
}

async function run(flags: Flags): Promise<void> {
  const machine = describeMachine();
  print(["npm run bench:relay --", ...process.argv.slice(2)].join(" "));
  print(`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, node ${machine.node}\n`);
  const folder = await mkdtemp(join(tmpdir(), "apportion-bench-"));
  const services: Service[] = [];
  try {
    const socket = join(folder, "status.sock");
    const allocator = await startAllocator(flags.capacity);
    services.push(allocator);
    const relay = await startRelay(allocator, socket, flags.relayFlag);
    services.push(relay);
    const port = Number(/]:(\d+)$/.exec((relay.ready.listeners as [string])[0])?.[1]);
    const flood = await Flood.open(port, 4, deadlineMs);
    const stage = { relay, status: () => readStatus(socket), flood };
    await (flags.datagrams > 0 ? measureMemory(stage, flags) : measureLoads(stage, flags));
    flood.close();
    await relay.stop();
  } finally {
    for (const service of services) service.kill();
    await Promise.allSettled(services.map(({ ended }) => ended));
    await rm(folder, { recursive: true });
  }
}

function startAllocator(capacity: number): Promise<Service> {
  return startService({
    name: "allocator",
    script: [join(import.meta.dirname, "paced-allocator.ts"), String(capacity)],
    environment: {},
    readyMessage: "allocator listening",
  });
}

function startRelay(allocator: Service, socket: string, flags: readonly string[]): Promise<Service> {
  const main = join(import.meta.dirname, "../../relay/main.ts");
  return startService({
    name: "relay",
    script: [main, "--listen", "[::1]:0", "--status-socket", socket, ...flags],
    environment: {
      APPORTION_RELAY_TOKEN: randomBytes(32).toString("base64url"),
      APPORTION_ALLOCATOR_URL: String(allocator.ready.url),
    },
    readyMessage: "relay listening",
  });
}

async function measureLoads({ relay, status, flood }: Stage, flags: Flags): Promise<void> {
  const { capacity, seconds, loads } = flags;
  print("   load  offered/s  goodput/s  late/s  relay CPU %  us/datagram  RSS MiB  dropped");
  const goodputs: number[] = [];
  for (const load of loads.split(",").map(Number)) {
    await flood.run(capacity * load, warmUpSeconds);
    const [usage, before] = [readUsage(relay.pid), await status()];
    const counts = await flood.run(capacity * load, seconds);
    const [cpuSeconds, after] = [readUsage(relay.pid).cpuSeconds - usage.cpuSeconds, await status()];
    goodputs.push(counts.inTime / seconds);
    const received = after.counters.received - before.counters.received;
    const cells = [
      ...[`${load} x`.padStart(7), integer(counts.sent / seconds, 10), integer(counts.inTime / seconds, 10)],
      ...[integer(counts.late / seconds, 7), integer((cpuSeconds / seconds) * 100, 12)],
      ...[((cpuSeconds / received) * 1e6).toFixed(1).padStart(12), integer(await readRssMiB(relay.pid), 8)],
    ];
    print(`${cells.join(" ")}  ${formatDrops(before, after)}`);
  }
  const share = goodputs.at(-1)! / Math.max(...goodputs);
  print(`\ngoodput at the greatest load is ${Math.round(share * 100)} % of the best`);
  if (share < goodputMin) {
    print(`FAILED: expected at least ${goodputMin * 100} %`);
    process.exitCode = 1;
  }
}

async function measureMemory({ relay, status, flood }: Stage, flags: Flags): Promise<void> {
  const { datagrams, rate } = flags;
  print("  datagrams received      answered  RSS MiB  peak MiB");
  for (let step = 1; step <= 10; step++) {
    const due = (datagrams / 10) * step;
    while (flood.counts.sent < due) await flood.run(rate, 0.5);
    const { received, answered } = (await status()).counters;
    const { peakMiB } = readUsage(relay.pid);
    print(
      `${integer(received, 20)} ${integer(answered, 13)} ${integer(await readRssMiB(relay.pid), 8)} ${integer(peakMiB, 9)}`,
    );
  }
}

async function readRssMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

function formatDrops(before: StatusReport, after: StatusReport): string {
  const kernel = (report: StatusReport) => report.kernel.reduce((sum, { dropped }) => sum + dropped, 0);
  const earlier: Readonly<Record<string, number>> = { ...before.counters.dropped, kernel: kernel(before) };
  const drops = Object.entries({ ...after.counters.dropped, kernel: kernel(after) })
    .map(([reason, count]) => [reason, count - (earlier[reason] ?? 0)] as const)
    .filter(([, count]) => count > 0);
  return drops.length === 0 ? "nothing" : drops.map(([reason, count]) => `${count} ${reason}`).join(", ");
}

function integer(value: number, width: number): string {
  return Math.round(value).toString().padStart(width);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await program.parseAsync();
