/**
 * What a seed stands for: how many there are of each, what goes wrong, and how the pools are configured.
 *
 * @module
 */
import { Random } from "../support/random.ts";
import { noFaults } from "./network.ts";
import type { LinkFaults } from "./network.ts";
import type { Pace } from "./process.ts";
import { noStorageFaults } from "./storage.ts";
import type { StorageFaults } from "./storage.ts";
import { streams } from "./streams.ts";

/** Settings of a domain. */
export interface ScenarioDomain {
  readonly name: string;
  readonly leaseSeconds: number;
  readonly leaseSecondsMax: number;
  readonly quarantineSeconds: number;
  readonly declineSeconds: number;
  readonly offerHoldSeconds: number;
  readonly siteLeasesMax: number | null;
  readonly softwireIntervalSeconds: number;
  readonly fill: "spread" | "pack";
  readonly psidLength: number;
  /** Addresses of the shared pool, and of the full pool. */
  readonly sharedAddresses: number;
  readonly fullAddresses: number;
  /** Whether it is stored in the second database. */
  readonly isElsewhere: boolean;
  /** Clients whose access node names their line. */
  readonly hasLines: boolean;
  readonly rapidCommit: boolean;
}

/** Everything that a run is made of. */
export interface Scenario {
  readonly seed: number;
  readonly relays: number;
  readonly allocators: number;
  readonly domains: readonly ScenarioDomain[];
  readonly clients: {
    readonly wellBehaved: number;
    readonly stubborn: number;
    readonly forgetful: number;
    readonly hostile: number;
  };
  readonly waveSeconds: number;
  readonly whimOneIn: number;
  readonly udp: LinkFaults;
  readonly tcp: LinkFaults;
  /** Datagrams are read at multiples of so many milliseconds; 0 means each at its own time. */
  readonly collectMs: number;
  readonly storage: StorageFaults;
  /** Milliseconds of a usual round trip to the database; 0 if each allocator opens the file itself. */
  readonly roundTripMs: number;
  readonly pace: Pace;
  /** One step in so many is the last one of its process; 0 means none. */
  readonly crashOneIn: number;
  /** Mean seconds between two of each; 0 means never. */
  readonly killsEverySeconds: number;
  readonly pausesEverySeconds: number;
  readonly pauseMsMax: number;
  readonly partitionsEverySeconds: number;
  readonly outagesEverySeconds: number;
  readonly operatorEverySeconds: number;
  /** Whether the operator moves clients all the time. */
  readonly isRenumbering: boolean;
  readonly driftRatioMax: number;
  readonly policy: "priority" | "spread";
  readonly batchFrames: number;
  readonly postsInFlight: number;
  readonly deadlineMs: number;
  readonly oldRelays: number;
  /** Seconds after which the faults end, however few messages were exchanged. */
  readonly lifeSeconds: number;
  /** Seconds for which history is kept, and after which housekeeping runs again; null without housekeeping. */
  readonly historySeconds: number | null;
  /** How much the clock of the second database is ahead of that of the main one. */
  readonly secondAheadMs: number;
}

/** Parts of a scenario that shrinking takes away. */
export const features = [
  "udp",
  "tcp",
  "storage",
  "crashes",
  "kills",
  "pauses",
  "partitions",
  "outages",
  "operator",
  "housekeeping",
  "gaps",
  "drift",
  "old-relays",
  "stubborn",
  "forgetful",
  "hostile",
] as const;
export type Feature = (typeof features)[number];

/** @returns The scenario of a seed. */
export function scenarioOf(seed: number): Scenario {
  const random = new Random(seed, streams.scenario);
  const domains = Array.from({ length: random.pick([1, 1, 2, 3]) }, (_, number) => domainOf(random, number));
  const isRenumbering = random.oneIn(4);
  // Few clients live through more in the same number of messages, but cost five times as much for each.
  const density = random.pick([40, 200, 200, 400, 400, 400, 800, 800, 800, 1600, 1600, 1600]);
  const part = (): number => random.below(Math.ceil(density / 3) + 1);
  return {
    seed,
    relays: random.pick([1, 1, 2, 3, 4]),
    allocators: random.pick([1, 2, 2, 3, 4, 8, 16]),
    domains,
    clients: { wellBehaved: Math.ceil(density / 2), stubborn: part(), forgetful: part(), hostile: part() },
    waveSeconds: random.pick([3, 8, 20, 45]),
    whimOneIn: random.pick([1, 2]),
    udp: linkFaults(random, 2000),
    tcp: { ...linkFaults(random, 1500), repeated: 0 },
    storage: storageFaults(random),
    roundTripMs: random.pick([0, 5, 20, 50]),
    pace: {
      turnMs: random.pick([1, 3, 8]),
      gapOneIn: random.pick([0, 50, 500]),
      gapMs: random.pick([50, 300, 2000]),
    },
    crashOneIn: random.pick([0, 0, 200, 1000]),
    killsEverySeconds: random.pick([0, 20, 60]),
    pausesEverySeconds: random.pick([0, 10, 40]),
    pauseMsMax: random.pick([200, 2000, 8000, 90_000]),
    partitionsEverySeconds: random.pick([0, 0, 30]),
    outagesEverySeconds: random.pick([0, 0, 60]),
    operatorEverySeconds: isRenumbering
      ? density < 400
        ? 1
        : 0.3
      : random.pick(density < 200 ? [0, 2, 4, 8] : [0, 0.4, 2, 8]),
    isRenumbering,
    driftRatioMax: random.pick([0, 0.0001, 0.0002]),
    policy: random.pick(["priority", "spread"]),
    batchFrames: random.pick([8, 64, 64, 256, 256, 256]),
    postsInFlight: random.pick([1, 1, 3]),
    deadlineMs: random.pick([1000, 4000, 4000]),
    oldRelays: random.oneIn(3) ? 1 : 0,
    collectMs: random.pick([0, 20, 20, 20]),
    // Few see leases of ten minutes end. Time costs most where few clients send little.
    lifeSeconds: random.pick([150, 200, 250, 3600]),
    historySeconds: random.pick([null, 180, 300]),
    secondAheadMs: random.pick([0, 700, -1300, 40_000, -3_600_000, 86_400_000]),
  };
}

