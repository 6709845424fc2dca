import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { octets, reasonOf } from "../../../test/support/octets.ts";
import { vectorOctets } from "../../../test/support/vectors.ts";
import { encodeHex } from "../hex.ts";
import { parseIPv6 } from "../ipv6-address.ts";
import { decodeInformationRequest, encodeInformationReply } from "./information-request.ts";
import { encodeDhcp4o6Server } from "./options/dhcp4o6-server.ts";

const request = octets(
  "0b abcdef", // Information-Request, transaction-id
  "0001 000a 0003000102005e100001", // Client-Id: DUID-LL
  "0008 0002 0000", // Elapsed Time
  "0006 0006 0058 0020 0058", // option request: 88, 32, 88
);

describe("decodeInformationRequest()", () => {
  it("reads the identifiers and the requested codes, without duplicates", () => {
    expect(decodeInformationRequest(request)).toEqual({
      transactionId: 0xabcdef,
      clientIdentifier: octets("0003000102005e100001"),
      serverIdentifier: undefined,
      requested: [88, 32],
    });
  });

  it.each([
    ["no octets", "", "message-truncated"],
    ["a Solicit", "01 000000", "unexpected-message-type"],
    ["an IA_NA (RFC 8415 §16.12)", "0b 000000 0003 0000", "bad-option-value"],
    ["an IA_TA (RFC 8415 §16.12)", "0b 000000 0004 0000", "bad-option-value"],
    ["an IA_PD (RFC 8415 §16.12)", "0b 000000 0019 0000", "bad-option-value"],
    ["a Client-Id of 2 octets", "0b 000000 0001 0002 0003", "bad-option-length"],
    ["a Server-Id of 0 octets", "0b 000000 0002 0000", "bad-option-length"],
    ["an option cut short", "0b 000000 0006 0002 00", "option-overrun"],
  ])("rejects %s", (_, hex, reason) => {
    expect(reasonOf(() => decodeInformationRequest(octets(hex)))).toBe(reason);
  });

  it("throws nothing but DecodeError, whatever the octets", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (rest) => {
        reasonOf(() => decodeInformationRequest(Uint8Array.of(11, ...rest)));
      }),
    );
  });
});

describe("encodeInformationReply()", () => {
  it("writes transaction-id, both identifiers, and the options", () => {
    const reply = encodeInformationReply({
      transactionId: 0xabcdef,
      clientIdentifier: octets("0003000102005e100001"),
      serverIdentifier: octets("0003000102005e530001"),
      options: [{ code: 88, data: encodeDhcp4o6Server([parseIPv6("2001:db8:53::1")]) }],
    });
    expect(encodeHex(reply)).toBe(encodeHex(vectorOctets("reply-option88").octets));
  });
});
