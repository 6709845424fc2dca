/**
 * Runs several allocators on one database with thousands of clients, and disturbs them at random. The answers that
 * clients receive are written to a wire log.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { leasesOf } from "../../src/load/lease-table.ts";
import { leaseLoad, releaseLoad, renewLoad } from "../../src/load/load.ts";
import type { LoadOptions } from "../../src/load/options.ts";
import { formatWireRecord } from "../../src/load/wire-log.ts";
import { verify } from "../../src/cli/verify-command.ts";
import type { Report } from "../../src/cli/verify-command.ts";
import { parseDeclaration } from "../../src/declaration/declaration.ts";
import { openDatabase } from "../../src/runtime/node.ts";
import { openStore } from "../../src/store/store.ts";
import { prepareDatabase } from "../support/database.ts";
import { benchDeclaration } from "../bench/declaration.ts";
import { startService } from "../bench/service.ts";
import type { Service } from "../bench/service.ts";
import { createFakeClock } from "../support/faketime.ts";
import { startSqld } from "../support/sqld.ts";
import { startChaos } from "./chaos.ts";
import type { ChaosOptions, DisturbedFleet, DisturbedProcess, Disturbance } from "./chaos.ts";

const root = join(import.meta.dirname, "../..");

/** The databases of a fleet. */
export const fleetDatabases = ["server", "file"] as const;

/** Options of {@link runFleet}. */
export interface FleetOptions extends ChaosOptions {
  /** A libSQL server, which is killed too; or a file, on a machine whose clock is set. */
  readonly database: (typeof fleetDatabases)[number];
  readonly clients: number;
  readonly allocators: number;
  /** Clients that obtain, renew and release their leases together. */
  readonly groupSize: number;
  /** Concurrent exchanges of each running group. As many groups run at a time as there are allocators. */
  readonly inFlight: number;
  /** An empty folder for database and wire log. */
  readonly folder: string;
}

/** Counts of a run, and the report of the final check. */
export interface FleetResult {
  readonly seconds: number;
  readonly disturbances: Readonly<Partial<Record<Disturbance, number>>>;
  readonly obtained: number;
  readonly renewed: number;
  readonly released: number;
  readonly timeouts: number;
  readonly report: Report;
}

/** The database of a fleet, and what can happen to it. */
interface FleetDatabase extends Pick<DisturbedFleet, "server" | "setClock"> {
  readonly url: string;
  /** Environment of the allocators. */
  readonly environment: Readonly<Record<string, string>>;
  readonly close: () => Promise<void>;
}

/** An allocator and its relay. A killed allocator is restarted at the same address. */
interface RelayedAllocator {
  readonly relayPort: number;
  readonly allocator: DisturbedProcess;
  readonly relay: Pick<DisturbedProcess, "pid">;
  readonly close: () => void;
}

/** Runs the fleet, and checks database and wire log at the end. */
export async function runFleet(options: FleetOptions): Promise<FleetResult> {
  const { folder, allocators, clients } = options;
  const database = await openFleetDatabase(options);
  const relayed: RelayedAllocator[] = [];
  try {
    const declaration = parseDeclaration(benchDeclaration(clients, true), "fleet");
    (await prepareDatabase({ url: database.url }, declaration)).close();
    const environment = { APPORTION_RELAY_TOKEN: randomBytes(32).toString("base64url"), LOG_LEVEL: "info" };
    for (let index = 0; index < allocators; index++) {
      relayed.push(await startRelayedAllocator(database, environment));
    }
    const { server, setClock } = database;
    const parts = {
      allocators: relayed.map((each) => each.allocator),
      relays: relayed.map((each) => each.relay),
    };
    const chaos = startChaos({ ...parts, server, setClock }, options);
    const wireLog = join(folder, "wire.log");
    const startMs = performance.now();
    // A stopped process would not end, so the disturbances end before the processes, also when the clients fail.
    const counts = await runClients(relayed, wireLog, options, chaos.isComplete).catch(
      async (error: unknown) => {
        await chaos.stop();
        throw error;
      },
    );
    const seconds = (performance.now() - startMs) / 1000;
    const disturbances = await chaos.stop();
    const store = await openStore({ url: database.url }, (access) => openDatabase(access, 600_000));
    const report = await verify(store.maintenance, wireLog);
    store.close();
    return { seconds, disturbances, ...counts, report };
  } finally {
    for (const each of relayed) each.close();
    await database.close();
  }
}

