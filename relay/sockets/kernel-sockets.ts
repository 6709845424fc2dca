/**
 * Reads the kernel's counters of our UDP sockets: how many datagrams Linux dropped because a receive buffer was full,
 * and how many octets wait in it. The kernel reports neither on its own.
 *
 * @module
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { endianness } from "node:os";
import { formatIPv6 } from "../../src/wire/ipv6-address.ts";
import { formatEndpoint } from "../endpoint.ts";

/** Sockets of this process with the same address and port. Listeners on several links share a multicast address. */
export interface KernelSocket {
  /** `[ADDRESS]:PORT`. */
  readonly endpoint: string;
  /** Octets in the receive buffers, including the kernel's overhead. */
  readonly queuedOctets: number;
  /** Datagrams that the kernel has dropped since the sockets were opened. */
  readonly dropped: number;
}

/** @returns The UDP sockets of this process, IPv6 only; empty if /proc can't be read. */
export function readKernelSockets(): readonly KernelSocket[] {
  try {
    return parseUdp6(readFileSync("/proc/self/net/udp6", "utf8"), readSocketInodes());
  } catch {
    return [];
  }
}

function readSocketInodes(): ReadonlySet<string> {
  const inodes = new Set<string>();
  for (const descriptor of readdirSync("/proc/self/fd")) {
    const inode = /^socket:\[(\d+)\]$/.exec(readLink(`/proc/self/fd/${descriptor}`))?.[1];
    if (inode !== undefined) inodes.add(inode);
  }
  return inodes;
}

/** Returns "" if the link can't be read: the descriptor that listed the directory is already closed. */
function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/**
 * Parses /proc/net/udp6 (proc_net_udp(5)).
 *
 * @param text Content of the file.
 * @param inodes Inodes of the sockets to look for.
 * @returns One entry for each address and port, summed over its sockets.
 */
export function parseUdp6(text: string, inodes: ReadonlySet<string>): KernelSocket[] {
  const sockets = new Map<string, KernelSocket>();
  for (const line of text.split("\n").slice(1)) {
    const [, local, , , queues, , , , , inode, , , drops] = line.trim().split(/\s+/);
    if (local === undefined || queues === undefined || !inodes.has(inode!)) continue;
    const endpoint = parseEndpoint(local);
    const { queuedOctets, dropped } = sockets.get(endpoint) ?? { queuedOctets: 0, dropped: 0 };
    const received = Number.parseInt(queues.split(":")[1]!, 16);
    sockets.set(endpoint, {
      endpoint,
      queuedOctets: queuedOctets + received,
      dropped: dropped + Number(drops),
    });
  }
  return [...sockets.values()];
}

/** Parses four 32-bit words, each in the machine's byte order, and a port. */
function parseEndpoint(text: string): string {
  const [words, port] = text.split(":") as [string, string];
  const octets = Uint8Array.from(words.match(/../g)!, (pair) => Number.parseInt(pair, 16));
  if (endianness() === "LE") for (let at = 0; at < 16; at += 4) octets.subarray(at, at + 4).reverse();
  return formatEndpoint({ address: formatIPv6(octets), port: Number.parseInt(port, 16) });
}
