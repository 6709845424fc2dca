/**
 * Golden packets against the codecs. Each packet decodes to the same fields that an independent decoder found, or is
 * rejected for the reason in the table. Each decoded packet encodes to octets that decode to the same fields.
 */
import { describe, expect, it } from "vitest";
import { octets, reasonOf } from "../../test/support/octets.ts";
import { vectorOctets, vectors } from "../../test/support/vectors.ts";
import { portRanges, portsPerSet } from "../portset/port-set.ts";
import { DecodeError } from "./decode-error.ts";
import { MessageType, OptionCode } from "./dhcpv4/codes.ts";
import { decodeDhcpV4, encodeDhcpV4 } from "./dhcpv4/message.ts";
import { decodeAddress } from "./dhcpv4/options/address.ts";
import { decodeMessageType } from "./dhcpv4/options/message-type.ts";
import { decodeMessage } from "./dhcpv4/options/message.ts";
import { decodeParameterRequestList } from "./dhcpv4/options/parameter-request-list.ts";
import { decodePortParams } from "./dhcpv4/options/port-params.ts";
import { decodeSeconds } from "./dhcpv4/options/seconds.ts";
import { decodeSoftwireSourceAddress } from "./dhcpv4/options/softwire-source-address.ts";
import { MessageType6, OptionCode6 } from "./dhcpv6/codes.ts";
import {
  decodeDhcpV4Query,
  decodeDhcpV4Response,
  encodeDhcpV4Query,
  encodeDhcpV4Response,
} from "./dhcpv6/dhcpv4-query.ts";
import { decodeMessage6, encodeMessage6 } from "./dhcpv6/message.ts";
import type { Option6 } from "./dhcpv6/options.ts";
import { decodeCodeList } from "./dhcpv6/options/code-list.ts";
import { decodeDhcp4o6Server } from "./dhcpv6/options/dhcp4o6-server.ts";
import { decodeRelayPort } from "./dhcpv6/options/relay-port.ts";
import { decodeRemoteId } from "./dhcpv6/options/remote-id.ts";
import { decodeS46BindPrefix } from "./dhcpv6/options/s46-bind-prefix.ts";
import { decodeS46Br } from "./dhcpv6/options/s46-br.ts";
import { decodeS46ContLw, encodeS46ContLw } from "./dhcpv6/options/s46-cont-lw.ts";
import { decodeRelayMessage, decodeRelayPath, encodeRelayMessage } from "./dhcpv6/relay.ts";
import { encodeHex } from "./hex.ts";
import { formatIPv4, parseIPv4 } from "./ipv4-address.ts";
import { formatIPv6, formatIPv6Prefix, parseIPv6, parseIPv6Prefix } from "./ipv6-address.ts";
import { readUint16 } from "./octets.ts";

/** Type of `decoded` in the vectors file: objects without a schema. */
type Rendered = Record<string, unknown>;