async function openFleetDatabase({ database, folder }: FleetOptions): Promise<FleetDatabase> {
  if (database === "file") {
    const { environment, set } = await createFakeClock(folder);
    const url = `file:${join(folder, "apportion.db")}`;
    return { url, environment, setClock: set, close: () => Promise.resolve() };
  }
  const sqld = await startSqld({ folder: join(folder, "sqld") });
  const kill = async (): Promise<void> => {
    await sqld.kill();
    await sqld.restart();
  };
  return { url: sqld.url, environment: {}, server: { kill }, close: sqld.kill };
}

async function startRelayedAllocator(
  database: FleetDatabase,
  environment: Record<string, string>,
): Promise<RelayedAllocator> {
  const startAllocator = (listen: string): Promise<Service> =>
    startService({
      name: "allocator",
      script: [join(root, "src/cli/main.ts"), "allocator", "--listen", listen],
      environment: { ...environment, ...database.environment, APPORTION_DATABASE_URL: database.url },
      readyMessage: "allocator listening",
    });
  let allocator = await startAllocator("127.0.0.1:0");
  const url = String(allocator.ready.url);
  const relay = await startService({
    name: "relay",
    script: [join(root, "relay/main.ts"), "--listen", "[::1]:0"],
    environment: { ...environment, APPORTION_ALLOCATOR_URL: url },
    readyMessage: "relay listening",
  });
  const [listener] = relay.ready.listeners as [string];
  return {
    relayPort: Number(/]:(\d+)$/.exec(listener)![1]),
    allocator: {
      pid: () => allocator.pid,
      kill: async () => {
        allocator.kill();
        await allocator.ended.catch(() => undefined);
        allocator = await restart(() => startAllocator(new URL(url).host));
      },
    },
    relay: { pid: () => relay.pid },
    close: () => {
      relay.kill();
      allocator.kill();
    },
  };
}

/** Retries, because an allocator connects to its database when it starts and the server may be down at that time. */
async function restart(start: () => Promise<Service>): Promise<Service> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (attempt === 10) throw error;
    }
  }
}

/**
 * Time limit of a group for one kind of message, in milliseconds. With 500 ms doubled over 8 tries, a client without
 * any answer would give up only after 127.5 s.
 */
const groupMsMax = 120_000;

/**
 * Runs as many groups at a time as there are allocators. Each step of a group uses a relay chosen at random, so leases
 * from one allocator are renewed and released at others.
 */
async function runClients(
  relayed: readonly RelayedAllocator[],
  path: string,
  options: FleetOptions,
  isDone: () => boolean,
) {
  const { clients, groupSize, inFlight, random } = options;
  const log = createWriteStream(path);
  const counts = { obtained: 0, renewed: 0, released: 0, timeouts: 0 };
  const target = (): Omit<LoadOptions, "clients"> => ({
    server: "::1",
    port: relayed[Math.floor(random() * relayed.length)]!.relayPort,
    inFlight,
    durationMsMax: groupMsMax,
    retransmitMs: 500,
    triesMax: 8,
    wireLog: (record) => void log.write(formatWireRecord(record)),
  });
  async function runGroup(firstClient: number, size: number): Promise<void> {
    const load = await leaseLoad({ ...target(), firstClient, clients: size });
    counts.obtained += leasesOf(load.leases).length;
    const renewal = await renewLoad(target(), load.leases);
    counts.renewed += renewal.exchange.count;
    counts.timeouts += load.counts.timeouts + renewal.counts.timeouts;
    if (random() < 0.5) return;
    const released = await releaseLoad(target(), load.leases);
    counts.released += released;
    if (random() < 0.5) return;
    const again = await leaseLoad({ ...target(), firstClient, clients: size });
    counts.obtained += leasesOf(again.leases).length;
    counts.timeouts += again.counts.timeouts;
  }
  // The clients begin again until each kind of disturbance has happened, however fast they are served.
  do {
    let next = 0;
    await Promise.all(
      relayed.map(async () => {
        while (next < clients) {
          const first = next;
          next += groupSize;
          await runGroup(first, Math.min(groupSize, clients - first));
        }
      }),
    );
  } while (!isDone());
  await new Promise((resolve) => log.end(resolve));
  return counts;
}
