/**
 * Flags of `apportion client`: how each is parsed, and what they configure.
 *
 * @module
 */
import { Option } from "commander";
import type { Command } from "commander";
import { parameterRequestList, softwireOptionRequest } from "../client/query.ts";
import type { ClientProfile, Hint } from "../client/query.ts";
import { parseClientIdentifier } from "../declaration/reservation-declaration.ts";
import { UsageError } from "../failure.ts";
import {
  clientIdentifierOctetsMax,
  clientOfferWaitSecondsMax,
  clientRetransmitSecondsMax,
  clientRetransmitSecondsMin,
  clientTimeoutSecondsMax,
} from "../limits.ts";
import { assertPortSetParams } from "../portset/port-set.ts";
import {
  clientIdentifierOctetsMin,
  encodeClientIdentifier,
} from "../wire/dhcpv4/options/client-identifier.ts";
import { OptionCode6 } from "../wire/dhcpv6/codes.ts";
import type { Option6 } from "../wire/dhcpv6/options.ts";
import { encodeRemoteId } from "../wire/dhcpv6/options/remote-id.ts";
import type { RemoteId } from "../wire/dhcpv6/options/remote-id.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import { encodeDuidLl } from "../wire/duid.ts";
import { decodeHex } from "../wire/hex.ts";
import { parseIPv4 } from "../wire/ipv4-address.ts";
import { parseIPv6 } from "../wire/ipv6-address.ts";
import { parseWholeNumber } from "../wire/number.ts";
import { argument, decimal, integer, path } from "./argument-parsers.ts";
import { addServerOptions } from "./server-target.ts";
import type { ServerFlags } from "./server-target.ts";

/** Flags of every command. */
export interface CommonOptions extends ServerFlags {
  readonly localPort: number;
  readonly mac: Uint8Array;
  readonly iaid: number;
  readonly clientId?: Uint8Array;
  readonly full?: true;
  readonly leaseTime?: number;
  readonly softwire?: Uint8Array;
  readonly oro: boolean;
  readonly relay?: Uint8Array;
  readonly peer?: Uint8Array;
  readonly interfaceId?: Uint8Array;
  readonly remoteId?: RemoteId;
  readonly timeout: number;
  readonly retransmit: number;
  readonly state: string;
  readonly json?: true;
}

/** Flags of `lease`. */
export interface LeaseOptions extends CommonOptions {
  readonly hintAddress?: number;
  readonly hintPsidOffset?: number;
  readonly hintPsidLength?: number;
  readonly hintPsid?: number;
  readonly offerWait: number;
  readonly preferShared?: true;
  readonly strictSoftwire?: true;
}

/** Flags of `inform`. */
export interface InformOptions extends CommonOptions {
  readonly address?: number;
}

/** The locally administered address 02:00:00:00:00:01, which no vendor assigns to a device. */
const defaultMac = Uint8Array.of(2, 0, 0, 0, 0, 1);

/** IANA enterprise number for examples (RFC 5612). */
export const exampleEnterprise = 32_473;

const secondsUpTo = (max: number) => decimal(0, max);
const ipv4 = argument(parseIPv4, "an IPv4 address such as 192.0.2.18");
const ipv6 = argument(parseIPv6, "an IPv6 address such as 2001:db8::1");
const mac = argument(parseMac, "six octets such as 02:00:5e:10:00:01");
const clientId = argument(
  parseClientIdentifier,
  `${clientIdentifierOctetsMin} to ${clientIdentifierOctetsMax} octets in hexadecimal`,
);
const text = argument(encodeText, "one character or more");
const remoteId = argument(parseRemoteId, "TEXT or ENTERPRISE:TEXT");

function parseMac(value: string): Uint8Array {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(value)) throw new SyntaxError("not a MAC address");
  return decodeHex(value.replaceAll(":", ""));
}

function encodeText(value: string): Uint8Array {
  if (value === "") throw new RangeError("empty");
  return new TextEncoder().encode(value);
}

function parseRemoteId(value: string): RemoteId {
  const [, enterprise, id] = /^(?:(\d{1,10}):)?(.+)$/.exec(value) ?? [];
  if (id === undefined) throw new RangeError("not a remote-id");
  const number = enterprise === undefined ? exampleEnterprise : parseWholeNumber(enterprise, 0, 0xffff_ffff);
  return { enterprise: number, remoteId: encodeText(id) };
}

/** Adds the flags that all commands share. */
export function addCommonOptions(command: Command): Command {
  return addServerOptions(command)
    .option(
      "--local-port <port>",
      "UDP port to send from; 546 for servers that answer only there, 0 for any",
      integer(0, 65_535),
      0,
    )
    .addOption(
      new Option("--mac <octets>", "hardware address, from which the client identifier is derived")
        .argParser(mac)
        .default(defaultMac, "02:00:00:00:00:01"),
    )
    .option("--iaid <number>", "IAID of the client identifier (RFC 4361)", integer(0, 0xffff_ffff), 1)
    .option(
      "--client-id <hex>",
      "complete client identifier (option 61), instead of one from --mac and --iaid",
      clientId,
    )
    .option("--full", "request a full address: do not list option 159")
    .option(
      "--lease-time <seconds>",
      "lease time to request (option 51; default: the server decides)",
      integer(1, 0xffff_ffff),
    )
    .option("--softwire <address>", "IPv6 source address of the softwire (option 109)", ipv6)
    .option("--no-oro", "do not request the softwire options 90 and 137")
    .option("--relay <link-address>", "send like a relay: in a RELAY-FORW with this link-address", ipv6)
    .option(
      "--peer <address>",
      "with --relay: IPv6 address of the client (default: link-local, derived from --mac)",
      ipv6,
    )
    .option("--interface-id <text>", "with --relay: the line of the client (Interface-Id, option 18)", text)
    .option(
      "--remote-id <[enterprise:]text>",
      `with --relay: Remote-Id, option 37 (default enterprise: ${exampleEnterprise})`,
      remoteId,
    )
    .option(
      "--timeout <seconds>",
      "total time for all messages of the command",
      secondsUpTo(clientTimeoutSecondsMax),
      10,
    )
    .option(
      "--retransmit <seconds>",
      "delay before the first retransmission; doubles each time",
      decimal(clientRetransmitSecondsMin, clientRetransmitSecondsMax),
      4,
    )
    .option("--state <file>", "file that keeps leases between commands", path, "data/client-leases.json")
    .option("--json", "print one JSON object to standard output");
}

