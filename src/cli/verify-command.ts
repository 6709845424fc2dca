/**
 * `apportion verify`: is a database what it must be, and does it have every lease that clients were told of?
 *
 * @module
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { Command, Option } from "commander";
import { readEvidence } from "../load/wire-evidence.ts";
import type { ToldLease, WireEvidence } from "../load/wire-evidence.ts";
import { parseWireRecord } from "../load/wire-log.ts";
import type { WireRecord } from "../load/wire-log.ts";
import { databaseCommandMsMax } from "../limits.ts";
import { openExistingDatabase } from "../runtime/node.ts";
import type { Maintenance } from "../store/evidence/maintenance.ts";
import type { ClientLease, PoolCounts } from "../store/evidence/verify.ts";
import { openStore } from "../store/store.ts";
import { formatIPv4 } from "../wire/ipv4-address.ts";
import { exitOnFailure } from "./process.ts";

interface Options {
  readonly database: string;
  readonly token?: string;
  readonly log?: string;
  readonly json?: boolean;
}

/** Creates the command. */
export function verifyCommand(): Command {
  return new Command("verify")
    .description("check a database, in use or not: ports, cursors, limits, history, counts")
    .addOption(
      new Option("--database <url>", "file:PATH, http(s)://… or libsql://…")
        .env("APPORTION_DATABASE_URL")
        .makeOptionMandatory(),
    )
    .addOption(new Option("--token <token>", "token of its server").env("APPORTION_DATABASE_TOKEN"))
    .option("--log <file>", "what clients were told (of a load generator): check the database against it")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nExit code: 0 when all is well, 2 when something was found, 1 when it can't be checked.",
    )
    .action(exitOnFailure(runVerify));
}

/** What was found. */
export interface Report {
  readonly faults: readonly string[];
  readonly pools: readonly PoolCounts[];
  /** DHCPACKs in the wire log, and leases that it says are held. */
  readonly wire?: { readonly acks: number; readonly held: number };
}

/** Something is wrong with the database, as opposed to the check. */
const exitFaults = 2;

async function runVerify({ database: url, token, log, json }: Options): Promise<void> {
  const store = await openStore({ url, token }, (access) =>
    openExistingDatabase(access, databaseCommandMsMax),
  );
  try {
    const report = await verify(store.maintenance, log);
    process.stdout.write(json === true ? `${JSON.stringify(report)}\n` : formatReport(report));
    if (report.faults.length > 0) process.exitCode = exitFaults;
  } finally {
    store.close();
  }
}

/**
 * Checks a database, and the wire log of a load against it.
 *
 * @param log Path of the log.
 * @throws {DatabaseError} When the database cannot be reached.
 * @throws {SyntaxError} When the log has a line that is not a record.
 */
export async function verify(maintenance: Maintenance, log?: string): Promise<Report> {
  const { faults, pools } = await maintenance.verify();
  if (log === undefined) return { faults, pools };
  const evidence = readEvidence(await readRecords(log));
  const missing = await findMissing(maintenance, evidence.held);
  return {
    faults: [...faults, ...describeEvidence(evidence), ...missing],
    pools,
    wire: { acks: evidence.acks, held: evidence.held.length },
  };
}

async function readRecords(path: string): Promise<WireRecord[]> {
  const records: WireRecord[] = [];
  for await (const line of createInterface(createReadStream(path))) records.push(parseWireRecord(line));
  return records;
}

const describeTold = ({ client, address, psidLength, psid }: ToldLease): string =>
  `client ${client} holds ${formatIPv4(address)}${psidLength === 0 ? "" : ` PSID ${psid} of ${2 ** psidLength}`}`;

function describeEvidence({ conflicts, broken }: WireEvidence): string[] {
  return [
    ...conflicts.map(
      ({ first, second }) =>
        `ports-of-two-clients: ${describeTold(first)}, and so does client ${second.client}`,
    ),
    ...broken.map(
      ({ lease, atMs }) =>
        `lease-taken-away: ${describeTold(lease)}, and was told otherwise at ${new Date(atMs).toISOString()}`,
    ),
  ];
}

/** Leases that clients were told of, and that should be running, but are not in the database as they were told. */
async function findMissing(maintenance: Maintenance, held: readonly ToldLease[]): Promise<string[]> {
  const running = held.filter(({ untilMs }) => untilMs > Date.now());
  const found = await maintenance.findLeases(running.map(({ client }) => client));
  const byClient = new Map(found.map((lease) => [lease.client, lease]));
  return running.flatMap((told) => {
    const lease = byClient.get(told.client);
    if (lease !== undefined && isAsTold(lease, told)) return [];
    const what = lease === undefined ? "no lease" : `slot ${lease.slot} until ${lease.expiresAt}`;
    return [`lease-missing: ${describeTold(told)}, the database has ${what}`];
  });
}

function isAsTold(
  { pair, expiresAt }: ClientLease,
  { address, psidOffset, psidLength, psid, untilMs }: ToldLease,
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
    faults.length === 0 ? "all is well" : `${faults.length} FAULTS:`,
    ...faults.map((each) => `  ${each}`),
  );
  return `${lines.join("\n")}\n`;
}
