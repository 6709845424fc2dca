/**
 * `apportion client`: a DHCP 4o6 client for people and scripts. It obtains a lease, shows it and remembers it. It does
 * not configure anything on the machine.
 *
 * @module
 */
import { Command } from "commander";
import { openLink, findSourceAddress } from "../client/link.ts";
import {
  describeLease,
  describeParameters,
  describeTrace,
  leaseToJson,
  parametersToJson,
} from "../client/report.ts";
import {
  declineLease,
  extendLease,
  obtainLease,
  releaseLease,
  requestParameters,
} from "../client/session.ts";
import type { Extension, Outcome, Session } from "../client/session.ts";
import { loadState, prepareState, storeLease } from "../client/state.ts";
import type { KeptLease } from "../client/state.ts";
import { exitCodeOf, exitCodes, UsageError } from "../failure.ts";
import { print, printError } from "../program-output.ts";
import { visibleText } from "../visible-text.ts";
import { systemTiming } from "../timing.ts";
import { encodeHex, equalOctets } from "../wire/hex.ts";
import { formatIPv4 } from "../wire/ipv4-address.ts";
import { formatIPv6 } from "../wire/ipv6-address.ts";
import {
  addCommonOptions,
  addInformOptions,
  addLeaseOptions,
  hintOf,
  profileOf,
  relayOf,
} from "./client-options.ts";
import type { CommonOptions, InformOptions, LeaseOptions } from "./client-options.ts";
import { serverTargetOf } from "./server-target.ts";

/** The command's access to the process. Tests replace it. */
interface ClientIo {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Sets the exit code for the normal end of the process. */
  readonly setExitCode: (code: number) => void;
  /** Ends the process immediately, after a request for help or a wrong flag. */
  readonly exit: (code: number) => never;
}

const processIo: ClientIo = {
  stdout: print,
  stderr: printError,
  setExitCode: (code) => {
    process.exitCode = code;
  },
  exit: (code) => process.exit(code),
};

/** Creates the command. */
export function clientCommand(io: ClientIo = processIo): Command {
  const client = new Command("client")
    .description("run a DHCP 4o6 client that can share an IPv4 address")
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr })
    .exitOverride(({ exitCode }) => io.exit(exitCode === 0 ? 0 : exitCodes.usage));
  const add = <O extends CommonOptions>(
    name: string,
    description: string,
    run: (client: Client<O>) => Promise<number>,
    addOptions = (command: Command) => command,
  ): void => {
    addOptions(addCommonOptions(client.command(name).description(description))).action((options: O) =>
      runCommand(name, options, run, io),
    );
  };
  add("lease", "obtain a lease: DISCOVER, OFFER, REQUEST, ACK", runLease, addLeaseOptions);
  add("renew", "extend the lease as in RENEWING (U flag set)", (of) => runExtension(of, "renewing"));
  add("rebind", "extend the lease as in REBINDING (U flag clear)", (of) => runExtension(of, "rebinding"));
  add("reboot", "ask whether the remembered lease is still valid (INIT-REBOOT)", runReboot);
  add("release", "release the lease", (of) => endLease(of, releaseLease, "Released"));
  add("decline", "decline the lease because it cannot be used", (of) =>
    endLease(of, declineLease, "Declined"),
  );
  add("inform", "request parameters without a lease", runInform, addInformOptions);
  return client;
}

/** The client that a command acts for. */
interface Client<O extends CommonOptions> {
  readonly name: string;
  readonly options: O;
  readonly io: ClientIo;
  readonly session: Session;
  /** Client identifier in hexadecimal, which is the key of its lease in the state file. */
  readonly clientIdentifier: string;
  readonly stored: KeptLease | undefined;
  /** The client's IPv6 address as the server sees it. */
  readonly source: string;
}

