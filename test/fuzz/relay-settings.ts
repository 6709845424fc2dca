/**
 * Settings of the fuzzer's relays, so that each rule is met, and where datagrams come from.
 *
 * @module
 */
import type { RemoteInfo } from "node:dgram";
import type { NetworkInterfaceInfo } from "node:os";
import { parseRelaySettings } from "../../relay/config/config.ts";
import type { RelayConfig } from "../../relay/config/config.ts";

/** The listeners of each relay, by what is sent to them. */
export const listenerNumbers = { group: 0, unicast: 1 } as const;
/** link-address of both listeners: one states it, the other reads it from the interface. */
export const linkAddressText = "2001:db8:1::1";
const unicastAddress = "2001:db8:1::547";

/** Addresses of DHCPv6 servers, the first of which answers. */
export const serverAddresses = ["2001:db8:fe::1", "2001:db8:fe::2"] as const;
/** A host that is no server, and sends to the socket towards them. */
export const strangerAddress = "2001:db8:fe::bad";

const usualTrust = {
  trustedRelays: [
    { prefix: "2001:db8:2::/48", accessNodes: true },
    { prefix: "fe80::1" },
    { prefix: "2001:db8:3::1" },
  ],
};

const information = {
  enabled: true,
  serverIdentifier: "0003000102005e100001",
  dhcp4o6Servers: ["2001:db8::1", "2001:db8::2"],
  borderRelays: ["2001:db8:ffff::1"],
  softwireContainer: true,
};

/** Octets of all options of an answer with `information`. */
export const informationOctetsMax = 256;

const listenersOf = (trust: object) => [
  { interface: "eth0", ...trust },
  { address: unicastAddress, linkAddress: linkAddressText, ...trust },
];

const inputs = [
  { listeners: listenersOf({ ...usualTrust, untrustedRelays: "report" }) },
  {
    replyPort: "source",
    listeners: listenersOf({ ...usualTrust, accessNodes: true }),
    information,
  },
  {
    listeners: listenersOf({ ...usualTrust, accessNodes: true, untrustedRelays: "report" }),
    information,
    servers: { destinations: serverAddresses, sourceAddress: "2001:db8:fe::547" },
  },
  {
    listeners: listenersOf({ untrustedRelays: "report" }),
    servers: {
      destinations: [serverAddresses[0]],
      sourceAddress: "2001:db8:fe::547",
      sourcePort: 547,
      queries: "servers",
      relayed: "servers",
    },
  },
  {
    listeners: listenersOf({ ...usualTrust, untrustedRelays: "report" }),
    allocator: { postsInFlight: 1, batchFrames: 16 },
    queue: { length: 24, octets: 0x2_0000 },
    storm: { sourceRate: 100, sourceBurst: 20, unlimitedSources: ["fe80::900c/126"] },
  },
];

/** Settings of the relays, as a file would have them. */
export const relaySettings: readonly RelayConfig[] = inputs.map((input) => ({
  ...parseRelaySettings({ allocator: { urls: ["http://[::1]:1"] }, ...input }),
  secrets: { token: "fuzz" },
}));

/** The interface of the relays' host. */
export const readInterfaces = (): Readonly<Record<string, readonly NetworkInterfaceInfo[]>> => ({
  eth0: links,
});

const linkOf = (address: string, scopeid: number): NetworkInterfaceInfo => ({
  address,
  scopeid,
  netmask: "ffff:ffff:ffff:ffff::",
  mac: "02:00:5e:10:00:01",
  internal: false,
  cidr: `${address}/64`,
  family: "IPv6",
});
const links = [linkOf("fe80::547", 2), linkOf(linkAddressText, 0)];

/** Where a datagram comes from. */
export interface Origin {
  /** As Node describes it; its size is not that of the datagram. */
  readonly source: RemoteInfo;
  readonly listener: (typeof listenerNumbers)[keyof typeof listenerNumbers];
}

const originOf = (address: string, port: number, listener: keyof typeof listenerNumbers): Origin => ({
  source: { address, port, family: "IPv6", size: 0 },
  listener: listenerNumbers[listener],
});

const usualOrigins = [
  originOf("fe80::5eff:fe10:1%eth0", 546, "group"),
  originOf("fe80::1%eth0", 547, "group"),
  originOf("2001:db8:2::1", 547, "unicast"),
  originOf("2001:db8:3::1", 1547, "unicast"),
  originOf("2001:db8:9::1", 65_535, "unicast"),
  originOf("::1", 40_000, "unicast"),
];

/** Where datagrams come from: four times in five from where answers can go. */
export const origins: readonly Origin[] = [
  ...usualOrigins,
  ...usualOrigins,
  originOf("::", 546, "group"),
  originOf("ff02::1%eth0", 546, "group"),
  originOf("2001:db8:2::1", 0, "unicast"),
];

/** Where the good queries come from; nothing else does. */
export const goodOrigin = originOf("fe80::900d%eth0", 546, "group");
/** Where queries come from that get no answer: they only make room for others, because a POST has as many as frames. */
export const idleOrigin = originOf("fe80::900e%eth0", 546, "group");