/** Adds the flags of `lease`. */
export function addLeaseOptions(command: Command): Command {
  return command
    .option("--hint-address <address>", "IPv4 address to request (option 50)", ipv4)
    .option(
      "--hint-psid-length <bits>",
      "port set size to request: 2^bits clients share an address",
      integer(0, 16),
    )
    .option("--hint-psid-offset <bits>", "PSID offset to request (default: 0)", integer(0, 15))
    .option(
      "--hint-psid <number>",
      "PSID to request; requires --hint-psid-length (default: 0, no preference)",
      integer(0, 65_535),
    )
    .option(
      "--offer-wait <seconds>",
      "how long to wait for more offers after the first",
      secondsUpTo(clientOfferWaitSecondsMax),
      0,
    )
    .option("--prefer-shared", "among several offers, prefer a shared address (default: a full one)")
    .option("--strict-softwire", "ignore offers without a border relay (option 90)");
}

/** Adds the flags of `inform`. */
export function addInformOptions(command: Command): Command {
  return command.option(
    "--address <address>",
    "IPv4 address that the client has (default: the address of its lease)",
    ipv4,
  );
}

/** Makes the content that all messages of the client share. */
export function profileOf(options: CommonOptions): ClientProfile {
  const { iaid, mac } = options;
  return {
    clientIdentifier: options.clientId ?? encodeClientIdentifier({ iaid, duid: encodeDuidLl(mac) }),
    hardwareAddress: mac,
    parameterRequestList: parameterRequestList({ sharesPorts: options.full !== true }),
    optionRequest: options.oro ? softwireOptionRequest : [],
    leaseSeconds: options.leaseTime,
  };
}

/**
 * Makes the RELAY-FORW level that the client sends in.
 *
 * @returns Undefined without `--relay`.
 * @throws {RangeError} When flags that need `--relay` are given without it.
 */
export function relayOf(options: CommonOptions): RelayLevel | undefined {
  const { relay, peer, interfaceId, remoteId } = options;
  if (relay === undefined) {
    for (const [flag, value] of Object.entries({
      "--peer": peer,
      "--interface-id": interfaceId,
      "--remote-id": remoteId,
    })) {
      if (value !== undefined) throw new RangeError(`Cannot use ${flag}: found no --relay, expected both`);
    }
    return undefined;
  }
  const level: Option6[] = [];
  if (interfaceId !== undefined) level.push({ code: OptionCode6.interfaceId, data: interfaceId });
  if (remoteId !== undefined) level.push({ code: OptionCode6.remoteId, data: encodeRemoteId(remoteId) });
  return { hopCount: 0, linkAddress: relay, peerAddress: peer ?? linkLocalOf(options.mac), options: level };
}

/** Derives the link-local address of a hardware address (RFC 4291 appendix A). */
function linkLocalOf(hardware: Uint8Array): Uint8Array {
  const [a, b, c, d, e, f] = hardware as unknown as [number, number, number, number, number, number];
  return Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f);
}

/**
 * Makes the hint of a DISCOVER: the address and port set that it requests.
 *
 * @throws {UsageError} When flags contradict each other, or the PSID does not fit in the PSID-length.
 */
export function hintOf(
  options: Pick<LeaseOptions, "full" | "hintAddress" | "hintPsidLength" | "hintPsidOffset" | "hintPsid">,
): Hint {
  const { hintAddress: address, hintPsidLength: psidLength, hintPsidOffset, hintPsid } = options;
  if (psidLength === undefined) {
    for (const [flag, value] of Object.entries({
      "--hint-psid": hintPsid,
      "--hint-psid-offset": hintPsidOffset,
    })) {
      if (value !== undefined)
        throw new UsageError(`Cannot use ${flag}: found no --hint-psid-length, expected both`);
    }
    return { address };
  }
  if (options.full === true) {
    throw new UsageError("Cannot use --hint-psid-length: found --full, expected only one of them");
  }
  const [psidOffset, psid] = [hintPsidOffset ?? 0, hintPsid ?? 0];
  assertDivision({ psidOffset, psidLength });
  if (psid >= 2 ** psidLength) {
    throw new UsageError(
      `Cannot use --hint-psid: found ${psid}, expected at most ${2 ** psidLength - 1} for PSID-length ${psidLength}`,
    );
  }
  return { address, portParams: { psidOffset, psidLength, psid } };
}

function assertDivision(params: { readonly psidOffset: number; readonly psidLength: number }): void {
  try {
    assertPortSetParams(params);
  } catch (error) {
    throw new UsageError(`Cannot use --hint-psid-length: ${(error as Error).message}`, { cause: error });
  }
}
