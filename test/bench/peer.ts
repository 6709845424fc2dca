/**
 * `npm run bench -- --peer kea`: loads this allocator with its relay, and Kea, with the same clients, and prints ratios.
 * Both lease full addresses, which is all that Kea can. Apportion syncs each lease to the disk before it answers; Kea
 * writes leases to a file without.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Flags } from "./flags.ts";
import { createKeaLink, keaPackages, keaVersion, startKea } from "./kea.ts";
import type { Kea } from "./kea.ts";
import { measure } from "./measure.ts";
import type { ClientLoad, Measurement, Mode } from "./measure.ts";
import { isInNamespace, runInNamespace, withReceiveBuffer } from "./namespace.ts";
import { comparePairs, judgePairs, runPairs } from "./pairs.ts";
import type { Comparison, Pair } from "./pairs.ts";
import { formatFaults, formatMachine, table } from "./report.ts";
import type { Machine } from "./report.ts";
import { runRound } from "./round.ts";
import { ServiceError } from "./service.ts";
import type { Side, SideName } from "./side.ts";

/** Exchanges in flight that are measured. */
const levels = [1, 16, 128, 512] as const;

/** Exchanges of each place in flight, at most: one at a time, all clients would take minutes. */
const exchangesEach = 500;
const clientsMin = 1000;

/** The receive buffer that Kea gets, in octets: it sets none, and would lose datagrams in the usual one. */
const receiveBufferOctets = 4 * 1024 * 1024;

/** What is compared at one level. */
export interface PeerComparison {
  readonly mode: Mode;
  readonly inFlight: number;
  readonly clients: number;
  readonly pairs: readonly Pair<Measurement>[];
  readonly comparison: readonly Comparison[];
}

/** The results of a comparison with a peer. */
export interface PeerReport {
  readonly command: string;
  readonly machine: Machine;
  readonly version: string;
  /** The usual receive buffer of a socket, in octets, and the one that Kea got. */
  readonly receiveBuffer: { readonly usual: number; readonly peer: number };
  readonly levels: readonly PeerComparison[];
  readonly faults: readonly string[];
}

/** What to measure. */
export interface PeerOptions {
  readonly side: Side;
  readonly machine: Machine;
  readonly command: string;
  readonly flags: Flags;
  readonly modes: readonly Mode[];
  /** Default: {@link levels}. */
  readonly inFlight: readonly number[] | undefined;
  readonly signal: AbortSignal;
}

/**
 * Enters a network namespace, unless this process is in one.
 *
 * @returns The exit code of the process in the namespace; undefined if this is the one.
 * @throws {ServiceError} If Kea is not installed, or this user may not create a namespace.
 */
export async function enterPeerNamespace(signal: AbortSignal): Promise<number | undefined> {
  if (keaVersion() === undefined)
    throw new ServiceError(`Cannot compare with Kea: it is not installed. Debian has it in ${keaPackages}.`);
  if (process.getuid?.() !== 0)
    throw new ServiceError(
      "Cannot compare with Kea: it runs in a network namespace, which only root can create. Run it as root.",
    );
  if (isInNamespace()) return undefined;
  return runInNamespace(signal);
}

/**
 * Compares with Kea at each level, in pairs of rounds.
 *
 * @throws {ServiceError} When a process does not start, or exits before its load ends.
 */
export async function comparePeer(options: PeerOptions): Promise<PeerReport> {
  const { side, machine, command, flags, signal, modes, inFlight = levels } = options;
  createKeaLink();
  let usual = 0;
  const results: PeerComparison[] = [];
  for (const mode of modes) {
    for (const level of inFlight) {
      const clients = Math.min(flags.clients, Math.max(clientsMin, exchangesEach * level));
      const load: ClientLoad = { clients, warmUpClients: flags.warmUp, inFlight: level, mode };
      const run = async (name: SideName): Promise<Measurement> => {
        if (name === "this") return runRound(side, { ...load, ...ownOptions }, signal);
        const { measured, octetsBefore } = await runKea(load, signal);
        usual = octetsBefore;
        return measured;
      };
      const pairs = await runPairs(flags.pairs, run);
      const comparison = comparePairs(pairs);
      results.push({ mode, inFlight: level, clients, pairs, comparison });
      const [{ ratio }] = comparison as [Comparison];
      process.stderr.write(`${mode}, ${level} in flight: ${ratio?.median.toFixed(2) ?? "-"}\n`);
    }
  }
  const faults = results.flatMap(({ mode, inFlight: level, pairs }) =>
    judgePairs(pairs).map((fault) => `${mode}, ${level} in flight: ${fault}`),
  );
  const receiveBuffer = { usual, peer: receiveBufferOctets };
  return { command, machine, version: keaVersion()!, receiveBuffer, levels: results, faults };
}

/** Apportion leases full addresses too, from a file. */
const ownOptions = {
  isShared: false,
  servers: 0,
  isDistant: false,
  relayFlags: [],
  profileFolder: undefined,
} as const;

async function runKea(
  load: ClientLoad,
  signal: AbortSignal,
): Promise<{ readonly measured: Measurement; readonly octetsBefore: number }> {
  const folder = await mkdtemp(join(tmpdir(), "apportion-bench-"));
  let kea: Kea | undefined;
  try {
    const started = await withReceiveBuffer(receiveBufferOctets, () =>
      startKea(folder, load.clients + load.warmUpClients, signal),
    );
    kea = started.result;
    const measured = await measure({ allocator: kea.dhcp4, relay: kea.dhcp6 }, [kea.target], load);
    return { measured, octetsBefore: started.octetsBefore };
  } finally {
    await kea?.stop();
    await rm(folder, { recursive: true });
  }
}

/** Formats a report as lines of text. */
export function formatPeerReport({
  command,
  machine,
  version,
  receiveBuffer,
  levels: all,
  faults,
}: PeerReport): string[] {
  const { usual, peer } = receiveBuffer;
  return [
    command,
    formatMachine(machine),
    "",
    "this  allocator and relay, a file, synced before each answer",
    `kea   ${version}: kea-dhcp4 and kea-dhcp6, one thread each, memfile, not synced`,
    `load  full addresses, ${all.map(({ pairs }) => pairs.length)[0] ?? 0} pairs each; the ratio is this/kea within one pair`,
    `While Kea started, net.core.rmem_default was ${peer} instead of ${usual}: Kea sets no receive buffer.`,
    "",
    ...table(
      [
        "mode",
        "in flight",
        "clients",
        "this/s",
        "kea/s",
        "ratio",
        "(min-max)",
        "us: this",
        "kea",
        "generator",
      ],
      all.map(rowOf),
    ),
    "us is the CPU time of an exchange: of both processes of each side, and of the generator beside this side.",
    "",
    ...formatFaults(faults, "FAULTS", "no two clients held the same address, and no exchange was lost"),
  ];
}

function rowOf({ mode, inFlight, clients, comparison }: PeerComparison): string[] {
  const [rate, allocator, relay, generator] = comparison as [Comparison, Comparison, Comparison, Comparison];
  const ratio = rate.ratio;
  return [
    mode,
    String(inFlight),
    String(clients),
    rate.this.toFixed(0),
    rate.other.toFixed(0),
    ratio?.median.toFixed(2) ?? "-",
    ratio === undefined ? "" : `(${ratio.min.toFixed(2)}-${ratio.max.toFixed(2)})`,
    (allocator.this + relay.this).toFixed(0),
    (allocator.other + relay.other).toFixed(0),
    generator.this.toFixed(0),
  ];
}
