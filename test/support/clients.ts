/**
 * Numbered clients for tests, and the messages that they can send.
 *
 * @module
 */
import {
  encodeDecline,
  encodeDiscover,
  encodeInitReboot,
  encodeRebinding,
  encodeRelease,
  encodeRenewing,
  encodeSelecting,
  parameterRequestList,
} from "../../src/client/query.ts";
import type { ClientProfile, Hint } from "../../src/client/query.ts";
import { OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { decodeAddress } from "../../src/wire/dhcpv4/options/address.ts";
import { encodeClientIdentifier } from "../../src/wire/dhcpv4/options/client-identifier.ts";
import { decodeHex } from "../../src/wire/hex.ts";
import type { TestAnswer } from "./allocator.ts";

/** Profile of a numbered client. */
export function clientProfile(client: number, fields: Partial<ClientProfile> = {}): ClientProfile {
  const hardwareAddress = decodeHex(`0200${client.toString(16).padStart(8, "0")}`);
  const duid = Uint8Array.of(0, 3, 0, 1, ...hardwareAddress);
  return {
    clientIdentifier: encodeClientIdentifier({ iaid: 1, duid }),
    hardwareAddress,
    parameterRequestList: parameterRequestList({ sharesPorts: true }),
    optionRequest: [],
    leaseSeconds: undefined,
    ...fields,
  };
}

/** Profile of a client that does not support RFC 7618. */
export const fullProfile = (client: number): ClientProfile =>
  clientProfile(client, { parameterRequestList: parameterRequestList({ sharesPorts: false }) });

/** The pair and server identifier of an answer, as its client returns them. */
export function pairOf(answer: TestAnswer) {
  return {
    address: answer.message.yiaddr,
    portParams: answer.portParams,
    serverIdentifier: decodeAddress(answer.message.options.get(OptionCode.serverIdentifier)!),
  };
}

const xid = 0x4f0a0001;

/** Encodes messages of a client for {@link TestAllocator.ask}. */
export const says = {
  discover: (profile: ClientProfile, hint: Hint = {}) => ({ octets: encodeDiscover(profile, { xid, hint }) }),
  selecting: (profile: ClientProfile, answer: TestAnswer, softwire?: Uint8Array) => ({
    octets: encodeSelecting(profile, pairOf(answer), { xid, softwire }),
  }),
  reboot: (profile: ClientProfile, answer: TestAnswer) => ({
    octets: encodeInitReboot(profile, pairOf(answer), { xid, softwire: undefined }),
  }),
  renew: (profile: ClientProfile, answer: TestAnswer, softwire?: Uint8Array) => ({
    octets: encodeRenewing(profile, pairOf(answer), { xid, softwire }),
  }),
  rebind: (profile: ClientProfile, answer: TestAnswer) => ({
    octets: encodeRebinding(profile, pairOf(answer), { xid, softwire: undefined }),
  }),
  decline: (profile: ClientProfile, answer: TestAnswer) => ({
    octets: encodeDecline(profile, pairOf(answer), { xid }),
  }),
  release: (profile: ClientProfile, answer: TestAnswer) => ({
    octets: encodeRelease(profile, pairOf(answer), { xid }),
  }),
};
