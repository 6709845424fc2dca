/**
 * Checks the settings of a relay and fills in defaults. `relay.example.toml` explains every key.
 *
 * @example
 * ```ts
 * const settings = parseRelaySettings({
 *   listeners: [{ interface: "eth0", linkAddress: "2001:db8:1::1" }],
 *   allocator: { urls: ["https://allocator.example.net"] },
 * });
 * ```
 *
 * @module
 */
import * as v from "valibot";
import { defaultAllocatorUrl, defaultRelay } from "../../src/defaults.ts";
import { parseWholeNumber } from "../../src/wire/number.ts";
import {
  informationAddressesMax,
  relayBatchFramesMax,
  relayBurst,
  relayBurstMax,
  relayCaptureOctets,
  relayCaptureOctetsMax,
  relayCaptureOctetsMin,
  relayDeadlineMs,
  relayDeadlineMsMax,
  relayDeadlineMsMin,
  relayListenersMax,
  relayPostsInFlight,
  relayPostsInFlightMax,
  relayQueueLength,
  relayQueueLengthMax,
  relayQueueOctets,
  relayQueueOctetsMax,
  relayQueueOctetsMin,
  relayReceiveBufferOctets,
  relayReceiveBufferOctetsMax,
  relayReceiveBufferOctetsMin,
  relayServersMax,
  relaySourcePrefixLengthMin,
  relaySourceRateMax,
  relaySources,
  relaySourcesMax,
  relayTrustedRelaysMax,
  relayUnlimitedSourcesMax,
  relayUrlsMax,
} from "../../src/limits.ts";
import { serverPort } from "../../src/wire/dhcpv6/codes.ts";
import {
  refreshSecondsDefault,
  refreshSecondsMin,
} from "../../src/wire/dhcpv6/options/information-refresh-time.ts";
import { parseIPv6, parseIPv6Prefix } from "../../src/wire/ipv6-address.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { ConfigError } from "./config-error.ts";
import type { ConfigFault } from "./config-error.ts";
import {
  parseAllocator,
  parseDuid,
  parseInterface,
  parseLinkAddress,
  parseRelayPrefix,
  parseBindAddress,
  parseListenerAddress,
  parseServer,
  parseTcpEndpoint,
  parseUnicast,
} from "./config-values.ts";
import type { Information } from "../information/information.ts";
import type { ReplyPort } from "../messages/envelope.ts";
import type { Trust } from "../messages/trust.ts";
import { formatEndpoint, hostOf, zoneOf } from "../endpoint.ts";
import type { Secrets } from "./secrets.ts";
import { deriveServerIdentifier } from "./server-identifier.ts";

/** Settings of a listener. */
export interface ListenerConfig {
  /** IPv6 address as text, with `%zone` if it belongs to one link. A multicast group is joined on its zone. */
  readonly address: string;
  /** UDP port; 0 lets the system choose one. */
  readonly port: number;
  /** link-address of our relay level, 16 octets. If it is `::`, the relay chooses an address of the link. */
  readonly linkAddress: Uint8Array;
  /** Further interfaces on which a multicast group is joined. */
  readonly joinedAlso: readonly string[];
  /** Whose relay levels are believed. */
  readonly trust: Trust;
}

/** Output of the schema: each setting is valid on its own, and defaults are filled in. */
type ParsedSettings = v.InferOutput<typeof schema>;

/** Settings of a relay. */
export type RelaySettings = Readonly<Omit<ParsedSettings, "information" | "listeners">> & {
  readonly listeners: readonly ListenerConfig[];
  readonly replyPort: ReplyPort;
  /** Content of answers to Information-Requests; undefined if this relay does not answer them. */
  readonly information: Information | undefined;
};

/** Settings of a relay together with its secrets: the token, and the contents of the files that the settings name. */
export interface RelayConfig extends RelaySettings {
  readonly secrets: Secrets;
}

/** All_DHCP_Relay_Agents_and_Servers (RFC 8415 §7.1). */
const allRelays = "ff02::1:2";