const textOf = (data: Uint8Array): string => new TextDecoder().decode(data);
const hexNumber = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, "0")}`;

// --- Our decoded values, rendered in the format of the vectors file.

function renderMessage(message: Uint8Array): Rendered {
  switch (message[0]) {
    case MessageType6.relayForward:
    case MessageType6.relayReply:
      return renderRelay(message);
    case MessageType6.dhcpv4Query: {
      const { unicast, options, dhcpv4 } = decodeDhcpV4Query(message);
      return {
        ...renderFlags(message),
        unicast_flag: Number(unicast),
        options: renderContent(options, dhcpv4),
      };
    }
    case MessageType6.dhcpv4Response: {
      const { options, dhcpv4 } = decodeDhcpV4Response(message);
      return { ...renderFlags(message), options: renderContent(options, dhcpv4) };
    }
    default: {
      const { type, flags, options } = decodeMessage6(message);
      return {
        msg_type: type,
        transaction_id: flags.toString(16).padStart(6, "0"),
        options: options.map(renderOption6),
      };
    }
  }
}

function renderFlags(message: Uint8Array): Rendered {
  const { type, flags } = decodeMessage6(message);
  return { msg_type: type, flags: hexNumber(flags, 6) };
}

function renderRelay(octets: Uint8Array): Rendered {
  const { type, hopCount, linkAddress, peerAddress, options, message } = decodeRelayMessage(octets);
  return {
    msg_type: type,
    hop_count: hopCount,
    link_address: formatIPv6(linkAddress),
    peer_address: formatIPv6(peerAddress),
    options: [
      ...options.map(renderOption6),
      { code: OptionCode6.relayMessage, len: message.length, message: renderMessage(message) },
    ],
  };
}

function renderContent(options: readonly Option6[], dhcpv4: Uint8Array): Rendered[] {
  return [
    ...options.map(renderOption6),
    { code: OptionCode6.dhcpv4Message, len: dhcpv4.length, dhcpv4: renderDhcpV4(dhcpv4) },
  ];
}

function renderOption6({ code, data }: Option6): Rendered {
  return { code, len: data.length, ...renderData6(code, data) };
}

function renderData6(code: number, data: Uint8Array): Rendered {
  switch (code) {
    case OptionCode6.optionRequest:
    case OptionCode6.echoRequest:
      return { codes: decodeCodeList(data) };
    case OptionCode6.interfaceId:
      return { interface_id: textOf(data) };
    case OptionCode6.remoteId: {
      const { enterprise, remoteId } = decodeRemoteId(data);
      return { enterprise, remote_id: textOf(remoteId) };
    }
    case OptionCode6.subscriberId:
      return { subscriber_id: textOf(data) };
    case OptionCode6.clientLinkLayerAddress:
      return { hex: encodeHex(data) };
    case OptionCode6.dhcp4o6Server:
      return { addresses: decodeDhcp4o6Server(data).map(formatIPv6) };
    case OptionCode6.s46Br:
      return { addresses: [formatIPv6(decodeS46Br(data))] };
    case OptionCode6.s46ContLw:
      return { hex: encodeHex(encodeS46ContLw(decodeS46ContLw(data))) };
    case OptionCode6.relayPort:
      return { downstream_source_port: decodeRelayPort(data) };
    case OptionCode6.s46BindIPv6Prefix:
      return { prefix: formatIPv6Prefix(decodeS46BindPrefix(data)) };
    default:
      return { hex: encodeHex(data) };
  }
}

function renderDhcpV4(dhcpv4: Uint8Array): Rendered {
  const message = decodeDhcpV4(dhcpv4);
  const options: Rendered = Object.fromEntries(
    [...message.options].map(([code, data]) => [code, renderData(code, data)]),
  );
  // Our decoder removes option 52 from the options; the vectors file keeps it.
  if (message.overload !== 0) options[OptionCode.overload] = `0${message.overload}`;
  const type = message.options.get(OptionCode.messageType);
  return {
    op: message.op,
    htype: message.htype,
    hlen: message.hlen,
    hops: message.hops,
    secs: message.secs,
    xid: hexNumber(message.xid, 8),
    flags: hexNumber(message.flags, 4),
    ciaddr: formatIPv4(message.ciaddr),
    yiaddr: formatIPv4(message.yiaddr),
    siaddr: formatIPv4(message.siaddr),
    giaddr: formatIPv4(message.giaddr),
    chaddr: encodeHex(message.chaddr.subarray(0, message.hlen)),
    cookie_ok: true,
    length: dhcpv4.length,
    ...(type !== undefined && { message_type: renderMessageType(decodeMessageType(type)) }),
    options,
  };
}

function renderMessageType(type: number): string | undefined {
  const name = Object.entries(MessageType).find(([, value]) => value === type)?.[0];
  return name && `DHCP${name.toUpperCase()}`;
}

function renderData(code: number, data: Uint8Array): unknown {
  switch (code) {
    case OptionCode.subnetMask:
    case OptionCode.requestedAddress:
    case OptionCode.serverIdentifier:
      return formatIPv4(decodeAddress(data));
    case OptionCode.leaseTime:
    case OptionCode.renewalTime:
    case OptionCode.rebindingTime:
      return decodeSeconds(data);
    case OptionCode.messageType:
      return decodeMessageType(data);
    case OptionCode.parameterRequestList:
      return decodeParameterRequestList(data);
    case OptionCode.message:
      return decodeMessage(data);
    case OptionCode.softwireSourceAddress:
      return formatIPv6(decodeSoftwireSourceAddress(data));
    case OptionCode.portParams:
      return renderPortParams(data);
    default:
      return encodeHex(data);
  }
}

/** Renders rejected data by its reason: data of a wrong length has no fields, data with a wrong value has them. */
function renderPortParams(data: Uint8Array): Rendered {
  const field = { psid_field: hexNumber(readUint16(data, 2), 4) };
  try {
    const { psid, ...params } = decodePortParams(data);
    const ranges = portRanges(params, psid).map(({ first, last }) => [first, last]);
    return {
      offset: params.psidOffset,
      psid_len: params.psidLength,
      ...field,
      psid,
      n_ports: portsPerSet(params),
      // The vectors file lists no ranges for a full address.
      ...(params.psidLength > 0 && { first_range: ranges[0], last_range: ranges.at(-1) }),
    };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return error.reason === "bad-option-length"
      ? { invalid_length: data.length, raw: encodeHex(data) }
      : { offset: data[0], psid_len: data[1], ...field, invalid: true };
  }
}

/** Moves the content (option 9 or 87) after the other options: our decoders return it separately from them. */
function contentLast(decoded: unknown): unknown {
  if (typeof decoded !== "object" || decoded === null || !("options" in decoded)) return decoded;
  const options = (decoded.options as Rendered[]).map((option) =>
    "message" in option ? { ...option, message: contentLast(option.message) } : option,
  );
  const isContent = (option: Rendered): boolean => "message" in option || "dhcpv4" in option;
  return {
    ...decoded,
    options: [...options.filter((option) => !isContent(option)), ...options.filter(isContent)],
  };
}

// --- All levels, decoded and re-encoded.

function reencode(message: Uint8Array): Uint8Array {
  switch (message[0]) {
    case MessageType6.relayForward:
    case MessageType6.relayReply: {
      const { type, message: inner, ...level } = decodeRelayMessage(message);
      return encodeRelayMessage(type, level, reencode(inner));
    }
    case MessageType6.dhcpv4Query: {
      const query = decodeDhcpV4Query(message);
      return encodeDhcpV4Query({ ...query, dhcpv4: reencodeDhcpV4(query.dhcpv4) });
    }
    case MessageType6.dhcpv4Response: {
      const response = decodeDhcpV4Response(message);
      return encodeDhcpV4Response({ ...response, dhcpv4: reencodeDhcpV4(response.dhcpv4) });
    }
    default:
      return encodeMessage6(decodeMessage6(message));
  }
}

function reencodeDhcpV4(dhcpv4: Uint8Array): Uint8Array {
  return encodeDhcpV4(decodeDhcpV4(dhcpv4), { octetsMin: dhcpv4.length });
}

/** Packets that we re-encode to different octets with the same meaning -> why the octets differ. */
const otherOctets: Record<string, string> = {
  "odd-prl-split": "parts are joined",
  "odd-overload-file": "options fit in the options field",
  "odd-overload-both": "options fit in the options field",
  "odd-flags-mbz": "bits that must be zero are cleared",
  "relay-forw-msg-first": "option 9 is written last",
  "bad-opt159-len8-two": "parts are joined",
};

/** Packets that our decoders reject -> the reason. */
const rejected: Record<string, string> = {
  "bad-no-option87": "no-dhcpv4-message",
  "bad-two-option87": "duplicate-dhcpv4-message",
  "bad-option87-empty": "no-dhcpv4-message",
  "bad-option87-overrun": "option-overrun",
  "bad-truncated-header": "message-truncated",
  "bad-inner-short": "dhcpv4-truncated",
  "bad-inner-cookie": "dhcpv4-bad-cookie",
  "bad-inner-opt-overrun": "dhcpv4-option-overrun",
  "bad-relay-no-msg": "no-relay-message",
  "bad-relay-short": "message-truncated",
};

/** Packets -> RFC rules that their octets demonstrate. */
const rules: Record<string, string> = {
  "discover-shared-nohint": "R7618-6-01",
  "discover-shared-hint-psidlen": "R7618-7-03 R7618-9-01",
  "discover-shared-hint-addr-psid": "R7618-7-02 R7618-9-04",
  "discover-shared-map": "R7618-9-02",
  "request-selecting": "R7618-6-06",
  "request-init-reboot": "R7618-6-12",
  "request-renewing": "R7618-7-06",
  "release-shared": "R7618-6-10",
  "offer-shared": "R7618-9-01 R7618-9-04 R7341-6.4-01",
  "offer-softwire": "R8539-6.1-01 R7341-6.4-01",
  "ack-selecting": "R7618-6-08 R7341-6.4-01",
  "ack-softwire": "R8539-8-02 R7341-6.4-01",
  nak: "R7341-6.4-01",
  "relay-repl-1hop": "R7341-11-07",
  "relay-repl-2hop": "R7341-11-07",
  "relay-forw-8deep-hop7": "R8415-19.1.2-01",
  "odd-flags-mbz": "R7341-6.3-01",
  "odd-unknown-opt6": "R8415-16-01",
  "odd-psid-padding-bits": "R7618-9-04",
  "odd-psidlen-0": "R7618-9-03",
  "bad-no-option87": "R7341-6.2-01 R7341-11-01",
  "bad-relay-hop8": "R8415-19.1.2-01",
  "bad-msgtype-200": "R8415-19-03",
  "bad-opt159-len3": "R7618-9-01",
  "bad-opt159-len8-two": "R7618-9-01",
  "bad-opt159-offset16": "R7618-9-02",
};

const titleOf = (name: string, behaviour: string): string =>
  `${name} ${behaviour}${rules[name] === undefined ? "" : ` (${rules[name].replaceAll(" ", ", ")})`}`;

describe("golden packets", () => {
  it("are 76, and include every packet that the tables name", () => {
    expect(vectors).toHaveLength(76);
    const names = vectors.map(({ name }) => name);
    for (const table of [otherOctets, rejected, rules]) {
      expect(names).toEqual(expect.arrayContaining(Object.keys(table)));
    }
  });

  for (const { name, hex, decoded } of vectors) {
    const reason = rejected[name];
    if (reason !== undefined) {
      it(titleOf(name, `is rejected: ${reason}`), () => {
        expect(reasonOf(() => renderMessage(octets(hex)))).toBe(reason);
      });
      continue;
    }
    it(titleOf(name, "decodes to the fields in the file, and re-encodes to the same message"), () => {
      const message = octets(hex);
      const expected = contentLast(decoded) as Rendered;
      expect(renderMessage(message)).toEqual(expected);

      const again = reencode(message);
      // Bits that a sender must leave zero are not copied (R7341-6.3-01).
      const sent = name === "odd-flags-mbz" ? { ...expected, flags: "0x000000" } : expected;
      expect(renderMessage(again)).toEqual(sent);
      expect(encodeHex(again) === hex, otherOctets[name]).toBe(!(name in otherOctets));
    });
  }
});

describe("well-formed packets that are not for a server", () => {
  it("decodeDhcpV4Query() rejects bad-response-to-server", () => {
    const { octets } = vectorOctets("bad-response-to-server");
    expect(reasonOf(() => decodeDhcpV4Query(octets))).toBe("unexpected-message-type");
  });

  it("decodeRelayPath() rejects bad-relay-repl-to-server", () => {
    const { octets } = vectorOctets("bad-relay-repl-to-server");
    expect(reasonOf(() => decodeRelayPath(octets))).toBe("unexpected-message-type");
  });

  it("decodeDhcpV4Query() rejects bad-msgtype-200 (R8415-19-03: a relay forwards it like any message)", () => {
    const { octets } = vectorOctets("bad-msgtype-200");
    expect(reasonOf(() => decodeDhcpV4Query(octets))).toBe("unexpected-message-type");
    expect(decodeMessage6(octets)).toEqual({ type: 200, flags: 0x010203, options: [] });
  });

  it.each([
    ["bad-opt159-len3", "000648", "bad-option-length"],
    ["bad-opt159-len8-two", "0006480000065000", "bad-option-length"],
    ["bad-opt159-offset16", "10000000", "bad-option-value"],
    ["bad-opt159-k17", "00110000", "bad-option-value"],
    ["bad-opt159-a6k12", "060c3400", "bad-option-value"],
  ])("decodePortParams() rejects the hint of %s, %s: %s (R7618-9-01)", (name, hex, reason) => {
    const { dhcpv4 } = decodeDhcpV4Query(vectorOctets(name).octets);
    const hint = decodeDhcpV4(dhcpv4).options.get(OptionCode.portParams);
    expect(encodeHex(hint!)).toBe(hex);
    expect(reasonOf(() => decodePortParams(hint!))).toBe(reason);
  });
});

describe("packets with more than one level", () => {
  it("decodeRelayPath() returns the eight levels of relay-forw-8deep-hop7, outermost first (R8415-19.1.2-01)", () => {
    const { path, message } = decodeRelayPath(vectorOctets("relay-forw-8deep-hop7").octets);
    expect(path.map(({ hopCount }) => hopCount)).toEqual([7, 6, 5, 4, 3, 2, 1, 0]);
    expect(message[0]).toBe(MessageType6.dhcpv4Query);
  });

  it("decodeS46ContLw() reads the softwire of reply-s46-cont-lw", () => {
    const { options } = decodeMessage6(vectorOctets("reply-s46-cont-lw").octets);
    const container = options.find(({ code }) => code === OptionCode6.s46ContLw);
    expect(decodeS46ContLw(container!.data)).toEqual({
      borderRelays: [parseIPv6("2001:db8:ffff::1")],
      bind: {
        address: parseIPv4("192.0.2.18"),
        prefix: parseIPv6Prefix("2001:db8:1234:5600::/56"),
        portParams: { psidOffset: 0, psidLength: 6, psid: 18 },
      },
    });
  });
});
