/**
 * A client of the rules' tests: says each message in full, or with one thing about it changed, behind a relay.
 *
 * @module
 */
import { parameterRequestList } from "../../src/client/query.ts";
import type { Hint } from "../../src/client/query.ts";
import { MessageType, OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { encodeDhcpV4 } from "../../src/wire/dhcpv4/message.ts";
import type { DhcpV4Message } from "../../src/wire/dhcpv4/message.ts";
import { encodeAddress } from "../../src/wire/dhcpv4/options/address.ts";
import { encodePortParams } from "../../src/wire/dhcpv4/options/port-params.ts";
import type { PortParams } from "../../src/wire/dhcpv4/options/port-params.ts";
import { encodeSeconds } from "../../src/wire/dhcpv4/options/seconds.ts";
import { MessageType6, OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { encodeDhcpV4Query } from "../../src/wire/dhcpv6/dhcpv4-query.ts";
import type { Option6 } from "../../src/wire/dhcpv6/options.ts";
import { encodeCodeList } from "../../src/wire/dhcpv6/options/code-list.ts";
import { encodeRelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import type { RelayLevel } from "../../src/wire/dhcpv6/relay.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { clientProfile } from "../support/clients.ts";
import type { Answer, Stage } from "./stage.ts";

/** Where a client is. */
export interface Place {
  /** IPv6 source of the client; each has a link-local one of its own by default. */
  readonly source?: string;
  readonly linkAddress?: string;
  /** Interface-Id of the client's line, as text. */
  readonly interfaceId?: string;
  /** More options of the relay next to the client. */
  readonly options?: readonly Option6[];
}

/** The level of the relay next to a client. */
export function levelAt({ source, linkAddress, interfaceId, options }: Place): RelayLevel {
  return {
    hopCount: 0,
    linkAddress: parseIPv6(linkAddress ?? "2001:db8:a::1"),
    peerAddress: parseIPv6(source ?? "fe80::1"),
    options: [
      ...(interfaceId === undefined
        ? []
        : [{ code: OptionCode6.interfaceId, data: new TextEncoder().encode(interfaceId) }]),
      ...(options ?? []),
    ],
  };
}

/** @param levels Outermost first. */
export function enclose(message: Uint8Array, levels: readonly RelayLevel[]): Uint8Array {
  return levels.reduceRight(
    (inner, level) => encodeRelayMessage(MessageType6.relayForward, level, inner),
    message,
  );
}

/** What a message says; all that is left out is as RFC 2131 and RFC 7618 want it. */
export interface Speech {
  readonly xid?: number;
  readonly unicast?: boolean;
  readonly header?: Partial<DhcpV4Message>;
  /** Option 159; null leaves it out. */
  readonly portParams?: PortParams | null | undefined;
  /** Option 55; null leaves it out. */
  readonly parameterRequestList?: readonly number[] | null;
  /** Option 6 beside the message. */
  readonly optionRequest?: readonly number[];
  /** Option 109, as text. */
  readonly softwire?: string | undefined;
  /** Option 51. */
  readonly leaseSeconds?: number;
  /** Any options: they come last and replace those of their code; null leaves one out. */
  readonly options?: Readonly<Record<number, Uint8Array | readonly number[] | null>>;
}

/** A pair as messages name it. */
export interface NamedPair {
  readonly address: string;
  readonly portParams: PortParams | undefined;
}

/** Option 54 of the tests' domain. */
const serverIdentifier = "198.51.100.1";

let lastXid = 0x10000000;

/** A client by number. */
export class ActingClient {
  readonly stage: Stage;
  readonly clientIdentifier: Uint8Array;
  readonly #hardwareAddress: Uint8Array;
  readonly #place: Place;

  constructor(stage: Stage, number: number, place: Place) {
    const { clientIdentifier, hardwareAddress } = clientProfile(number);
    this.stage = stage;
    this.clientIdentifier = clientIdentifier;
    this.#hardwareAddress = hardwareAddress;
    this.#place = { source: `fe80::${number.toString(16)}`, ...place };
  }

  /** DISCOVER. */
  discover(hint: Hint = {}, speech: Speech = {}): Promise<Answer | undefined> {
    return this.say(MessageType.discover, { portParams: hint.portParams, ...speech }, [
      [OptionCode.requestedAddress, hint.address],
    ]);
  }

  /** REQUEST of SELECTING. */
  select(pair: NamedPair, speech: Speech = {}): Promise<Answer | undefined> {
    return this.say(MessageType.request, { portParams: pair.portParams, ...speech }, [
      [OptionCode.requestedAddress, parseIPv4(pair.address)],
      [OptionCode.serverIdentifier, parseIPv4(serverIdentifier)],
    ]);
  }

  /** REQUEST of INIT-REBOOT. */
  reboot(pair: NamedPair, speech: Speech = {}): Promise<Answer | undefined> {
    return this.say(MessageType.request, { portParams: pair.portParams, ...speech }, [
      [OptionCode.requestedAddress, parseIPv4(pair.address)],
    ]);
  }

  /** REQUEST of RENEWING: U is set. */
  renew(pair: NamedPair, speech: Speech = {}): Promise<Answer | undefined> {
    return this.rebind(pair, { unicast: true, ...speech });
  }

  /** REQUEST of REBINDING. */
  rebind(pair: NamedPair, speech: Speech = {}): Promise<Answer | undefined> {
    return this.say(MessageType.request, {
      portParams: pair.portParams,
      ...speech,
      header: { ciaddr: parseIPv4(pair.address), ...speech.header },
    });
  }

  /** RELEASE: no option 55 (RFC 2131 table 5). */
  release(pair: NamedPair, speech: Speech = {}): Promise<Answer | undefined> {
    return this.say(
      MessageType.release,
      {
        unicast: true,
        parameterRequestList: null,
        portParams: pair.portParams,
        ...speech,
        header: { ciaddr: parseIPv4(pair.address), ...speech.header },
      },
      [[OptionCode.serverIdentifier, parseIPv4(serverIdentifier)]],
    );
  }

  /** DECLINE: neither option 55 nor 159 (RFC 2131 table 5). */
  decline(address: string, speech: Speech = {}): Promise<Answer | undefined> {
    return this.say(MessageType.decline, { parameterRequestList: null, ...speech }, [
      [OptionCode.requestedAddress, parseIPv4(address)],
      [OptionCode.serverIdentifier, parseIPv4(serverIdentifier)],
    ]);
  }

  /** INFORM. */
  inform(address: string, speech: Speech = {}): Promise<Answer | undefined> {
    return this.say(MessageType.inform, {
      ...speech,
      header: { ciaddr: parseIPv4(address), ...speech.header },
    });
  }

  /** DISCOVER and REQUEST. @returns The ACK. */
  async lease(hint: Hint = {}, speech: Speech = {}): Promise<Answer> {
    const offer = await this.discover(hint, speech);
    if (offer?.type !== "offer")
      throw new Error(`Cannot lease: found ${offer?.type ?? "silence"}, expected an offer`);
    const ack = await this.select(offer, speech);
    if (ack?.type !== "ack")
      throw new Error(`Cannot lease: found ${ack?.type ?? "silence"}, expected an ACK`);
    return ack;
  }

  /** Says one message, and returns the answer to it. */
  async say(
    type: number | null,
    speech: Speech,
    addresses: readonly (readonly [code: number, address: number | undefined])[] = [],
  ): Promise<Answer | undefined> {
    const [answer] = await this.stage.askAll(this.message(type, speech, addresses));
    return answer;
  }

  /** The datagram of a message, behind the relay next to this client, and its xid. */
  message(
    type: number | null,
    speech: Speech,
    addresses: readonly (readonly [code: number, address: number | undefined])[] = [],
  ): { readonly xid: number; readonly datagram: Uint8Array } {
    const xid = speech.xid ?? ++lastXid;
    const octets = this.query(type, { ...speech, xid }, addresses);
    return { xid, datagram: enclose(octets, [levelAt(this.#place)]) };
  }

  /** The DHCPV4-QUERY of a message, as it leaves the client. */
  query(
    type: number | null,
    speech: Speech,
    addresses: readonly (readonly [code: number, address: number | undefined])[] = [],
  ): Uint8Array {
    const { optionRequest = [], unicast = false } = speech;
    return encodeDhcpV4Query({
      unicast,
      options:
        optionRequest.length === 0
          ? []
          : [{ code: OptionCode6.optionRequest, data: encodeCodeList(optionRequest) }],
      dhcpv4: encodeDhcpV4(this.#dhcpv4(type, speech, addresses)),
    });
  }

  #dhcpv4(
    type: number | null,
    speech: Speech,
    addresses: readonly (readonly [code: number, address: number | undefined])[],
  ): DhcpV4Message {
    const chaddr = new Uint8Array(16);
    chaddr.set(this.#hardwareAddress);
    return {
      op: 1,
      htype: 1,
      hlen: 6,
      hops: 0,
      xid: speech.xid ?? 0,
      secs: 0,
      flags: 0,
      ciaddr: 0,
      yiaddr: 0,
      siaddr: 0,
      giaddr: 0,
      overload: 0,
      chaddr,
      sname: new Uint8Array(64),
      file: new Uint8Array(128),
      options: this.#options(type, speech, addresses),
      ...speech.header,
    };
  }

  #options(
    type: number | null,
    speech: Speech,
    addresses: readonly (readonly [code: number, address: number | undefined])[],
  ): Map<number, Uint8Array> {
    const { portParams, parameterRequestList: wishes = parameterRequestList({ sharesPorts: true }) } = speech;
    const options = new Map<number, Uint8Array>();
    if (type !== null) options.set(OptionCode.messageType, Uint8Array.of(type));
    for (const [code, address] of addresses) {
      if (address !== undefined) options.set(code, encodeAddress(address));
    }
    if (speech.leaseSeconds !== undefined) {
      options.set(OptionCode.leaseTime, encodeSeconds(speech.leaseSeconds));
    }
    options.set(OptionCode.clientIdentifier, this.clientIdentifier);
    if (speech.softwire !== undefined) {
      options.set(OptionCode.softwireSourceAddress, parseIPv6(speech.softwire));
    }
    if (portParams !== undefined && portParams !== null) {
      options.set(OptionCode.portParams, encodePortParams(portParams));
    }
    if (wishes !== null) options.set(OptionCode.parameterRequestList, Uint8Array.from(wishes));
    for (const [code, data] of Object.entries(speech.options ?? {})) {
      if (data === null) options.delete(Number(code));
      else options.set(Number(code), Uint8Array.from(data));
    }
    return options;
  }
}
