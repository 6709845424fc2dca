/**
 * Encodes IPv6 packets with a UDP datagram for a capture. A socket delivers neither header, so both are created here.
 *
 * @module
 */
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { readUint16, writeUint16 } from "../../src/wire/octets.ts";
import { hostOf } from "../endpoint.ts";
import type { Endpoint } from "../endpoint.ts";

/** Octets of the headers (RFC 8200 §3, RFC 768). */
const ipv6HeaderOctets = 40;
const udpHeaderOctets = 8;

/** Next Header of UDP. */
const udp = 17;

/** The default hop limit of most systems. */
const hopLimit = 64;

/** Octets that fit after a UDP header: its length field has 16 bits. */
const payloadOctetsMax = 0xffff - udpHeaderOctets;

/**
 * Encodes a packet.
 *
 * @param payload Content of the datagram; octets beyond 65,527 are cut off.
 * @returns IPv6 header, UDP header and payload, with the checksum of RFC 8200 §8.1.
 */
export function encodeUdpPacket(from: Endpoint, to: Endpoint, payload: Uint8Array): Uint8Array {
  const data = payload.subarray(0, payloadOctetsMax);
  const length = udpHeaderOctets + data.length;
  const packet = new Uint8Array(ipv6HeaderOctets + length);
  packet[0] = 0x60; // version 6, traffic class 0, flow label 0
  writeUint16(packet, 4, length);
  packet[6] = udp;
  packet[7] = hopLimit;
  packet.set(addressOf(from), 8);
  packet.set(addressOf(to), 24);
  writeUint16(packet, 40, from.port);
  writeUint16(packet, 42, to.port);
  writeUint16(packet, 44, length);
  packet.set(data, ipv6HeaderOctets + udpHeaderOctets);
  writeUint16(packet, 46, checksum(packet, length));
  return packet;
}

function addressOf({ address }: Endpoint): Uint8Array {
  return parseIPv6(hostOf(address));
}

/** Computes the checksum over addresses, length, next header and the datagram, whose checksum field is still 0. */
function checksum(packet: Uint8Array, length: number): number {
  let sum = length + udp;
  for (let at = 8; at + 1 < packet.length; at += 2) sum += readUint16(packet, at);
  if (packet.length % 2 === 1) sum += packet[packet.length - 1]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  // A checksum field of 0 means "no checksum", which IPv6 does not allow.
  return ~sum & 0xffff || 0xffff;
}
