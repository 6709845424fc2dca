/**
 * Starts the processes of a side. They run in its folder with its packages, so that this checkout can measure one of
 * another commit.
 *
 * Both sides must support the following commands, flags and log lines. Consider older checkouts before you change any
 * of them. No other files of a checkout are used, but one that tells how it names its flags.
 *
 * - `src/cli/main.ts migrate --database URL --config FILE`, which creates a database of that release and exits;
 * - `src/cli/main.ts allocator --http HOST:PORT`, which logs `allocator listening` with its `url`;
 * - `relay/main.ts --listen [ADDRESS]:PORT`, which logs `relay listening` with its `listeners`, and its counters in its
 *   last line;
 * - `APPORTION_DATABASE_URL`, `APPORTION_PLACEMENTS`, `APPORTION_RELAY_TOKEN`, `APPORTION_ALLOCATOR_URL`, `LOG_LEVEL`.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { ServiceError, runToEnd, startService } from "./service.ts";
import type { LogLine, Service } from "./service.ts";
import type { Side } from "./side.ts";
import { nodeFlagsOf } from "./side.ts";

/** Options common to all processes of a side. */
export interface ServerOptions {
  readonly side: Side;
  readonly environment: Readonly<Record<string, string>>;
  /** Folder for CPU profiles. */
  readonly profileFolder: string | undefined;
  /** Kills the process when it is aborted. */
  readonly signal: AbortSignal | undefined;
}

/** A running allocator. */
export interface AllocatorService extends Service {
  readonly url: string;
}

/** A running relay. */
export interface RelayService extends Service {
  /** UDP port on ::1. */
  readonly port: number;
}

/** The flags by the names that a checkout has for them. In 0.1.0, they were others. */
function flagsOf({ folder }: Side): { readonly database: string; readonly http: string } {
  return existsSync(join(folder, "src/cli/database-options.ts"))
    ? { database: "--database", http: "--http" }
    : { database: "--url", http: "--listen" };
}

/**
 * Creates a database with the side's release and applies a declared state.
 *
 * @param url URL of the database: a file or a server.
 * @param declarationFile Absolute path of a declared state in JSON.
 * @throws {ServiceError} When the command fails.
 */
export function prepareDatabaseOf(
  side: Side,
  url: string,
  declarationFile: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  return runToEnd({
    name: `migration of ${side.folder}`,
    script: [
      join(side.folder, "src/cli/main.ts"),
      "migrate",
      flagsOf(side).database,
      url,
      "--config",
      declarationFile,
    ],
    environment: {},
    folder: side.folder,
    signal,
  });
}

/** @throws {ServiceError} When it does not start, or its ready line has no `url`. */
export async function startAllocator(options: ServerOptions): Promise<AllocatorService> {
  const service = await start("allocator", options, [
    "src/cli/main.ts",
    "allocator",
    flagsOf(options.side).http,
    "127.0.0.1:0",
  ]);
  const { url } = readLine(v.object({ url: v.string() }), service.ready, service);
  return { ...service, url };
}

/**
 * Starts a relay on ::1.
 *
 * @param flags Flags in addition to those that the bench sets.
 * @throws {ServiceError} When it does not start, or its ready line has no `listeners`.
 */
export async function startRelay(
  { url }: AllocatorService,
  options: ServerOptions,
  flags: readonly string[],
): Promise<RelayService> {
  const environment = { ...options.environment, APPORTION_ALLOCATOR_URL: url };
  const script = ["relay/main.ts", "--listen", "[::1]:0", ...flags];
  const service = await start("relay", { ...options, environment }, script);
  const { listeners } = readLine(readySchema, service.ready, service);
  return { ...service, port: Number(/]:(\d+)$/.exec(listeners[0])?.[1]) };
}

const readySchema = v.object({
  listeners: v.tupleWithRest([v.pipe(v.string(), v.regex(/]:\d+$/))], v.string()),
});

/** Counters from the last log line of a relay. */
export type RelayCounters = v.InferOutput<typeof countersSchema>;

const countersSchema = v.object({
  /** Frames that were sent in POSTs. */
  forwarded: v.number(),
  posts: v.number(),
  /** Counts by reason; reasons with a count of 0 are absent. */
  dropped: v.record(v.string(), v.number()),
});

/**
 * Stops a relay and reads its counters.
 *
 * @throws {ServiceError} When its exit code is not 0, or its last log line has no counters.
 */
export async function stopRelay(relay: RelayService): Promise<RelayCounters> {
  return readLine(countersSchema, await relay.stop(), relay);
}

function start(
  name: string,
  options: ServerOptions,
  [script, ...flags]: readonly string[],
): Promise<Service> {
  const { side, environment, profileFolder, signal } = options;
  return startService({
    name: `${name} of ${side.folder}`,
    nodeFlags: nodeFlagsOf(side, name),
    script: [join(side.folder, script!), ...flags],
    environment,
    folder: side.folder,
    readyMessage: `${name} listening`,
    profileFolder,
    signal,
  });
}

/** Validates a log line, because another release may log differently. This reports it before the load starts. */
function readLine<S extends v.GenericSchema>(schema: S, line: LogLine, { name }: Service): v.InferOutput<S> {
  const result = v.safeParse(schema, line);
  if (result.success) return result.output;
  const [{ message, path }] = result.issues;
  const where = path?.map(({ key }) => String(key)).join(".") ?? "";
  throw new ServiceError(`Cannot read the log of the ${name}: ${where}: ${message}\n${JSON.stringify(line)}`);
}