/** All_DHCP_Servers (RFC 8415 §7.1): relays nearer the clients may send to it. */
const allServers = "ff05::1:3";

/** Default source address towards servers: the system chooses one that suits the destination. */
const anyAddress = "::";

/** Default listener, which needs no special permissions, for trying out the relay. */
const firstListener: ListenerConfig = {
  ...defaultRelay,
  linkAddress: new Uint8Array(16),
  joinedAlso: [],
  trust: { trustedRelays: [], accessNodes: false, untrustedRelays: "drop" },
};

/** Creates the schema of a text that `parse` accepts. The message of its error becomes the message of the issue. */
function parsed<T>(parse: (text: string) => T) {
  return v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(dataset.value);
      } catch (error) {
        addIssue({ message: error instanceof Error ? error.message : String(error) });
        return NEVER;
      }
    }),
  );
}

/** Creates the schema of a whole number: a number in the file, or the text of a flag. */
function integer(min: number, max: number, preset: number) {
  const expected = `expected a whole number of ${min} to ${max}`;
  const number = v.union([v.number(), parsed((text) => parseWholeNumber(text, min, max))], expected);
  return v.optional(
    v.pipe(number, v.integer(expected), v.minValue(min, expected), v.maxValue(max, expected)),
    preset,
  );
}

/** Creates the schema of a table. An unknown key is a fault, because a mistyped key would otherwise be ignored. */
function table<const T extends v.ObjectEntries>(entries: T) {
  const names = Object.keys(entries).join(", ");
  return v.strictObject(entries, ({ expected }) =>
    expected === "never" ? `expected one of ${names}` : "expected a table",
  );
}

/** Creates the schema of a table that may be omitted, because all its keys have defaults. */
function section<const T extends v.ObjectEntries>(entries: T) {
  return v.optional(table(entries), {} as never);
}

function list<T extends v.GenericSchema>(item: T, min: number, max: number) {
  const expected = `expected ${min} to ${max} entries`;
  return v.pipe(v.array(item), v.minLength(min, expected), v.maxLength(max, expected));
}

const fileName = v.pipe(v.string(), v.minLength(1, "expected the name of a file"));

const trustedRelay = table({
  prefix: parsed(parseRelayPrefix),
  accessNodes: v.optional(v.boolean(), false),
});

/** A `[[listeners]]` table, before {@link withServersGroup} adds listeners of All_DHCP_Servers. */
type ListenerTable = ListenerConfig & { readonly joinsServers: boolean };

const listener = v.pipe(
  table({
    interface: v.optional(parsed(parseInterface)),
    address: v.optional(parsed(parseListenerAddress)),
    port: integer(0, 0xffff, serverPort),
    linkAddress: v.optional(parsed(parseLinkAddress), "::"),
    trustedRelays: v.optional(list(trustedRelay, 0, relayTrustedRelaysMax), []),
    accessNodes: v.optional(v.boolean(), false),
    untrustedRelays: v.optional(v.picklist(["drop", "report"]), "drop"),
    joinAllServers: v.optional(v.boolean(), false),
  }),
  v.rawTransform(({ dataset, addIssue, NEVER }): ListenerTable => {
    const { interface: zone, address, port, linkAddress } = dataset.value;
    const { trustedRelays, accessNodes, untrustedRelays, joinAllServers: joinsServers } = dataset.value;
    if ((zone === undefined) === (address === undefined)) {
      const input = address === undefined ? "neither" : "both";
      addIssue({ input, message: "expected either an interface or an address" });
      return NEVER;
    }
    if (zone === undefined && joinsServers) {
      addIssue({
        input: "an address",
        message: "expected an interface, because joinAllServers joins a group on it",
      });
      return NEVER;
    }
    const trust = { trustedRelays, accessNodes, untrustedRelays };
    return {
      address: address ?? `${allRelays}%${zone}`,
      port,
      linkAddress,
      joinedAlso: [],
      trust,
      joinsServers,
    };
  }),
);

