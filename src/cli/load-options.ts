/**
 * Flags of `apportion load`.
 *
 * @module
 */
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import { parseDuration } from "../duration.ts";
import { UsageError } from "../failure.ts";
import { loadClientsMax, loadExchangesMax, loadTriesMax } from "../limits.ts";
import type { LoadOptions } from "../load/options.ts";
import type { LineOption } from "../load/queries.ts";
import { OptionCode6 } from "../wire/dhcpv6/codes.ts";
import { encodeRemoteId } from "../wire/dhcpv6/options/remote-id.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import { parseIPv6 } from "../wire/ipv6-address.ts";
import { argument, decimal, integer } from "./argument-parsers.ts";
import { exampleEnterprise, hintOf } from "./client-options.ts";
import { addServerOptions, serverTargetOf } from "./server-target.ts";
import type { ServerFlags } from "./server-target.ts";

export const loadModes = ["dora", "renew", "release"] as const;
export type LoadMode = (typeof loadModes)[number];

/** The flags, as commander parses them. */
export interface LoadFlags extends ServerFlags {
  readonly localPort?: number;
  readonly clients: number;
  readonly firstClient: number;
  readonly inFlight: number;
  readonly rate?: number;
  readonly for?: number;
  readonly avalanche?: true;
  readonly mode: LoadMode;
  readonly full?: true;
  readonly hintPsidLength?: number;
  readonly hintPsidOffset?: number;
  readonly relay?: Uint8Array;
  readonly line?: LineName;
  readonly loss: number;
  /** Percent. */
  readonly dropsMax?: number;
  readonly retransmit: number;
  readonly tries: number;
  /** Milliseconds. */
  readonly reportEvery?: number;
  readonly json?: true;
}

function someDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms === 0) throw new InvalidArgumentError("Expected a duration, such as 30s, 10m or 2h, that is not 0.");
  return ms;
}

const clientsMax = 10_000_000;

/** Adds the flags. */
export function addLoadOptions(command: Command): Command {
  return addReportOptions(addMessageOptions(addHabitOptions(addTargetOptions(command))));
}

function addTargetOptions(command: Command): Command {
  return addServerOptions(command).addOption(
    new Option("--local-port <port>", "UDP port to send from; 546 for servers that answer only there")
      .argParser(integer(1, 65_535))
      .default(undefined, "free ones"),
  );
}

/** How many clients do what, and when. */
function addHabitOptions(command: Command): Command {
  return command
    .option("--clients <count>", "how many clients there are", integer(1, clientsMax), 1000)
    .option(
      "--first-client <number>",
      "number of the first client; each number is another identity",
      integer(0, loadClientsMax - clientsMax),
      0,
    )
    .option("--in-flight <count>", "exchanges at the same time, at most", integer(1, loadExchangesMax), 256)
    .addOption(
      new Option("--rate <count>", "exchanges that begin in a second, as far as --in-flight permits")
        .argParser(decimal(0.1, 1_000_000))
        .default(undefined, "as many as possible"),
    )
    .addOption(
      new Option("--for <duration>", "how long exchanges begin, such as 30s, 10m or 2h; clients take turns")
        .argParser(someDuration)
        .default(undefined, "until each client had one"),
    )
    .addOption(
      new Option("--avalanche", "let all clients begin at once, as after a power cut").conflicts([
        "rate",
        "for",
        "inFlight",
      ]),
    )
    .addOption(
      new Option(
        "--mode <mode>",
        "what is measured: new leases, or renewals or releases of leases that are made before, at the same --rate",
      )
        .choices(loadModes)
        .default("dora" satisfies LoadMode),
    );
}

/** What the clients say, and what becomes of it. */
function addMessageOptions(command: Command): Command {
  return command
    .option("--full", "request full addresses: do not list option 159")
    .option(
      "--hint-psid-length <bits>",
      "port set size to request: 2^bits clients share an address",
      integer(1, 16),
    )
    .addOption(
      new Option("--hint-psid-offset <bits>", "PSID offset to request, with --hint-psid-length")
        .argParser(integer(0, 15))
        .default(undefined, "0"),
    )
    .option(
      "--relay <link-address>",
      "send like a relay: in a RELAY-FORW with this link-address",
      argument(parseIPv6, "an IPv6 address such as 2001:db8::1"),
    )
    .addOption(
      new Option(
        "--line <option>",
        "with --relay: each client has its own line, named by this option; without it, all share one",
      ).choices(lineNames),
    )
    .option("--loss <percent>", "lose so many datagrams of each direction, on purpose", decimal(0, 100), 0)
    .option(
      "--retransmit <seconds>",
      "delay before the first retransmission; doubles each time",
      decimal(0.1, 64),
      1,
    )
    .option(
      "--tries <count>",
      "transmissions of a message before its client gives up",
      integer(1, loadTriesMax),
      4,
    );
}

