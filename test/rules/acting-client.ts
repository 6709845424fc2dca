/**
 * A client for the tests of the rules. It sends complete messages, or messages with single fields changed, through a
 * relay.
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

/** Where a client is in the network. */
export interface ClientLocation {
  /** IPv6 source of the client. By default each client has its own link-local address. */
  readonly source?: string;
  readonly linkAddress?: string;
  /** Interface-Id of the client's line, as text. */
  readonly interfaceId?: string;
  /** More options of the relay next to the client. */
  readonly options?: readonly Option6[];
}

/** @returns The level that the relay next to a client adds. */
export function levelAt({ source, linkAddress, interfaceId, options }: ClientLocation): RelayLevel {
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

/**
 * Encloses a message in RELAY-FORW levels.
 *
 * @param levels Outermost first.
 */
export function enclose(message: Uint8Array, levels: readonly RelayLevel[]): Uint8Array {
  return levels.reduceRight(
    (inner, level) => encodeRelayMessage(MessageType6.relayForward, level, inner),
    message,
  );
}

/** Fields of a message that differ from what RFC 2131 and RFC 7618 require. */
export interface MessageOverrides {
  readonly xid?: number;
  readonly unicast?: boolean;
  readonly header?: Partial<DhcpV4Message>;
  /** Option 159; null leaves it out. */
  readonly portParams?: PortParams | null | undefined;
  /** Option 55; null leaves it out. */
  readonly parameterRequestList?: readonly number[] | null;
  /** Option 6 (option request) of the DHCPV4-QUERY. */
  readonly optionRequest?: readonly number[];
  /** Option 109, as text. */
  readonly softwire?: string | undefined;
  /** Option 51. */
  readonly leaseSeconds?: number;
  /** Further options by code, added last. They replace options with the same code; null removes one. */
  readonly options?: Readonly<Record<number, Uint8Array | readonly number[] | null>>;
}

/** A pair as a message carries it. */
export interface NamedPair {
  readonly address: string;
  readonly portParams: PortParams | undefined;
}

/** Option 54 of the domain that most tests use. */
const serverIdentifier = "198.51.100.1";

let lastXid = 0x10000000;

/** Sends messages and finds their answers, as a {@link Stage} does. */
export type Asks = Pick<Stage, "askAll">;

/** A client that sends messages through the relay of a {@link Stage}. */
export class ActingClient {
  readonly stage: Asks;
  readonly clientIdentifier: Uint8Array;
  readonly #hardwareAddress: Uint8Array;
  readonly #location: ClientLocation;

  constructor(stage: Asks, number: number, location: ClientLocation) {
    const { clientIdentifier, hardwareAddress } = clientProfile(number);
    this.stage = stage;
    this.clientIdentifier = clientIdentifier;
    this.#hardwareAddress = hardwareAddress;
    this.#location = { source: `fe80::${number.toString(16)}`, ...location };
  }

  /** Sends a DISCOVER. */
  discover(hint: Hint = {}, overrides: MessageOverrides = {}): Promise<Answer | undefined> {
    return this.send(MessageType.discover, { portParams: hint.portParams, ...overrides }, [
      [OptionCode.requestedAddress, hint.address],
    ]);
  }

  /** Sends a REQUEST in SELECTING. */
  select(pair: NamedPair, overrides: MessageOverrides = {}): Promise<Answer | undefined> {
    return this.send(MessageType.request, { portParams: pair.portParams, ...overrides }, [
      [OptionCode.requestedAddress, parseIPv4(pair.address)],
      [OptionCode.serverIdentifier, parseIPv4(serverIdentifier)],
    ]);
  }

  /** Sends a REQUEST in INIT-REBOOT. */
  reboot(pair: NamedPair, overrides: MessageOverrides = {}): Promise<Answer | undefined> {
    return this.send(MessageType.request, { portParams: pair.portParams, ...overrides }, [
      [OptionCode.requestedAddress, parseIPv4(pair.address)],
    ]);
  }

  /** Sends a REQUEST in RENEWING: the U flag is set. */
  renew(pair: NamedPair, overrides: MessageOverrides = {}): Promise<Answer | undefined> {
    return this.rebind(pair, { unicast: true, ...overrides });
  }

  /** Sends a REQUEST in REBINDING: the U flag is clear. */
  rebind(pair: NamedPair, overrides: MessageOverrides = {}): Promise<Answer | undefined> {
    return this.send(MessageType.request, {
      portParams: pair.portParams,
      ...overrides,
      header: { ciaddr: parseIPv4(pair.address), ...overrides.header },
    });
  }

  /** Sends a RELEASE, which has no option 55 (RFC 2131 table 5). */
  release(pair: NamedPair, overrides: MessageOverrides = {}): Promise<Answer | undefined> {
    return this.send(
      MessageType.release,
      {
        unicast: true,
        parameterRequestList: null,
        portParams: pair.portParams,
        ...overrides,
        header: { ciaddr: parseIPv4(pair.address), ...overrides.header },
      },
      [[OptionCode.serverIdentifier, parseIPv4(serverIdentifier)]],
    );
  }

  /** Sends a DECLINE, which has no option 55 (RFC 2131 table 5), and by default no option 159. */
  decline(address: string, overrides: MessageOverrides = {}): Promise<Answer | undefined> {
    return this.send(MessageType.decline, { parameterRequestList: null, ...overrides }, [
      [OptionCode.requestedAddress, parseIPv4(address)],
      [OptionCode.serverIdentifier, parseIPv4(serverIdentifier)],
    ]);
  }

  /** Sends an INFORM. */
  inform(address: string, overrides: MessageOverrides = {}): Promise<Answer | undefined> {
    return this.send(MessageType.inform, {
      ...overrides,
      header: { ciaddr: parseIPv4(address), ...overrides.header },
    });
  }

  /**
   * Obtains a lease with DISCOVER and REQUEST.
   *
   * @returns The ACK.
   * @throws {Error} When there is no offer or no ACK.
   */
  async lease(hint: Hint = {}, overrides: MessageOverrides = {}): Promise<Answer> {
    const offer = await this.discover(hint, overrides);
    if (offer?.type !== "offer")
      throw new Error(`Cannot lease: found ${offer?.type ?? "silence"}, expected an offer`);
    const ack = await this.select(offer, overrides);
    if (ack?.type !== "ack")
      throw new Error(`Cannot lease: found ${ack?.type ?? "silence"}, expected an ACK`);
    return ack;
  }

  /** Sends one message. @returns Its answer, or undefined for silence. */
  async send(
    type: number | null,
    overrides: MessageOverrides,
    addresses: readonly (readonly [code: number, address: number | undefined])[] = [],
  ): Promise<Answer | undefined> {
    const [answer] = await this.stage.askAll(this.message(type, overrides, addresses));
    return answer;
  }

  /** @returns The datagram of a message, as the relay next to this client sends it, and its xid. */
  message(
    type: number | null,
    overrides: MessageOverrides,
    addresses: readonly (readonly [code: number, address: number | undefined])[] = [],
  ): { readonly xid: number; readonly datagram: Uint8Array } {
    const xid = overrides.xid ?? ++lastXid;
    const octets = this.query(type, { ...overrides, xid }, addresses);
    return { xid, datagram: enclose(octets, [levelAt(this.#location)]) };
  }

  /** @returns The DHCPV4-QUERY of a message, as the client sends it. */
  query(
    type: number | null,
    overrides: MessageOverrides,
    addresses: readonly (readonly [code: number, address: number | undefined])[] = [],
  ): Uint8Array {
    const { optionRequest = [], unicast = false } = overrides;
    return encodeDhcpV4Query({
      unicast,
      options:
        optionRequest.length === 0
          ? []
          : [{ code: OptionCode6.optionRequest, data: encodeCodeList(optionRequest) }],
      dhcpv4: encodeDhcpV4(this.#dhcpv4(type, overrides, addresses)),
    });
  }

  #dhcpv4(
    type: number | null,
    overrides: MessageOverrides,
    addresses: readonly (readonly [code: number, address: number | undefined])[],
  ): DhcpV4Message {
    const chaddr = new Uint8Array(16);
    chaddr.set(this.#hardwareAddress);
    return {
      op: 1,
      htype: 1,
      hlen: 6,
      hops: 0,
      xid: overrides.xid ?? 0,
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
      options: this.#options(type, overrides, addresses),
      ...overrides.header,
    };
  }

  #options(
    type: number | null,
    overrides: MessageOverrides,
    addresses: readonly (readonly [code: number, address: number | undefined])[],
  ): Map<number, Uint8Array> {
    const { portParams, parameterRequestList: requestedCodes = parameterRequestList({ sharesPorts: true }) } =
      overrides;
    const options = new Map<number, Uint8Array>();
    if (type !== null) options.set(OptionCode.messageType, Uint8Array.of(type));
    for (const [code, address] of addresses) {
      if (address !== undefined) options.set(code, encodeAddress(address));
    }
    if (overrides.leaseSeconds !== undefined) {
      options.set(OptionCode.leaseTime, encodeSeconds(overrides.leaseSeconds));
    }
    options.set(OptionCode.clientIdentifier, this.clientIdentifier);
    if (overrides.softwire !== undefined) {
      options.set(OptionCode.softwireSourceAddress, parseIPv6(overrides.softwire));
    }
    if (portParams !== undefined && portParams !== null) {
      options.set(OptionCode.portParams, encodePortParams(portParams));
    }
    if (requestedCodes !== null)
      options.set(OptionCode.parameterRequestList, Uint8Array.from(requestedCodes));
    for (const [code, data] of Object.entries(overrides.options ?? {})) {
      if (data === null) options.delete(Number(code));
      else options.set(Number(code), Uint8Array.from(data));
    }
    return options;
  }
}
