/**
 * `npm run bench:relay`: measures how a relay copes with more queries than its allocator can serve, and whether its
 * memory stays constant. Exits with 1 when goodput is too low or memory grows, and when the figures are invalid: the
 * generator could not reach its rate, or the kernel dropped datagrams.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { readKernelSockets } from "../../relay/sockets/kernel-sockets.ts";
import type { KernelSocket } from "../../relay/sockets/kernel-sockets.ts";
import { readStatus } from "../../relay/service/status.ts";
import type { StatusReport } from "../../relay/service/status.ts";
import { Flood } from "./flood.ts";
import { describeMachine } from "./report.ts";
import { judgeLoads, judgeMemory, percent, shareOfBest } from "./relay-verdict.ts";
import type { LoadRow, MemoryRow } from "./relay-verdict.ts";
import { startService } from "./service.ts";
import type { Service } from "./service.ts";
import { readUsage } from "./usage.ts";

interface Flags {
  readonly capacity: number;
  readonly seconds: number;
  readonly loads: readonly number[];
  readonly datagrams: number;
  readonly rate: number;
  readonly relayFlag: readonly string[];
}

/** Seconds after which the queues have reached their final length. */
const warmUpSeconds = 3;

/** Seconds between two reads of the relay's counter of received datagrams. */
const floodSeconds = 0.5;

/** Age in milliseconds above which an answer counts as late: the default queue deadline of the relay. */
const deadlineMs = 4000;

function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("Expected a positive whole number.");
  return Number(text);
}

function factors(text: string): number[] {
  const loads = text.split(",").map(Number);
  if (loads.every((load) => load > 0 && load <= 100)) return loads;
  throw new InvalidArgumentError("Expected numbers above 0 and at most 100, separated by commas.");
}

const program = new Command("bench:relay")
  .description("Floods a relay whose allocator serves a fixed number of frames a second")
  .option("--capacity <rate>", "frames a second that the allocator serves", positive, 2000)
  .option("--seconds <count>", "duration of each load", positive, 8)
  .option("--loads <factors>", "loads, in multiples of the capacity", factors, [0.5, 1, 2, 5])
  .option(
    "--datagrams <count>",
    "instead of loads: send until the relay has received this many, and print its memory after every tenth, or every million if less",
    positive,
  )
  .option("--rate <rate>", "with --datagrams: datagrams a second", positive, 20_000)
  .option(
    "--relay-flag <flag>",
    "flag for the relay; may be repeated",
    (flag, before: string[]) => [...before, flag],
    [],
  )
  .action(run);

/** The measured relay, and the flood that loads it. */
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
    const faults = await (flags.datagrams > 0 ? measureMemory(stage, flags) : measureLoads(stage, flags));
    flood.close();
    await relay.stop();
    report(faults);
  } finally {
    for (const service of services) service.kill();
    await Promise.allSettled(services.map(({ ended }) => ended));
    await rm(folder, { recursive: true });
  }
}

/** Prints the faults. The exit code is set as well, so that a script does not use invalid figures. */
function report(faults: readonly string[]): void {
  print(faults.length === 0 ? "\nPASSED" : "\nFAILED:");
  for (const fault of faults) print(`  ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
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

async function measureLoads(stage: Stage, flags: Flags): Promise<string[]> {
  print("   load  offered/s  goodput/s  late/s  relay CPU %  us/datagram  RSS MiB  dropped");
  const rows: LoadRow[] = [];
  for (const load of flags.loads) rows.push(await measureLoad(stage, flags, load));
  print(`\ngoodput at the highest load is ${percent(shareOfBest(rows))} of the best`);
  return judgeLoads(rows);
}

async function measureLoad({ relay, status, flood }: Stage, flags: Flags, load: number): Promise<LoadRow> {
  const { capacity, seconds } = flags;
  await flood.run(capacity * load, warmUpSeconds);
  const [usage, before, own] = [readUsage(relay.pid), await status(), readKernelSockets()];
  const { sent, inTime, late } = await flood.run(capacity * load, seconds);
  const [cpuSeconds, after] = [readUsage(relay.pid).cpuSeconds - usage.cpuSeconds, await status()];
  const lostAnswers = kernelDropsOf(readKernelSockets()) - kernelDropsOf(own);
  const received = after.counters.received - before.counters.received;
  const cells = [
    ...[`${load} x`.padStart(7), integer(sent / seconds, 10), integer(inTime / seconds, 10)],
    ...[integer(late / seconds, 7), integer((cpuSeconds / seconds) * 100, 12)],
    ...[((cpuSeconds / received) * 1e6).toFixed(1).padStart(12), integer(await readRssMiB(relay.pid), 8)],
  ];
  print(`${cells.join(" ")}  ${formatDrops(before, after, lostAnswers)}`);
  const kernelDrops = kernelDropsOf(after.kernel) - kernelDropsOf(before.kernel) + lostAnswers;
  return { load, capacity, seconds, sent, inTime, kernelDrops };
}

async function measureMemory({ relay, status, flood }: Stage, flags: Flags): Promise<string[]> {
  const { datagrams, rate } = flags;
  const step = Math.min(Math.ceil(datagrams / 10), 1_000_000);
  const rows: MemoryRow[] = [];
  await flood.run(rate / 4, warmUpSeconds);
  const [beganMs, before] = [performance.now(), { ...flood.counts, ...(await status()) }];
  print("   received       sent  kernel dropped   answered  RSS MiB  peak MiB");
  for (let due = step; due < datagrams + step; due += step) {
    const report = await floodUntil(Math.min(due, datagrams), { status, flood }, rate);
    const { sent, inTime, late } = flood.counts;
    const [kernelDrops, answered] = [
      kernelDropsOf(report.kernel) - kernelDropsOf(before.kernel),
      inTime + late,
    ];
    const rssMiB = await readRssMiB(relay.pid);
    rows.push({ answered, rssMiB });
    const cells = [
      ...[integer(report.counters.received, 11), integer(sent, 10), integer(kernelDrops, 15)],
      ...[integer(answered, 10), integer(rssMiB, 8), integer(readUsage(relay.pid).peakMiB, 9)],
    ];
    print(cells.join(" "));
  }
  const reached = (flood.counts.sent - before.sent) / ((performance.now() - beganMs) / 1000);
  print(`\n${integer(reached, 0)} datagrams a second were sent, ${rate} were requested`);
  return judgeMemory(rows);
}

/** Sends until the relay has received `received` datagrams. Those that the kernel drops use no memory of the relay. */
async function floodUntil(
  received: number,
  { status, flood }: Pick<Stage, "status" | "flood">,
  rate: number,
): Promise<StatusReport> {
  for (;;) {
    const report = await status();
    if (report.counters.received >= received) return report;
    await flood.run(rate, floodSeconds);
  }
}

async function readRssMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

function kernelDropsOf(sockets: readonly KernelSocket[]): number {
  return sockets.reduce((sum, { dropped }) => sum + dropped, 0);
}

function formatDrops(before: StatusReport, after: StatusReport, lostAnswers: number): string {
  const kernel = kernelDropsOf(after.kernel) - kernelDropsOf(before.kernel);
  const earlier: Readonly<Record<string, number>> = before.counters.dropped;
  const drops = Object.entries(after.counters.dropped)
    .map(([reason, count]) => [reason, count - (earlier[reason] ?? 0)] as const)
    .concat([
      ["by the kernel", kernel],
      ["answers by the kernel", lostAnswers],
    ])
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