function domainOf(random: Random, number: number): ScenarioDomain {
  const leaseSeconds = random.pick([60, 90, 240, 600]);
  return {
    name: `domain-${number}`,
    leaseSeconds,
    leaseSecondsMax: leaseSeconds * random.pick([1, 2, 4]),
    quarantineSeconds: random.pick([0, 5, 60]),
    declineSeconds: random.pick([10, 120]),
    offerHoldSeconds: random.pick([5, 30, 60]),
    siteLeasesMax: random.pick([null, 1, 1, 2, 4]),
    softwireIntervalSeconds: random.pick([0, 60]),
    fill: random.pick(["spread", "pack"]),
    psidLength: random.pick([3, 4, 6]),
    sharedAddresses: random.pick([1, 40, 100, 200]),
    fullAddresses: random.pick([1, 100, 200, 250]),
    isElsewhere: number > 0 && random.oneIn(2),
    hasLines: random.oneIn(2),
    rapidCommit: random.oneIn(3),
  };
}

function linkFaults(random: Random, delayMsMax: number): LinkFaults {
  if (random.oneIn(4)) return noFaults;
  return {
    lost: random.pick([0, 0.01, 0.03, 0.1]),
    repeated: random.pick([0, 0.02, 0.1]),
    delayed: random.pick([0, 0.02, 0.1]),
    delayMsMax: random.pick([50, delayMsMax, 200_000]),
    truncated: random.pick([0, 0, 0.01]),
  };
}

function storageFaults(random: Random): StorageFaults {
  if (random.oneIn(3)) return noStorageFaults;
  return {
    answerLost: random.pick([0, 0.01, 0.05]),
    requestLost: random.pick([0, 0.01, 0.05]),
    slow: random.pick([0, 0.05, 0.1]),
    slowMsMax: random.pick([100, 15_000, 30_000]),
    refused: random.pick([0, 0, 0.03]),
  };
}

/** What is left of a scenario while a failure is shrunk. */
export interface Reduction {
  /** What does not go wrong any more. */
  readonly without: readonly Feature[];
  /** Of the clients of each kind, in per cent. */
  readonly clientsPercent: number;
}

export const wholeScenario: Reduction = { without: [], clientsPercent: 100 };

/** @returns What a reduction leaves of a scenario. */
export function reduce(scenario: Scenario, { without, clientsPercent }: Reduction): Scenario {
  const removed = new Set(without);
  const some = (count: number): number => Math.ceil((count * clientsPercent) / 100);
  const has = (feature: Feature): boolean => !removed.has(feature);
  const { clients, pace } = scenario;
  return {
    ...scenario,
    udp: has("udp") ? scenario.udp : noFaults,
    tcp: has("tcp") ? scenario.tcp : noFaults,
    storage: has("storage") ? scenario.storage : noStorageFaults,
    crashOneIn: has("crashes") ? scenario.crashOneIn : 0,
    killsEverySeconds: has("kills") ? scenario.killsEverySeconds : 0,
    pausesEverySeconds: has("pauses") ? scenario.pausesEverySeconds : 0,
    partitionsEverySeconds: has("partitions") ? scenario.partitionsEverySeconds : 0,
    outagesEverySeconds: has("outages") ? scenario.outagesEverySeconds : 0,
    operatorEverySeconds: has("operator") ? scenario.operatorEverySeconds : 0,
    historySeconds: has("housekeeping") ? scenario.historySeconds : null,
    pace: has("gaps") ? pace : { ...pace, gapOneIn: 0 },
    driftRatioMax: has("drift") ? scenario.driftRatioMax : 0,
    oldRelays: has("old-relays") ? scenario.oldRelays : 0,
    clients: {
      wellBehaved: some(clients.wellBehaved),
      stubborn: has("stubborn") ? some(clients.stubborn) : 0,
      forgetful: has("forgetful") ? some(clients.forgetful) : 0,
      hostile: has("hostile") ? some(clients.hostile) : 0,
    },
  };
}