async function runCommand<O extends CommonOptions>(
  name: string,
  options: O,
  run: (client: Client<O>) => Promise<number>,
  io: ClientIo,
): Promise<void> {
  try {
    io.setExitCode(await withClient(name, options, run, io));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // System errors of the network (EADDRNOTAVAIL, ENETUNREACH, …) have a `syscall`. So do those of files, which also
    // have a `path`.
    const isNetwork = "syscall" in error && !("path" in error);
    const { server, port } = options;
    io.stderr(`${isNetwork ? `Cannot reach ${server} port ${port}: ` : ""}${error.message}\n`);
    const code = isNetwork ? exitCodes.unreachable : exitCodes.usage;
    io.setExitCode("exitCode" in error ? exitCodeOf(error) : code);
  }
}

async function withClient<O extends CommonOptions>(
  name: string,
  options: O,
  run: (client: Client<O>) => Promise<number>,
  io: ClientIo,
): Promise<number> {
  const target = { ...serverTargetOf(options), localPort: options.localPort };
  const profile = profileOf(options);
  const relay = relayOf(options);
  const clientIdentifier = encodeHex(profile.clientIdentifier);
  await prepareState(options.state);
  const stored = (await loadState(options.state)).get(clientIdentifier);
  const source = relay === undefined ? await findSourceAddress(target) : formatIPv6(relay.peerAddress);
  const link = await openLink(target);
  const leaseOptions: Partial<LeaseOptions> = options;
  const session: Session = {
    link,
    profile,
    relay,
    timing: systemTiming,
    firstDelayMs: options.retransmit * 1000,
    deadlineMs: systemTiming.nowMs() + options.timeout * 1000,
    gatherMs: (leaseOptions.offerWait ?? 0) * 1000,
    prefers: leaseOptions.preferShared === true ? "shared" : "full",
    needsBorderRelay: leaseOptions.strictSoftwire === true,
  };
  try {
    return await run({ name, options, io, session, clientIdentifier, stored, source });
  } finally {
    link.close();
  }
}

async function runLease(client: Client<LeaseOptions>): Promise<number> {
  const { softwire, strictSoftwire, oro } = client.options;
  if (strictSoftwire === true && !oro) {
    throw new UsageError("Cannot use --strict-softwire: found --no-oro, expected only one of them");
  }
  const outcome = await obtainLease(client.session, { hint: hintOf(client.options), softwire });
  return reportOutcome(client, outcome, softwire);
}

async function runExtension(client: Client<CommonOptions>, extension: Extension): Promise<number> {
  const { lease, softwire: before } = requireStoredLease(client);
  const softwire = client.options.softwire ?? before;
  return reportOutcome(
    client,
    await extendLease(client.session, extension, { pair: lease, softwire }),
    softwire,
  );
}

/** A client whose own address changed must start over with DISCOVER instead of asking for its lease (R7618-6-13). */
async function runReboot(client: Client<CommonOptions>): Promise<number> {
  const { lease, source, softwire: before } = requireStoredLease(client);
  if (source === client.source) return runExtension(client, "init-reboot");
  client.io.stderr(
    `The source address changed from ${source} to ${client.source}: starting over with DISCOVER\n`,
  );
  const softwire = client.options.softwire ?? before;
  return reportOutcome(client, await obtainLease(client.session, { hint: lease, softwire }), softwire);
}

async function endLease(
  client: Client<CommonOptions>,
  end: typeof releaseLease,
  done: "Released" | "Declined",
): Promise<number> {
  const { lease } = requireStoredLease(client);
  await end(client.session, lease);
  const { address, portParams } = lease;
  const psid = portParams === undefined ? "" : ` PSID ${portParams.psid}`;
  printResult(client, {
    lines: [`${done} ${formatIPv4(address)}${psid}; servers do not answer this message`],
    json: { result: "sent", address: formatIPv4(address), portParams: portParams ?? null },
  });
  await storeLease(client.options.state, client.clientIdentifier, undefined);
  return exitCodes.done;
}

