/**
 * The leases that a client keeps between commands, in one small JSON file. A client that remembers its address can
 * ask for it again (RFC 2131 §3.2).
 *
 * ```ts
 * import { loadState, storeLease } from "./state.ts";
 *
 * const state = await loadState("data/client-leases.json");
 * await storeLease("data/client-leases.json", clientIdentifierHex, kept);
 * ```
 *
 * @module
 */
import { mkdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import * as v from "valibot";
import { withoutByteOrderMark } from "../byte-order-mark.ts";
import { UsageError } from "../failure.ts";
import { clientLockRetryMs, clientLockTries, clientStateOctetsMax } from "../limits.ts";
import { readTextFile, TextFileError } from "../text-file.ts";
import { parseDateMs } from "../wire/date.ts";
import { formatIPv4, parseIPv4 } from "../wire/ipv4-address.ts";
import { formatIPv6, parseIPv6 } from "../wire/ipv6-address.ts";
import type { ServerLease } from "./answer.ts";

/** A lease that the client believes it holds. */
export interface KeptLease {
  readonly lease: ServerLease;
  /** When the ACK arrived. The times of the lease count from here. */
  readonly obtainedAt: Date;
  /** The softwire source address that the client asked the server to bind (option 109). */
  readonly softwire: Uint8Array | undefined;
  /** The IPv6 address that the client sent from. When it changes, the client starts over (R7618-6-13). */
  readonly source: string;
}

/** Leases by client identifier in hexadecimal. */
type ClientState = ReadonlyMap<string, KeptLease>;

const seconds = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff));
const bits = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max));

const leaseSchema = v.strictObject({
  address: v.string(),
  portParams: v.nullable(v.strictObject({ psidOffset: bits(15), psidLength: bits(16), psid: bits(0xffff) })),
  serverIdentifier: v.string(),
  leaseSeconds: seconds,
  renewalSeconds: seconds,
  rebindingSeconds: seconds,
  obtainedAt: v.string(),
  softwire: v.nullable(v.string()),
  source: v.string(),
});

const stateSchema = v.strictObject({ leases: v.record(v.string(), leaseSchema) });

/**
 * Parses the content of a state file.
 *
 * @param text JSON, as {@link formatState} writes it.
 * @throws {SyntaxError} When the text is not a client state; the message names the faulty field.
 */
export function parseState(text: string): ClientState {
  const result = v.safeParse(stateSchema, JSON.parse(withoutByteOrderMark(text)));
  if (!result.success) {
    const [issue] = result.issues;
    throw new SyntaxError(
      `Cannot parse client state: at ${v.getDotPath(issue) ?? "its root"}, ${issue.message}`,
    );
  }
  return new Map(
    Object.entries(result.output.leases).map(([clientIdentifier, stored]) => [
      clientIdentifier,
      parseLease(stored),
    ]),
  );
}

function parseLease(stored: v.InferOutput<typeof leaseSchema>): KeptLease {
  const { obtainedAt, softwire, source, portParams, ...times } = stored;
  return {
    lease: {
      ...times,
      address: parseIPv4(stored.address),
      portParams: portParams ?? undefined,
      serverIdentifier: parseIPv4(stored.serverIdentifier),
    },
    obtainedAt: new Date(parseDateMs(obtainedAt)),
    softwire: softwire === null ? undefined : parseIPv6(softwire),
    source,
  };
}

/** Formats a state as the content of its file. */
export function formatState(state: ClientState): string {
  const leases = Object.fromEntries(
    Array.from(state, ([clientIdentifier, { lease, obtainedAt, softwire, source }]) => [
      clientIdentifier,
      {
        address: formatIPv4(lease.address),
        portParams: lease.portParams ?? null,
        serverIdentifier: formatIPv4(lease.serverIdentifier),
        leaseSeconds: lease.leaseSeconds,
        renewalSeconds: lease.renewalSeconds,
        rebindingSeconds: lease.rebindingSeconds,
        obtainedAt: obtainedAt.toISOString(),
        softwire: softwire === undefined ? null : formatIPv6(softwire),
        source,
      },
    ]),
  );
  return `${JSON.stringify({ leases }, undefined, 2)}\n`;
}

/**
 * Reads the state file. A missing file means that the client holds no leases.
 *
 * @param path Path of the file.
 * @throws {UsageError} When the file is not a state file, or is longer than {@link clientStateOctetsMax} octets.
 */
// eslint-disable-next-line @typescript-eslint/require-await -- async turns an error into a rejection
export async function loadState(path: string): Promise<ClientState> {
  try {
    return parseState(readTextFile(path, { octetsMax: clientStateOctetsMax, expected: "a state file" }));
  } catch (error) {
    if (error instanceof TextFileError && error.code === "ENOENT") return new Map();
    const why = (error as Error).message.replaceAll(/\s+/g, " ");
    const problem = error instanceof TextFileError ? why : `found ${why}, expected leases of this client`;
    throw new UsageError(`Cannot read --state ${path}: ${problem}`, { cause: error });
  }
}

/**
 * Makes the folder of a state file, but not its parent folders, because one of them may be misspelt. It is called before
 * the request for a lease: a lease that cannot be stored is of no use.
 *
 * @throws {UsageError} When the folder does not exist and cannot be made.
 */
export async function prepareState(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    await mkdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    throw new UsageError(
      `Cannot use --state ${path}: found no folder ${folder} (${code ?? "unknown"}), expected one: create it, or correct the path`,
      { cause: error },
    );
  }
}

/**
 * Stores a client's lease in the state file, or removes it. The file is read again, because clients that run at the same
 * time may share it. It is replaced atomically: a reader sees the old or the new content. {@link prepareState} has made
 * its folder.
 *
 * @param clientIdentifier In hexadecimal.
 * @param kept The lease; undefined removes the stored one.
 * @throws {Error} When the file cannot be written, or another client does not let go of it.
 */
export async function storeLease(
  path: string,
  clientIdentifier: string,
  kept: KeptLease | undefined,
): Promise<void> {
  try {
    await withLock(`${path}.lock`, async () => {
      const state = new Map(await loadState(path));
      if (kept === undefined) state.delete(clientIdentifier);
      else state.set(clientIdentifier, kept);
      await replaceFile(path, formatState(state));
    });
  } catch (error) {
    const found = `found ${(error as Error).message}`;
    const expected = "expected a file that this user may write";
    throw new Error(`Cannot store the lease in --state ${path}: ${found}, ${expected}`, { cause: error });
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const written = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(written, text);
    await rename(written, path);
  } catch (error) {
    await rm(written, { force: true });
    throw error;
  }
}

/** Runs work while no other process holds the lock, which is a folder. The lock of a process that was killed is ignored. */
async function withLock(path: string, work: () => Promise<void>): Promise<void> {
  for (let tries = clientLockTries; ; tries--) {
    try {
      await mkdir(path);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (tries === 0) break;
    }
    await setTimeout(clientLockRetryMs);
  }
  try {
    await work();
  } finally {
    await rmdir(path).catch(() => undefined);
  }
}