/**
 * Adds a listener of All_DHCP_Servers for each port of the interfaces that join this group. One socket serves all these
 * interfaces, because the system does not say on which of them a datagram from a global address arrived. So the listener
 * trusts the relays that any of the interfaces trusts.
 */
function withServersGroup(listeners: readonly ListenerTable[]): ListenerConfig[] {
  const joining = listeners.filter(({ joinsServers }) => joinsServers);
  const ports = [...new Set(joining.map(({ port }) => port))];
  const groups = ports.map((port): ListenerConfig => {
    const members = joining.filter((each) => each.port === port);
    const [zone, ...joinedAlso] = members.map(({ address }) => zoneOf(address)!);
    const trusts = members.map(({ trust }) => trust);
    return {
      address: `${allServers}%${zone!}`,
      port,
      linkAddress: new Uint8Array(16),
      joinedAlso,
      trust: {
        trustedRelays: trusts.flatMap(({ trustedRelays }) => trustedRelays),
        accessNodes: trusts.every(({ accessNodes }) => accessNodes),
        untrustedRelays: trusts.every(({ untrustedRelays }) => untrustedRelays === "report")
          ? "report"
          : "drop",
      },
    };
  });
  const own = listeners.map(({ address, port, linkAddress, joinedAlso, trust }): ListenerConfig => ({
    address,
    port,
    linkAddress,
    joinedAlso,
    trust,
  }));
  return [...own, ...groups];
}

/** The schema of settings. Its tables and keys are those of the file. */
export const schema = table({
  replyPort: v.optional(v.picklist(["standard", "source"])),
  listeners: v.optional(list(listener, 1, relayListenersMax)),
  allocator: section({
    urls: v.optional(list(parsed(parseAllocator), 1, relayUrlsMax), [defaultAllocatorUrl]),
    policy: v.optional(v.picklist(["priority", "spread"]), "priority"),
    tokenFile: v.optional(fileName),
    caFile: v.optional(fileName),
    certificateFile: v.optional(fileName),
    keyFile: v.optional(fileName),
    postsInFlight: integer(1, relayPostsInFlightMax, relayPostsInFlight),
    batchFrames: integer(1, relayBatchFramesMax, relayBatchFramesMax),
  }),
  servers: section({
    destinations: v.optional(list(parsed(parseServer), 0, relayServersMax), []),
    sourceAddress: v.optional(parsed(parseBindAddress), anyAddress),
    sourcePort: integer(0, 0xffff, 0),
    queries: v.optional(v.picklist(["allocator", "servers"]), "allocator"),
    relayed: v.optional(v.picklist(["examine", "allocator", "servers"]), "examine"),
  }),
  information: section({
    enabled: v.optional(v.boolean(), false),
    serverIdentifier: v.optional(parsed(parseDuid)),
    dhcp4o6Servers: v.optional(list(parsed(parseIPv6), 0, informationAddressesMax), []),
    borderRelays: v.optional(list(parsed(parseUnicast), 0, informationAddressesMax), []),
    softwireContainer: v.optional(v.boolean(), false),
    refreshSeconds: integer(refreshSecondsMin, 0xffffffff, refreshSecondsDefault),
  }),
  queue: section({
    length: integer(1, relayQueueLengthMax, relayQueueLength),
    octets: integer(relayQueueOctetsMin, relayQueueOctetsMax, relayQueueOctets),
    deadlineMs: integer(relayDeadlineMsMin, relayDeadlineMsMax, relayDeadlineMs),
    receiveBufferOctets: integer(
      relayReceiveBufferOctetsMin,
      relayReceiveBufferOctetsMax,
      relayReceiveBufferOctets,
    ),
  }),
  storm: section({
    sourceRate: integer(0, relaySourceRateMax, 0),
    sourceBurst: integer(1, relayBurstMax, relayBurst),
    sourcePrefixLength: integer(relaySourcePrefixLengthMin, 128, 128),
    sources: integer(1, relaySourcesMax, relaySources),
    unlimitedSources: v.optional(list(parsed(parseIPv6Prefix), 0, relayUnlimitedSourcesMax), []),
  }),
  metrics: section({ listen: v.optional(parsed(parseTcpEndpoint)) }),
  status: section({ socket: v.optional(fileName) }),
  capture: section({
    file: v.optional(fileName),
    octets: integer(relayCaptureOctetsMin, relayCaptureOctetsMax, relayCaptureOctets),
  }),
  log: section({
    level: v.optional(v.picklist(["debug", "info", "warn", "error", "silent"]), "info"),
  }),
});

