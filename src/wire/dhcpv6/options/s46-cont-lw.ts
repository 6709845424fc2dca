/**
 * S46_CONT_LW (96), RFC 7598 §5.3: a complete Lightweight 4over6 configuration, as a DHCPv6 server provides it
 * without DHCP 4o6.
 *
 * @module
 */
import { DecodeError } from "../../decode-error.ts";
import type { IPv6Prefix } from "../../ipv6-address.ts";
import { readUint32, writeUint32 } from "../../octets.ts";
import { decodePortParams, encodePortParams } from "../../dhcpv4/options/port-params.ts";
import type { PortParams } from "../../dhcpv4/options/port-params.ts";
import { OptionCode6 } from "../codes.ts";
import { decodeOptions6, findOption6, optionsOctets, writeOptions6 } from "../options.ts";
import type { Option6 } from "../options.ts";
import { decodeS46Br, encodeS46Br } from "./s46-br.ts";
import { decodeS46BindPrefix, encodeS46BindPrefix } from "./s46-bind-prefix.ts";

/** A softwire: its border relays, and the IPv4 address and port set bound to it. */
interface S46ContLw {
  /** S46_BR (90), at least one. */
  readonly borderRelays: readonly Uint8Array[];
  /** S46_V4V6BIND (92). */
  readonly bind?: {
    readonly address: number;
    readonly prefix: IPv6Prefix;
    /** S46_PORTPARAMS (93); absent for a full address. */
    readonly portParams?: PortParams;
  };
}

const bindPrefixOffset = 4;

/**
 * Decodes a softwire container.
 *
 * @param data The option's data.
 * @returns The softwire.
 * @throws {DecodeError} When the container has no border relay, more than one binding, or a malformed option.
 */
export function decodeS46ContLw(data: Uint8Array): S46ContLw {
  const options = decodeOptions6(data);
  const borderRelays = options
    .filter(({ code }) => code === OptionCode6.s46Br)
    .map((option) => decodeS46Br(option.data));
  const bindings = options.filter(({ code }) => code === OptionCode6.s46V4V6Bind);
  if (borderRelays.length === 0 || bindings.length > 1) {
    throw new DecodeError(
      "bad-option-value",
      `Cannot decode option 96: found ${borderRelays.length} border relays and ${bindings.length} bindings, expected at least one border relay and at most one binding`,
    );
  }
  const bind = bindings[0] === undefined ? undefined : decodeBind(bindings[0].data);
  return { borderRelays, ...(bind !== undefined && { bind }) };
}

function decodeBind(data: Uint8Array): NonNullable<S46ContLw["bind"]> {
  const prefixOctets = 1 + Math.ceil((data[bindPrefixOffset] ?? 0) / 8);
  if (data.length < bindPrefixOffset + prefixOctets) {
    throw new DecodeError(
      "bad-option-length",
      `Cannot decode option 92: length is ${data.length}, expected at least ${bindPrefixOffset + prefixOctets}`,
    );
  }
  const optionsOffset = bindPrefixOffset + prefixOctets;
  const portParams = findOption6(decodeOptions6(data, optionsOffset), OptionCode6.s46PortParams);
  return {
    address: readUint32(data, 0),
    prefix: decodeS46BindPrefix(data.subarray(bindPrefixOffset, optionsOffset)),
    ...(portParams !== undefined && { portParams: decodePortParams(portParams) }),
  };
}

/**
 * Encodes a softwire container.
 *
 * @returns The option's data.
 * @throws {RangeError} When there is no border relay.
 */
export function encodeS46ContLw({ borderRelays, bind }: S46ContLw): Uint8Array {
  if (borderRelays.length === 0)
    throw new RangeError("Cannot encode option 96: found no border relay, expected at least one");
  const options: Option6[] = borderRelays.map((address) => ({
    code: OptionCode6.s46Br,
    data: encodeS46Br(address),
  }));
  if (bind !== undefined) options.unshift({ code: OptionCode6.s46V4V6Bind, data: encodeBind(bind) });
  const data = new Uint8Array(optionsOctets(options));
  writeOptions6(data, 0, options);
  return data;
}

function encodeBind({ address, prefix, portParams }: NonNullable<S46ContLw["bind"]>): Uint8Array {
  const encodedPrefix = encodeS46BindPrefix(prefix);
  const options =
    portParams === undefined ? [] : [{ code: OptionCode6.s46PortParams, data: encodePortParams(portParams) }];
  const data = new Uint8Array(bindPrefixOffset + encodedPrefix.length + optionsOctets(options));
  writeUint32(data, 0, address);
  data.set(encodedPrefix, bindPrefixOffset);
  writeOptions6(data, bindPrefixOffset + encodedPrefix.length, options);
  return data;
}
