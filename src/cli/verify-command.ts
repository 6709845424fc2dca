/**
 * `apportion verify`: checks that a database is consistent, and that it has every lease that clients were granted.
 *
 * @module
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { Command } from "commander";
import { createWitness } from "../load/wire-evidence.ts";
import type { AcknowledgedLease, WireEvidence } from "../load/wire-evidence.ts";
import { parseWireRecord } from "../load/wire-log.ts";
import { exitCodes, UsageError } from "../failure.ts";
import { describeFileFault } from "../file-fault.ts";
import { fileLog } from "../http/store-log.ts";
import { createProgramLog } from "../log/program-log.ts";
import { addLogFlags } from "../log/options.ts";
import type { LogFlags } from "../log/options.ts";
import { databaseCommandMsMax } from "../limits.ts";
import { print } from "../program-output.ts";
import { openExistingDatabase } from "../runtime/node.ts";
import type { Maintenance } from "../store/evidence/maintenance.ts";
import type { ClientLease, PoolCounts } from "../store/evidence/verify.ts";
import { openStore } from "../store/store.ts";
import { visibleText } from "../visible-text.ts";
import { formatIPv4 } from "../wire/ipv4-address.ts";
import { addDatabaseFlags, databaseOf } from "./database-options.ts";
import { exitOnFailure } from "./process.ts";

interface Options extends LogFlags {
  readonly wireLog?: string;
  readonly json?: boolean;
}

/** Creates the command. */
export function verifyCommand(): Command {
  return addLogFlags(addDatabaseFlags(new Command("verify")))
    .description("check a database, even while it is in use: ports, cursors, limits, history, counts")
    .option(
      "--wire-log <file>",
      "wire log of a load generator: check that the database has the leases it records",
    )
    .option("--json", "print JSON")
    .action(exitOnFailure(runVerify));
}

/** Result of the check. */
export interface Report {
  readonly faults: readonly string[];
  readonly pools: readonly PoolCounts[];
  /** Number of DHCPACKs in the wire log, and of leases held at its end. */
  readonly wire?: { readonly acks: number; readonly held: number };
}

async function runVerify({ wireLog, json, ...logFlags }: Options, command: Command): Promise<void> {
  const store = await openStore(databaseOf(command), (access) =>
    openExistingDatabase(access, databaseCommandMsMax),
  );
  store.onFileEvent(fileLog(createProgramLog(logFlags)));
  try {
    const report = await verify(store.maintenance, wireLog);
    print(json === true ? `${JSON.stringify(report)}\n` : formatReport(report));
    if (report.faults.length > 0) process.exitCode = exitCodes.refused;
  } finally {
    store.close();
  }
}

/**
 * Checks a database, and optionally compares it with the wire log of a load generator.
 *
 * @param maintenance Access to the database.
 * @param log Path of the wire log.
 * @throws {DatabaseError} When the database cannot be reached.
 * @throws {UsageError} When a line of the log is not a record.
 */
export async function verify(maintenance: Maintenance, log?: string): Promise<Report> {
  if (log !== undefined) return verifyEvidence(maintenance, await readLog(log));
  return maintenance.verify();
}

/**
 * Checks a database, and compares it with what clients have seen.
 *
 * @param maintenance Access to the database.
 * @param evidence What the wire log proves.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function verifyEvidence(maintenance: Maintenance, evidence: WireEvidence): Promise<Report> {
  const { faults, pools } = await maintenance.verify();
  const missing = await findMissingLeases(maintenance, evidence.held);
  return {
    faults: [...faults, ...describeEvidence(evidence), ...missing],
    pools,
    wire: { acks: evidence.acks, held: evidence.held.length },
  };
}

/** Reads a log line by line: a long one has millions. */
async function readLog(path: string): Promise<WireEvidence> {
  const witness = createWitness();
  let lines = 0;
  try {
    for await (const line of createInterface(createReadStream(path))) {
      lines++;
      witness.add(parseWireRecord(line));
    }
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new UsageError(`Cannot read ${path}:${lines}: ${error.message}`, { cause: error });
    throw new UsageError(`Cannot read ${path}: ${describeFileFault(error, "a wire log")}`, { cause: error });
  }
  return witness.settle(Date.now());
}

const describeLease = ({ client, address, psidLength, psid }: AcknowledgedLease): string =>
  `client ${client} holds ${formatIPv4(address)}${psidLength === 0 ? "" : ` PSID ${psid} of ${2 ** psidLength}`}`;

function describeEvidence({ conflicts, broken }: WireEvidence): string[] {
  return [
    ...conflicts.map(
      ({ first, second }) =>
        `ports-of-two-clients: ${describeLease(first)}, and so does client ${second.client}`,
    ),
    ...broken.map(
      ({ lease, atMs }) =>
        `lease-taken-away: ${describeLease(lease)}, but lost it at ${new Date(atMs).toISOString()}`,
    ),
  ];
}

/** Finds unexpired leases that clients were granted but that the database lacks, or has with other values. */
async function findMissingLeases(
  maintenance: Maintenance,
  held: readonly AcknowledgedLease[],
): Promise<string[]> {
  const running = held.filter(({ untilMs }) => untilMs > Date.now());
  const found = await maintenance.findLeases(running.map(({ client }) => client));
  const byClient = new Map(found.map((lease) => [lease.client, lease]));
  return running.flatMap((granted) => {
    const lease = byClient.get(granted.client);
    if (lease !== undefined && coversGrant(lease, granted)) return [];
    const what = lease === undefined ? "no lease" : `slot ${lease.slot} until ${lease.expiresAt}`;
    return [`lease-missing: ${describeLease(granted)}, the database has ${what}`];
  });
}

/** Whether a lease in the database is for the granted ports, and ends no earlier. One second allows for rounding. */
function coversGrant(
  { pair, expiresAt }: ClientLease,
  { address, psidOffset, psidLength, psid, untilMs }: AcknowledgedLease,
): boolean {
  const { portSet = { psidOffset, psidLength: 0, psid: 0 } } = pair;
  return (
    pair.address === address &&
    portSet.psidOffset === psidOffset &&
    portSet.psidLength === psidLength &&
    portSet.psid === psid &&
    expiresAt * 1000 >= untilMs - 1000
  );
}

function formatReport({ faults, pools, wire }: Report): string {
  const lines = pools.map(
    ({ pool, slots, free, offered, bound, quarantined, reserved }) =>
      `pool ${pool}: ${slots} slots = ${free} free + ${offered} offered + ${bound} bound + ` +
      `${quarantined} quarantined + ${reserved} reserved`,
  );
  if (wire !== undefined) lines.push(`wire log: ${wire.acks} DHCPACKs, ${wire.held} leases held at its end`);
  lines.push(
    faults.length === 0 ? "no faults found" : `${faults.length} FAULTS:`,
    ...faults.map((each) => `  ${visibleText(each)}`),
  );
  return `${lines.join("\n")}\n`;
}
