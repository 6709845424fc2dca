/**
 * What passes an interface, as tshark reads it: packet by packet, while it happens.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import type { Host, LabProcess } from "./lab.ts";

/** A DHCPv6 packet. Lists have one item for each relay level, outermost first; `types` also has that of the message inside. */
export interface Packet {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly types: readonly number[];
  readonly hopCounts: readonly number[];
  readonly linkAddresses: readonly string[];
  readonly peerAddresses: readonly string[];
  /** Codes of all options, of all levels. */
  readonly options: readonly number[];
  /** What tshark has to complain about: malformed octets, or an expert's warning. */
  readonly complaints: readonly string[];
}

const fields = [
  "ipv6.src",
  "ipv6.dst",
  "udp.srcport",
  "udp.dstport",
  "dhcpv6.msgtype",
  "dhcpv6.hopcount",
  "dhcpv6.linkaddr",
  "dhcpv6.peeraddr",
  "dhcpv6.option.type",
  "_ws.expert.message",
] as const;

/** A running capture. */
export interface Capture {
  /** The next packet that a condition is true of; those before are passed over. */
  readonly next: (isWanted: (packet: Packet) => boolean) => Promise<Packet>;
}

/** UDP port of the probes that show that the capture has begun: discard (RFC 863). */
const probePort = 9;

/**
 * Captures DHCPv6 on an interface from now on.
 *
 * @param host Where.
 * @param interfaceName Must be up.
 */
export async function startCapture(host: Host, interfaceName: string): Promise<Capture> {
  const tshark = host.run([
    ...["tshark", "-l", "-n", "-i", interfaceName],
    ...["-f", `udp portrange 546-547 or udp port ${probePort} or udp port 1547`],
    ...["-d", "udp.port==1547,dhcpv6"],
    ...["-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,", "-E", "separator=|"],
    ...fields.flatMap((field) => ["-e", field]),
  ]);
  await probe(host, interfaceName, tshark);
  return {
    next: async (isWanted) => {
      for (;;) {
        const packet = await nextPacket(tshark);
        if (packet.destinationPort !== probePort && isWanted(packet)) return packet;
      }
    },
  };
}

async function nextPacket(tshark: LabProcess): Promise<Packet> {
  const values = (await tshark.output.next()).split("|");
  const list = (index: number): string[] => {
    const value = values[index] ?? "";
    return value === "" ? [] : value.split(",");
  };
  return {
    source: list(0)[0]!,
    destination: list(1)[0]!,
    sourcePort: Number(list(2)[0]),
    destinationPort: Number(list(3)[0]),
    types: list(4).map(Number),
    hopCounts: list(5).map(Number),
    linkAddresses: list(6),
    peerAddresses: list(7),
    options: list(8).map(Number),
    complaints: list(9),
  };
}

/** tshark says that it captures before it does, so packets of ours are sent until it has seen one. */
async function probe(host: Host, interfaceName: string, tshark: LabProcess): Promise<void> {
  const speaker = host.script("test/relay/netns/probe.ts", [interfaceName, String(probePort)]);
  const seen = await Promise.race([
    tshark.output.next(),
    tshark.ended.then(async () => Promise.reject(new Error(`tshark: ${await tshark.errors.next()}`))),
  ]);
  if (!seen.includes(`|${probePort}|`)) throw new Error(`Cannot capture: found ${seen}, expected a probe`);
  await speaker.end();
}

/** Sends a datagram to the hosts of a link again and again; for probe.ts. */
export function sendProbes(interfaceName: string, port: number, intervalMs: number): void {
  const socket = createSocket({ type: "udp6", ipv6Only: true });
  socket.bind(0, () => {
    socket.setMulticastInterface(`::%${interfaceName}`);
    setInterval(() => {
      socket.send("", port, `ff02::1%${interfaceName}`);
    }, intervalMs);
  });
}
