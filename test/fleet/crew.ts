/**
 * Starts the processes of a fleet: allocators on one database, and a relay for each. Every second relay also knows the
 * allocator of the next one, so a message may be sent to two allocators when one fails.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { leaseLoad } from "../../src/load/load.ts";
import type { WireLog } from "../../src/load/wire-log.ts";
import { openDatabase } from "../../src/runtime/node.ts";
import { askBy, postTo } from "../support/allocator.ts";
import { clientProfile, says } from "../support/clients.ts";
import { createFakeClock, faketimeLibrary } from "../support/faketime.ts";
import { startSqld } from "../support/sqld.ts";
import type { LogLine } from "../bench/service.ts";
import type { DisturbedFleet } from "./chaos.ts";
import { startMember } from "./members.ts";
import type { Crew, StartedMember } from "./members.ts";
import { buildPrograms } from "./programs.ts";
import type { Programs } from "./programs.ts";
import { serverMember } from "./server-member.ts";
import type { ServerMember } from "./server-member.ts";

/** The databases of a fleet. */
export const fleetDatabases = ["server", "file"] as const;

/** Options of {@link startCrew}. */
export interface CrewOptions {
  /** A libSQL server, which is killed too; or a file. */
  readonly database: (typeof fleetDatabases)[number];
  readonly allocators: number;
  /** An empty folder for the database. */
  readonly folder: string;
  /** Prepares the database at a URL. */
  readonly prepare: (url: string) => Promise<void>;
  readonly wireLogAt: (relayPort: number) => WireLog;
  /** Returns how many answers clients have got through the relay at a port. */
  readonly answersAt: (relayPort: number) => number;
}

/** The processes of a fleet. */
export interface RunningCrew extends DisturbedFleet {
  /** URL of the database. */
  readonly url: string;
  readonly relayPorts: readonly number[];
}

/** What all processes of this project get. */
interface Surroundings {
  /** Takes the log lines of a process, whose name says which one it is. */
  readonly logOf: (name: string) => (line: LogLine) => void;
  readonly crew: Crew;
  readonly programs: Programs;
  readonly token: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Returns the number of a new client, which only finds out whether a process serves. */
  readonly newClient: () => number;
}

/** Pause between two looks at a server, in milliseconds. */
const lookMs = 1000;

/** Number of the first client that only finds out whether a process serves. */
const firstNewClient = 0xf000_0000;

/**
 * Starts the processes. A client obtains a lease through each relay.
 *
 * The processes see a clock that can be set if libfaketime is installed, but a libSQL server does not: all leases are
 * judged by its clock.
 *
 * @param crew Its `closers` end the processes, also when this function fails.
 */
export async function startCrew(options: CrewOptions, crew: Crew): Promise<RunningCrew> {
  const { allocators: count, folder, prepare } = options;
  const programs = await buildPrograms();
  crew.closers.push(programs.remove);
  const { url: databaseUrl, server } = await openCrewDatabase(options, crew);
  await prepare(databaseUrl);
  const look = (): Promise<unknown> =>
    delay(lookMs, undefined, { signal: crew.signal }).catch(() => undefined);
  server?.watch(() => performance.now(), look).catch(crew.onCrash);
  const clock = faketimeLibrary === undefined ? undefined : await createFakeClock(folder);
  const token = randomBytes(32).toString("base64url");
  let nextClient = firstNewClient;
  const log = createWriteStream(join(folder, "processes.log"));
  crew.closers.push(() => new Promise((resolve) => log.end(resolve)));
  const surroundings: Surroundings = {
    logOf: (name) => (line) => void log.write(`${JSON.stringify({ at: new Date(), name, ...line })}\n`),
    crew,
    programs,
    token,
    environment: {
      ...clock?.environment,
      APPORTION_RELAY_TOKEN: token,
      APPORTION_DATABASE_URL: databaseUrl,
    },
    newClient: () => nextClient++,
  };
  const allocators = await Promise.all(
    Array.from({ length: count }, (_, index) => startAllocator(surroundings, `allocator ${index}`)),
  );
  const urls = allocators.map(({ ready }) => String(ready.url));
  const relays = await Promise.all(
    urls.map((url, index) => {
      const next = urls[(index + 1) % count]!;
      return startRelay(surroundings, `relay ${index}`, index % 2 === 0 ? [url] : [url, next], options);
    }),
  );
  return {
    url: databaseUrl,
    relayPorts: relays.map(({ ready }) => relayPort(ready)),
    members: [...allocators, ...relays, ...(server === undefined ? [] : [server])],
    setClock: clock?.set,
  };
}

async function openCrewDatabase(
  { database, folder }: CrewOptions,
  crew: Crew,
): Promise<{ readonly url: string; readonly server?: ServerMember }> {
  if (database === "file") return { url: `file:${join(folder, "apportion.db")}` };
  const sqld = await startSqld({ folder: join(folder, "sqld") });
  crew.closers.push(sqld.kill);
  const connection = await openDatabase({ url: sqld.url });
  crew.closers.push(() => {
    connection.close();
    return Promise.resolve();
  });
  // A server that hangs may still read, so only a write shows that it serves. Each write sets the instant.
  const server = serverMember(sqld, crew, () => succeeds(connection.write([])));
  return { url: sqld.url, server };
}

/** Starts an allocator. It serves when a new client gets an offer from it. */
function startAllocator(
  { crew, programs, token, environment, newClient, logOf }: Surroundings,
  name: string,
): Promise<StartedMember> {
  return startMember("allocator", crew, {
    optionsOf: (first) => ({
      name,
      onLine: logOf(name),
      isCompiled: true,
      script: [
        programs.apportion,
        "allocator",
        "--http",
        first === undefined ? "127.0.0.1:0" : new URL(String(first.url)).host,
      ],
      environment,
      readyMessage: "allocator listening",
    }),
    isServed: ({ url }) => {
      const ask = askBy(postTo(String(url), token));
      return succeeds(
        ask(says.discover(clientProfile(newClient()))).then(([answer]) => {
          if (answer?.type !== "offer")
            throw new Error(`Cannot get an offer: found ${answer?.type ?? "no answer"}`);
        }),
      );
    },
  });
}

/**
 * Starts a relay. It serves when any client gets an answer through it: under load, a new client that asks for this purpose
 * may wait for long while others are served.
 */
function startRelay(
  { crew, programs, environment, newClient, logOf }: Surroundings,
  name: string,
  urls: readonly string[],
  { wireLogAt, answersAt }: CrewOptions,
): Promise<StartedMember> {
  const isServed = async (first: StartedMember["ready"]): Promise<boolean> => {
    const port = relayPort(first);
    const before = answersAt(port);
    const target = { server: "::1", port, retransmitMs: 100, triesMax: 4, wireLog: wireLogAt(port) };
    await leaseLoad({ ...target, firstClient: newClient(), clients: 1, inFlight: 1 });
    return answersAt(port) > before;
  };
  return startMember("relay", crew, {
    optionsOf: (first) => ({
      name,
      onLine: logOf(name),
      isCompiled: true,
      script: [
        ...[programs.relay, "--listen", first === undefined ? "[::1]:0" : listenerOf(first)],
        ...urls.flatMap((url) => ["--allocator", url]),
      ],
      environment,
      readyMessage: "relay listening",
    }),
    isServed,
  });
}

const listenerOf = ({ listeners }: StartedMember["ready"]): string => (listeners as [string])[0];

const relayPort = (ready: StartedMember["ready"]): number => Number(/]:(\d+)$/.exec(listenerOf(ready))![1]);

/** Whether something succeeds. What it depends on may be dead or stopped at this time. */
function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}
