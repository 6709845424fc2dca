/**
 * Live captures of an interface with tshark, packet by packet.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import type { Host, LabProcess } from "./lab.ts";

/** A DHCPv6 packet. Lists have one item per relay level, outermost first; `types` also has the innermost message. */
export interface Packet {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly types: readonly number[];
  readonly hopCounts: readonly number[];
  readonly linkAddresses: readonly string[];
  readonly peerAddresses: readonly string[];
  /** Option codes of all levels. */
  readonly options: readonly number[];
  /** Warnings of tshark, such as malformed octets. */
  readonly warnings: readonly string[];
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
  /** Returns the next packet that satisfies a condition, and skips the packets before it. */
  readonly next: (isWanted: (packet: Packet) => boolean) => Promise<Packet>;
}

/** UDP port of the probes that detect the start of the capture: discard (RFC 863). */
const probePort = 9;

/**
 * Captures DHCPv6 on an interface from now on.
 *
 * @param host Host of the interface.
 * @param interfaceName Name of the interface, which must be up.
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
    warnings: list(9),
  };
}

/** Sends probes until tshark has captured one, because tshark reports its start too early. */
async function probe(host: Host, interfaceName: string, tshark: LabProcess): Promise<void> {
  const sender = host.script("test/relay/netns/probe.ts", [interfaceName, String(probePort)]);
  const seen = await Promise.race([
    tshark.output.next(),
    tshark.ended.then(async () => Promise.reject(new Error(`tshark: ${await tshark.errors.next()}`))),
  ]);
  if (!seen.includes(`|${probePort}|`)) throw new Error(`Cannot capture: found ${seen}, expected a probe`);
  await sender.end();
}

/** Sends a datagram to all hosts of a link at regular intervals; for probe.ts. */
export function sendProbes(interfaceName: string, port: number, intervalMs: number): void {
  const socket = createSocket({ type: "udp6", ipv6Only: true });
  socket.bind(0, () => {
    socket.setMulticastInterface(`::%${interfaceName}`);
    setInterval(() => {
      socket.send("", port, `ff02::1%${interfaceName}`);
    }, intervalMs);
  });
}
