/**
 * Flags of `apportion load`.
 *
 * @module
 */
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import type { Hint } from "../client/query.ts";
import { defaultRelay } from "../defaults.ts";
import { parseDuration } from "../duration.ts";
import { loadClientsMax, loadExchangesMax, loadTriesMax } from "../limits.ts";
import type { LoadOptions } from "../load/options.ts";
import { assertPortSetParams } from "../portset/port-set.ts";
import { OptionCode6 } from "../wire/dhcpv6/codes.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import { isMulticast, parseIPv6 } from "../wire/ipv6-address.ts";
import { argument, decimal, integer } from "./argument-parsers.ts";

export const loadModes = ["dora", "renew", "release"] as const;
export type LoadMode = (typeof loadModes)[number];

/** The flags, as commander parses them. */
export interface LoadFlags {
  readonly server: string;
  readonly port: number;
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
  readonly hintPsidOffset: number;
  readonly relay?: Uint8Array;
  readonly loss: number;
  readonly retransmit: number;
  readonly tries: number;
  readonly json?: true;
}

function someDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms === 0) throw new InvalidArgumentError("Expected a duration, such as 30s, 10m or 2h, that is not 0.");
  return ms;
}

/** A load has connected sockets, which hear only the address that they send to. */
const serverAddress = argument((text) => {
  const [address] = text.split("%", 1);
  if (isMulticast(parseIPv6(address!))) throw new RangeError("a group");
  return text;
}, "the IPv6 address of one server or relay, such as 2001:db8::1, or fe80::1%eth1");

const clientsMax = 10_000_000;

/** Adds the flags. */
export function addLoadOptions(command: Command): Command {
  return addMessageOptions(addHabitOptions(addTargetOptions(command))).option("--json", "print JSON");
}

function addTargetOptions(command: Command): Command {
  return command
    .option("--server <address>", "IPv6 address of the server or relay", serverAddress, defaultRelay.address)
    .option(
      "--port <port>",
      "UDP port of the server or relay; 547 outside a demo",
      integer(1, 65_535),
      defaultRelay.port,
    )
    .addOption(
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
        "what is measured: new leases, or renewals or releases of leases that are made before",
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
    .option("--hint-psid-offset <bits>", "PSID offset to request", integer(0, 15), 0)
    .option(
      "--relay <link-address>",
      "send like a relay: in a RELAY-FORW with this link-address",
      argument(parseIPv6, "an IPv6 address such as 2001:db8::1"),
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
 * @throws {RangeError} When the hint names a port set that cannot be.
 */
export function loadOptionsOf(flags: LoadFlags): LoadOptions {
  const { server, port, localPort, clients, firstClient, rate, full, relay, loss, retransmit, tries } = flags;
  return {
    server,
    port,
    localPort,
    clients,
    firstClient,
    perSecond: rate,
    beginsForMs: flags.for,
    inFlight: Math.min(clients, flags.avalanche === true ? loadExchangesMax : flags.inFlight),
    sharesPorts: full !== true,
    hint: hintOf(flags),
    relay: relay === undefined ? undefined : relayOf(relay),
    lossRatio: loss / 100,
    retransmitMs: retransmit * 1000,
    triesMax: tries,
    durationMsMax: endMsMax,
  };
}

function hintOf({ hintPsidLength: psidLength, hintPsidOffset: psidOffset }: LoadFlags): Hint {
  if (psidLength === undefined) return {};
  const portParams = { psidOffset, psidLength, psid: 0 };
  assertPortSetParams(portParams);
  return { portParams };
}

/** A load ends by itself: each client gives up after its tries. This is the longest delay of a timer. */
const endMsMax = 2 ** 31 - 1;
