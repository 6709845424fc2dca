/**
 * The clients of a fleet, in groups. A group obtains leases, renews them, releases them, asks again, or goes away
 * without a word, so that its leases end by themselves.
 *
 * @module
 */
import { leasesOf } from "../../src/load/lease-table.ts";
import type { LeaseTable } from "../../src/load/lease-table.ts";
import { leaseLoad, releaseLoad, renewLoad } from "../../src/load/load.ts";
import type { LoadOptions } from "../../src/load/options.ts";
import type { LoadResult } from "../../src/load/result.ts";
import type { WireLog } from "../../src/load/wire-log.ts";

/** Options of {@link createPopulation}. */
export interface PopulationOptions {
  readonly clients: number;
  /** Clients that do the same thing at the same time. */
  readonly groupSize: number;
  /** Groups that are active at the same time. */
  readonly groupsAtOnce: number;
  /** Concurrent exchanges of an active group. */
  readonly inFlight: number;
  /** UDP ports of the relays. */
  readonly relayPorts: readonly number[];
  /** Takes what clients of the relay at a port see. */
  readonly wireLogAt: (relayPort: number) => WireLog;
  /** Returns a number from 0 to 1, as `Math.random` does. */
  readonly random: () => number;
}

/** What the clients did. */
export interface PopulationCounts {
  obtained: number;
  renewed: number;
  released: number;
  /** Clients that went away without a RELEASE. */
  left: number;
  /** Messages without any answer. */
  timeouts: number;
}

/** The clients of a fleet. */
export interface Population {
  readonly counts: Readonly<PopulationCounts>;
  /** Keeps the clients busy until it is done. Afterwards no exchange is in progress. */
  readonly run: (isDone: () => boolean) => Promise<void>;
}

interface Group {
  firstClient: number;
  readonly clients: number;
  /** Undefined before the group asked for leases. */
  leases: LeaseTable | undefined;
}

/**
 * Time limits of a client. With 300 ms doubled over 5 tries, a client without any answer gives up after 9.3 s; a real one
 * is not in such a hurry.
 */
const patience = { retransmitMs: 300, triesMax: 5, durationMsMax: 60_000 };

/** How often a group with leases does something, of {@link chances.total}. */
const chances = { renew: 5, release: 2, askAgain: 2, leave: 1, total: 10 };

/** Creates clients that hold no leases. */
export function createPopulation(options: PopulationOptions): Population {
  const { clients, groupSize, random } = options;
  const counts: PopulationCounts = { obtained: 0, renewed: 0, released: 0, left: 0, timeouts: 0 };
  const waiting: Group[] = [];
  for (let firstClient = 0; firstClient < clients; firstClient += groupSize)
    waiting.push({ firstClient, clients: Math.min(groupSize, clients - firstClient), leases: undefined });
  let nextClient = clients;

  /** A relay for one step, chosen at random: so leases from one allocator are renewed and released at others. */
  const target = (): Omit<LoadOptions, "clients"> => {
    const port = options.relayPorts[Math.floor(random() * options.relayPorts.length)]!;
    const { inFlight } = options;
    return { ...patience, server: "::1", port, inFlight, wireLog: options.wireLogAt(port) };
  };
  const count = ({ counts: { timeouts, unfinished } }: LoadResult): void => {
    counts.timeouts += timeouts + unfinished;
  };
  async function obtain(group: Group): Promise<void> {
    const load = await leaseLoad({ ...target(), firstClient: group.firstClient, clients: group.clients });
    group.leases = load.leases;
    counts.obtained += leasesOf(load.leases).length;
    count(load);
  }
  async function renew(leases: LeaseTable): Promise<void> {
    const renewal = await renewLoad(target(), leases);
    counts.renewed += renewal.exchange.count;
    count(renewal);
  }
  function leave(group: Group, leases: LeaseTable): void {
    counts.left += leasesOf(leases).length;
    group.firstClient = nextClient;
    nextClient += group.clients;
    group.leases = undefined;
  }
  async function step(group: Group): Promise<void> {
    const { leases } = group;
    const chance = random() * chances.total;
    if (leases === undefined || leasesOf(leases).length === 0) await obtain(group);
    else if (chance < chances.renew) await renew(leases);
    else if (chance < chances.renew + chances.release) counts.released += await releaseLoad(target(), leases);
    else if (chance < chances.total - chances.leave) await obtain(group);
    else leave(group, leases);
  }
  return {
    counts,
    run: async (isDone) => {
      const keepBusy = async (): Promise<void> => {
        while (!isDone()) {
          const group = waiting.shift();
          if (group === undefined) return;
          await step(group);
          waiting.push(group);
        }
      };
      await Promise.all(Array.from({ length: options.groupsAtOnce }, keepBusy));
    },
  };
}