/** What is reported, and what counts as a failure. */
function addReportOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--drops-max <percent>", "end with 1 if more of the exchanges are without an answer")
        .argParser(decimal(0, 100))
        .default(undefined, "any number may be"),
    )
    .addOption(
      new Option("--report-every <duration>", "tell the progress on standard error in lines, so often")
        .argParser(someDuration)
        .default(undefined, "only on a terminal"),
    )
    .option("--json", "print JSON");
}

const lineNames = ["interface-id", "remote-id", "subscriber-id"] as const;
type LineName = (typeof lineNames)[number];

const linePrefix = new TextEncoder().encode("line-");

/** The options that name a line, without the number of the client. */
const lineOptions: Readonly<Record<LineName, LineOption>> = {
  "interface-id": { code: OptionCode6.interfaceId, prefix: linePrefix },
  "remote-id": {
    code: OptionCode6.remoteId,
    prefix: encodeRemoteId({ enterprise: exampleEnterprise, remoteId: linePrefix }),
  },
  "subscriber-id": { code: OptionCode6.subscriberId, prefix: linePrefix },
};

/** Any link-local address: the server sends its answers to the socket, not to the peer. */
const peerAddress = parseIPv6("fe80::1");

/** The relay gets its answers at the port that it sends from (RFC 8357 §5.1). */
const relayOf = (linkAddress: Uint8Array): RelayLevel => ({
  hopCount: 0,
  linkAddress,
  peerAddress,
  options: [{ code: OptionCode6.relayPort, data: new Uint8Array(2) }],
});

/**
 * Converts flags to the options of a load.
 *
 * @throws {UsageError} When flags contradict each other, or one has no effect.
 */
export function loadOptionsOf(flags: LoadFlags): LoadOptions {
  assertEffective(flags);
  const { localPort, clients, firstClient, rate, full, relay, line, loss, retransmit, tries } = flags;
  return {
    ...serverTargetOf(flags),
    localPort,
    clients,
    firstClient,
    perSecond: rate,
    beginsForMs: flags.for,
    inFlight: Math.min(clients, flags.avalanche === true ? loadExchangesMax : flags.inFlight),
    sharesPorts: full !== true,
    hint: hintOf(flags),
    relay: relay === undefined ? undefined : relayOf(relay),
    line: line === undefined ? undefined : lineOptions[line],
    lossRatio: loss / 100,
    retransmitMs: retransmit * 1000,
    triesMax: tries,
    durationMsMax: endMsMax,
  };
}

/**
 * Converts flags to the options for making the leases that a load then renews or releases: one for each client, at the
 * rate of the load, without the losses and the avalanche, which belong to the measured part.
 */
export function preparationOf(flags: LoadFlags): LoadOptions {
  const inFlight = Math.min(flags.clients, flags.inFlight);
  return { ...loadOptionsOf(flags), inFlight, beginsForMs: undefined, lossRatio: 0 };
}

/** Refuses flags that have no effect, because their user expects one. */
function assertEffective({ mode, for: ms, loss, dropsMax, line, relay }: LoadFlags): void {
  const isRelease = mode === "release";
  const ignored = [
    { flag: "--for", isIgnored: isRelease && ms !== undefined, why: releasesOnce },
    { flag: "--loss", isIgnored: isRelease && loss > 0, why: unanswered },
    { flag: "--drops-max", isIgnored: isRelease && dropsMax !== undefined, why: unanswered },
    {
      flag: "--line",
      isIgnored: line !== undefined && relay === undefined,
      why: "found no --relay, expected both",
    },
  ].find(({ isIgnored }) => isIgnored);
  if (ignored !== undefined) throw new UsageError(`Cannot use ${ignored.flag}: ${ignored.why}`);
}

const releasesOnce =
  "found --mode release beside it, in which each client releases once, expected one of them";
const unanswered = "found --mode release beside it, whose messages are not answered, expected one of them";

/** A load ends by itself: each client gives up after its tries. This is the longest delay of a timer. */
const endMsMax = 2 ** 31 - 1;
