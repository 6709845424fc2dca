/**
 * Runs several allocators on one database with thousands of clients, and disturbs them at random, in rounds. After each
 * round, the database is compared with the answers that the clients received; the next round continues with it.
 *
 * @module
 */
import { setMaxListeners } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { createWitness } from "../../src/load/wire-evidence.ts";
import { formatWireRecord } from "../../src/load/wire-log.ts";
import type { WireLog } from "../../src/load/wire-log.ts";
import { verify, verifyEvidence } from "../../src/cli/verify-command.ts";
import { parseDeclaration } from "../../src/declaration/declaration.ts";
import { openDatabase } from "../../src/runtime/node.ts";
import type { Maintenance } from "../../src/store/evidence/maintenance.ts";
import { openStore } from "../../src/store/store.ts";
import { benchDeclaration } from "../bench/declaration.ts";
import { prepareDatabase } from "../support/database.ts";
import { Chaos } from "./chaos.ts";
import type { ChaosCounts, ChaosOptions } from "./chaos.ts";
import { startCrew } from "./crew.ts";
import type { CrewOptions } from "./crew.ts";
import type { Crew } from "./members.ts";
import { createPassedOn } from "./passed-on.ts";
import type { PassedOn } from "./passed-on.ts";
import { createPopulation } from "./population.ts";
import type { PopulationCounts, PopulationOptions } from "./population.ts";

/** Options of {@link runFleet}. */
export interface FleetOptions
  extends
    ChaosOptions,
    Pick<CrewOptions, "database" | "allocators" | "folder">,
    Pick<PopulationOptions, "clients" | "groupSize" | "groupsAtOnce" | "inFlight"> {
  /** Kills after which the run ends, and after how many the database is checked each time. */
  readonly kills: number;
  readonly killsPerRound: number;
  /** Lease time, in seconds. */
  readonly leaseSeconds: number;
  /** Called after each round. */
  readonly onRound?: ((round: Round) => void) | undefined;
}

/** What a round found. */
export interface Round {
  readonly number: number;
  readonly seconds: number;
  /** Kills and DHCPACKs since the run began. */
  readonly kills: number;
  readonly acks: number;
  /** Leases that ran at its end. */
  readonly held: number;
  readonly faults: readonly string[];
}

/** Counts of a run, and the faults that its checks found. */
export interface FleetResult
  extends
    ChaosCounts,
    Readonly<PopulationCounts>,
    Pick<Crew, "killsOfStarting" | "serverHangs" | "failedStarts"> {
  readonly seconds: number;
  readonly rounds: number;
  /** DHCPACKs. */
  readonly acks: number;
  readonly passedOn: Readonly<PassedOn["counts"]>;
  readonly faults: readonly string[];
}

/** Slots for each client, so that the pool has room for the leases of clients that went away, until they end. */
const slotsPerClient = 3;

/** Runs the fleet until it had all its kills, or a check finds a fault. */
export async function runFleet(options: FleetOptions): Promise<FleetResult> {
  const abort = new AbortController();
  // Each process listens for its end.
  setMaxListeners(0, abort.signal);
  let onCrash: (error: unknown) => void = () => undefined;
  const crashed = new Promise<never>((_, reject) => {
    onCrash = reject;
  });
  const { signal } = abort;
  const { random } = options;
  const crew: Crew = {
    signal,
    random,
    onCrash,
    closers: [],
    killsOfStarting: 0,
    serverHangs: 0,
    failedStarts: [],
  };
  try {
    return await Promise.race([runRounds(options, crew), crashed]);
  } finally {
    abort.abort();
    for (const close of crew.closers.toReversed()) await close();
  }
}

async function prepare(url: string, { clients, leaseSeconds }: FleetOptions): Promise<void> {
  const { domains } = benchDeclaration(clients * slotsPerClient, true);
  const leaseTimes = { default: leaseSeconds, min: Math.min(leaseSeconds, 60) };
  const declaration = { domains: domains.map((domain) => ({ ...domain, leaseSeconds: leaseTimes })) };
  (await prepareDatabase({ url }, parseDeclaration(declaration, "fleet"))).close();
}

async function runRounds(options: FleetOptions, crew: Crew): Promise<FleetResult> {
  const path = join(options.folder, "wire.log");
  const log = createWriteStream(path);
  const witness = createWitness();
  const passedOn = createPassedOn();
  /** DHCPACKs and DHCPNAKs through each relay. */
  const answers = new Map<number, number>();
  const answersAt = (port: number): number => answers.get(port) ?? 0;
  const wireLogAt =
    (port: number): WireLog =>
    (record) => {
      witness.add(record);
      passedOn.add(record);
      log.write(formatWireRecord(record));
      if (record.is !== "release") answers.set(port, answersAt(port) + 1);
    };
  const prepareIt = (url: string): Promise<void> => prepare(url, options);
  // Before the first disturbance, some leases run: the clock of a file follows the machine's clock while there are none.
  const running = await startCrew({ ...options, prepare: prepareIt, wireLogAt, answersAt }, crew);
  const population = createPopulation({ ...options, relayPorts: running.relayPorts, wireLogAt });
  const chaos = new Chaos(running, options);
  const startMs = performance.now();
  const secondsSince = (ms: number): number => (performance.now() - ms) / 1000;
  let rounds = 0;
  let faults: readonly string[] = [];
  let acks = 0;
  for (let kills = 0; kills < options.kills && faults.length === 0;) {
    const roundMs = performance.now();
    const planned = Math.min(options.killsPerRound, options.kills - kills);
    await disturbWhileBusy(chaos.run(planned), population.run);
    kills += planned;
    rounds++;
    const nowMs = Date.now();
    const evidence = witness.settle(nowMs);
    ({ faults } = await withMaintenance(running.url, (maintenance) => verifyEvidence(maintenance, evidence)));
    acks = evidence.acks;
    const held = evidence.held.filter(({ untilMs }) => untilMs > nowMs).length;
    options.onRound?.({ number: rounds, seconds: secondsSince(roundMs), kills, acks, held, faults });
  }
  await new Promise((resolve) => log.end(resolve));
  const seconds = secondsSince(startMs);
  // The same check as `npm run verify`, of the whole log.
  if (faults.length === 0)
    ({ faults } = await withMaintenance(running.url, (maintenance) => verify(maintenance, path)));
  return {
    ...chaos.counts,
    ...population.counts,
    killsOfStarting: crew.killsOfStarting,
    serverHangs: crew.serverHangs,
    failedStarts: crew.failedStarts,
    seconds,
    rounds,
    acks,
    passedOn: passedOn.counts,
    faults,
  };
}

/** The clients are busy until the disturbances end, also when one of them fails. */
async function disturbWhileBusy(
  disturbing: Promise<void>,
  keepBusy: (isDone: () => boolean) => Promise<void>,
): Promise<void> {
  let isDone = false;
  const disturbed = disturbing.finally(() => {
    isDone = true;
  });
  await Promise.all([disturbed, keepBusy(() => isDone)]);
}

async function withMaintenance<T>(url: string, check: (maintenance: Maintenance) => Promise<T>): Promise<T> {
  const store = await openStore({ url }, (access) => openDatabase(access, 600_000));
  try {
    return await check(store.maintenance);
  } finally {
    store.close();
  }
}