async function runInform(client: Client<InformOptions>): Promise<number> {
  const address = client.options.address ?? client.stored?.lease.address;
  if (address === undefined) {
    throw new UsageError("Cannot inform: found neither --address nor a stored lease, expected one of them");
  }
  const knowsServer = client.stored !== undefined;
  return reportOutcome(client, await requestParameters(client.session, { address, knowsServer }), undefined);
}

function requireStoredLease({ name, stored, clientIdentifier, options }: Client<CommonOptions>): KeptLease {
  if (stored !== undefined) return stored;
  throw new UsageError(
    `Cannot ${name}: found no lease of client ${clientIdentifier} in ${options.state}, expected one from \`lease\``,
  );
}

/** Prints the outcome of an exchange, and stores or deletes the lease accordingly. */
async function reportOutcome(
  client: Client<CommonOptions>,
  outcome: Outcome,
  softwire: Uint8Array | undefined,
): Promise<number> {
  const { trace } = outcome;
  const traceJson = { queriesSent: trace.sent, ignored: Object.fromEntries(trace.ignored) };
  switch (outcome.kind) {
    case "lease": {
      const obtainedAt = new Date();
      warnIfSoftwireDiffers(client, softwire, outcome.parameters.softwire);
      const report = { lease: outcome.lease, parameters: outcome.parameters, obtainedAt };
      const kept = { lease: outcome.lease, obtainedAt, softwire, source: client.source };
      // The server has granted it, so it is told even if it cannot be stored.
      printResult(client, {
        lines: describeLease(report),
        json: { result: "lease", ...traceJson, lease: leaseToJson(report) },
      });
      await storeLease(client.options.state, client.clientIdentifier, kept);
      return exitCodes.done;
    }
    case "parameters": {
      const { serverIdentifier, parameters } = outcome;
      const json = { serverIdentifier: formatIPv4(serverIdentifier), ...parametersToJson(parameters) };
      printResult(client, {
        lines: describeParameters(serverIdentifier, parameters),
        json: { result: "parameters", ...traceJson, parameters: json },
      });
      return exitCodes.done;
    }
    case "refused": {
      const server = formatIPv4(outcome.serverIdentifier);
      const why = outcome.message ?? "no reason given";
      client.io.stderr(`Refused by ${server}: ${why}\n`);
      printResult(client, {
        lines: [],
        json: { result: "refused", ...traceJson, serverIdentifier: server, message: outcome.message ?? null },
      });
      // After a NAK the client has no lease and must start over (RFC 2131 §4.4.5).
      await storeLease(client.options.state, client.clientIdentifier, undefined);
      return exitCodes.refused;
    }
    case "no-answer": {
      const { server, port, timeout } = client.options;
      const what = outcome.awaited === "offer" ? "offer" : "answer to the request";
      client.io.stderr(`No ${what} from ${server} port ${port} in ${timeout} s: ${describeTrace(trace)}\n`);
      printResult(client, {
        lines: [],
        json: { result: "no-answer", ...traceJson, awaited: outcome.awaited },
      });
      return exitCodes.unreachable;
    }
  }
}

/** RFC 8539 §7.5: the softwire works only if both ends use the same address. */
function warnIfSoftwireDiffers(
  { io }: Client<CommonOptions>,
  wanted: Uint8Array | undefined,
  bound: Uint8Array | undefined,
): void {
  if (wanted === undefined || (bound !== undefined && equalOctets(wanted, bound))) return;
  const found = bound === undefined ? "none" : formatIPv6(bound);
  io.stderr(
    `The server bound a different softwire source address: found ${found}, expected ${formatIPv6(wanted)}\n`,
  );
}

/** Prints a result to standard output: as lines, or as one JSON object that also names the command and the client. */
function printResult(
  { name, clientIdentifier, options, io }: Client<CommonOptions>,
  { lines, json }: { readonly lines: readonly string[]; readonly json: Readonly<Record<string, unknown>> },
): void {
  if (options.json === true) io.stdout(`${JSON.stringify({ command: name, clientIdentifier, ...json })}\n`);
  else for (const line of lines) io.stdout(`${visibleText(line)}\n`);
}
