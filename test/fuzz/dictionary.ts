/**
 * Values that decoders and rules compare with: codes, boundary numbers, addresses.
 *
 * @module
 */
import { OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { decodeHex } from "../../src/wire/hex.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import type { Random } from "../support/random.ts";

export const boundaryOctets = [
  0, 1, 2, 3, 4, 6, 7, 8, 9, 12, 13, 15, 16, 17, 20, 21, 31, 32, 63, 64, 127, 128, 254, 255,
];

export const boundaryLengths = [
  0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 63, 64, 127, 128, 129, 130, 131, 254, 255, 256, 0x7fff, 0xffff,
];

/** Numbers of 32 bits, such as lease times. */
const boundaryNumbers = [
  0, 1, 59, 60, 61, 299, 300, 3600, 86_400, 86_401, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff,
];

export const codes6: readonly number[] = [
  ...Object.values(OptionCode6),
  0,
  5,
  13,
  14,
  66,
  94,
  95,
  0x7fff,
  0xffff,
];

/** Codes that have a meaning in DHCPv4, and some that have none here. */
export const codes4: readonly number[] = [
  ...Object.values(OptionCode),
  12,
  43,
  77,
  82,
  118,
  119,
  121,
  125,
  224,
  225,
  239,
  254,
];

/** IPv6 addresses: of the fuzzer's domains, of no domain, and of kinds that are not usable. */
export const addresses6: readonly Uint8Array[] = [
  "::",
  "::1",
  "fe80::1",
  "fe80::5eff:fe10:1",
  "ff02::1:2",
  "::ffff:192.0.2.1",
  "2001:db8:1::1",
  "2001:db8:1:5600:0:c000:212:12",
  "2001:db8:2::1",
  "2001:db8:3::1",
  "2001:db8:4::1",
  "2001:db8:5::1",
  "2001:db8:ffff::1",
  "2001:db8:1234:5600:0:c000:212:12",
  "fd00::1",
  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
].map(parseIPv6);

const addresses4 = [
  "0.0.0.0",
  "127.0.0.1",
  "192.0.2.18",
  "192.0.2.19",
  "192.0.2.40",
  "192.0.2.80",
  "192.0.2.128",
  "192.0.2.200",
  "198.51.100.1",
  "198.51.100.2",
  "203.0.113.0",
  "203.0.113.1",
  "224.0.0.1",
  "255.255.255.255",
].map((text) => uint32(parseIPv4(text)));

/** Port sets: offset, length, PSID in its first bits. */
const portSets = [
  "00000000",
  "00064800",
  "06083400",
  "0608ff00",
  "00100001",
  "10000000",
  "0f010000",
  "0404a000",
  "ff000000",
  "00060000",
  "0006fc00",
].map((text) => decodeHex(text));

/** Values of option 57: around the smallest that is valid, around the bound of answers, and usual ones. */
export const messageSizes = [0, 575, 576, 577, 700, 1500, 3099, 3100, 3101, 4000, 0xffff].map((size) =>
  Uint8Array.of(size >> 8, size),
);

const identifiers = [
  "",
  "00",
  "01",
  "0100",
  "01000000000000",
  "01ffffffffffff",
  "0102005e100001",
  "ff00000001",
  "ff000000010003000102005e100001",
  "ff000000010003000102005e100002",
  "ff000000020003000102005e100003",
].map((text) => decodeHex(text));

export function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** @returns Data that mean something for a DHCPv4 option of this code. */
export function data4(random: Random, code: number): Uint8Array {
  switch (code) {
    case OptionCode.requestedAddress:
    case OptionCode.serverIdentifier:
      return random.pick(addresses4);
    case OptionCode.leaseTime:
      return uint32(random.pick(boundaryNumbers));
    case OptionCode.messageType:
    case OptionCode.overload:
      return Uint8Array.of(random.pick([0, 1, 2, 3, 3, 3, 4, 7, 8, 9, 255]));
    case OptionCode.maxMessageSize:
      return random.pick(messageSizes);
    case OptionCode.clientIdentifier:
      return random.oneIn(3) ? Uint8Array.of(255, ...random.octets(6)) : random.pick(identifiers);
    case OptionCode.parameterRequestList:
      return Uint8Array.from({ length: random.below(24) }, () => random.pick(codes4));
    case OptionCode.softwireSourceAddress:
      return random.pick(addresses6);
    case OptionCode.portParams:
      return random.pick(portSets);
    case OptionCode.rapidCommit:
      return new Uint8Array(0);
    default:
      return random.octets(random.pick([0, 1, 2, 4, 8, 16]));
  }
}

/** @returns Data that mean something for a DHCPv6 option of this code. */
export function data6(random: Random, code: number): Uint8Array {
  switch (code) {
    case OptionCode6.optionRequest:
    case OptionCode6.echoRequest:
      return Uint8Array.from({ length: 2 * random.below(12) + (random.oneIn(8) ? 1 : 0) }, (_, at) =>
        at % 2 === 0 ? 0 : random.pick(codes6),
      );
    case OptionCode6.interfaceId:
      return random.pick(
        [
          "",
          "00",
          "0200",
          "0200022200",
          "0200022201",
          "0205022202",
          "02ff0222ff",
          "0200000000",
          "6c696e652d31",
          "0200022202657468302f",
          "02000222ff65746830",
        ].map((text) => decodeHex(text)),
      );
    case OptionCode6.remoteId:
      return random.pick(
        ["", "00000009", "0000000970", "000000096c696e652d31", "ffffffff00"].map((text) => decodeHex(text)),
      );
    case OptionCode6.relayPort:
      return random.pick(
        ["", "0000", "0222", "0223", "1f90", "ffff", "000000"].map((text) => decodeHex(text)),
      );
    case OptionCode6.clientIdentifier:
    case OptionCode6.serverIdentifier:
      return random.pick(["", "0003", "0003000102005e100001", "000400"].map((text) => decodeHex(text)));
    case OptionCode6.dhcp4o6Server:
    case OptionCode6.s46Br:
      return random.pick(addresses6);
    default:
      return random.octets(random.pick([0, 1, 2, 4, 8, 16, 64, 130]));
  }
}