/**
 * Checks settings and fills in the defaults. Unless `replyPort` is set, answers go to the standard ports if a listener
 * uses port 547, else to the source ports of the queries.
 *
 * @param readMachineId Returns the machine's id; by default that of machine-id(5). It is called only if a server
 *   identifier is needed and not configured.
 * @throws {ConfigError} With each fault's path, what was found and what was expected.
 */
export function parseRelaySettings(input: unknown, readMachineId?: () => string): RelaySettings {
  const result = v.safeParse(schema, input);
  if (!result.success) throw new ConfigError(result.issues.map(describeIssue));
  const { listeners: tables, replyPort, information, ...rest } = result.output;
  const listeners = tables === undefined ? [firstListener] : withServersGroup(tables);
  checkTogether(result.output);
  checkListeners(listeners);
  const isStandard = listeners.some(({ port }) => port === serverPort);
  return {
    ...rest,
    listeners,
    replyPort: replyPort ?? (isStandard ? "standard" : "source"),
    information: informationOf(information, readMachineId),
  };
}

/** @throws {ConfigError} If settings that are valid on their own contradict each other. */
function checkTogether({ allocator, information }: ParsedSettings): void {
  const { certificateFile, keyFile } = allocator;
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    throw new ConfigError([
      { name: "allocator", problem: "found one of certificateFile and keyFile, expected both or neither" },
    ]);
  }
  if (information.softwireContainer && information.borderRelays.length === 0) {
    throw new ConfigError([
      {
        name: "information.borderRelays",
        problem: "found none, expected one or more, because softwireContainer contains them",
      },
    ]);
  }
}

/**
 * The system would refuse the second socket on an address and port, without a word about the settings.
 *
 * @throws {ConfigError} If two listeners have the same address and port, however they are written.
 */
function checkListeners(listeners: readonly ListenerConfig[]): void {
  const numbers = new Map<string, number>();
  for (const [number, { address, port }] of listeners.entries()) {
    const octets = encodeHex(parseIPv6(hostOf(address)));
    const key = `${octets}%${zoneOf(address) ?? ""} ${port}`;
    const first = numbers.get(key);
    if (first !== undefined && port !== 0) {
      const again = `found ${formatEndpoint({ address, port })}, which listeners.${first} has too`;
      throw new ConfigError([
        { name: `listeners.${number}`, problem: `${again}, expected each address and port once` },
      ]);
    }
    numbers.set(key, number);
  }
}

/** @throws {ConfigError} If a server identifier is neither configured nor can be derived from the machine's id. */
function informationOf(
  { enabled, serverIdentifier, ...content }: ParsedSettings["information"],
  readMachineId?: () => string,
): Information | undefined {
  if (!enabled) return undefined;
  return { ...content, serverIdentifier: serverIdentifier ?? deriveServerIdentifier(readMachineId) };
}

/** Formats an issue: path, what was found, what was expected. Our own messages already say what was expected. */
function describeIssue(issue: v.BaseIssue<unknown>): ConfigFault {
  const name = v.getDotPath(issue) ?? "(top level)";
  if (issue.input === undefined) return { name, problem: "found nothing, expected a value" };
  const isOurs = /^(expected|Cannot) /.test(issue.message);
  const found = issue.expected === "never" ? "an unknown name" : withoutSecret(JSON.stringify(issue.input));
  const expected = isOurs ? issue.message : `expected ${issue.expected ?? "another value"}`;
  return { name, problem: `found ${found}, ${expected}` };
}

/** A URL may have a user and a password. */
function withoutSecret(text: string): string {
  return text.replace(/\/\/[^/@]*@/, "//…@");
}
