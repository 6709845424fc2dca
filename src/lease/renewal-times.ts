/**
 * T1 and T2: when a client asks to extend its lease, first its own server and then any server (RFC 2131 §4.4.5).
 *
 * Each client gets its own times within narrow bounds. If all had a half of the lease time, clients that got their leases
 * in the same second, as after an outage, would renew in the same second for ever.
 *
 * @module
 */
import {
  rebindingPermilleMax,
  rebindingPermilleMin,
  renewalPermilleMax,
  renewalPermilleMin,
  renewalTimesLeaseSecondsMin,
} from "../limits.ts";
import { infiniteSeconds } from "../wire/dhcpv4/options/seconds.ts";
import type { Pair } from "./domain.ts";

/** The lease for which times are chosen. */
export interface TimedLease {
  /** Client id of the query (`query.ts`). */
  readonly clientId: string;
  readonly pair: Pair;
  readonly leaseSeconds: number;
}

/** Seconds after the beginning of a lease. */
export interface RenewalTimes {
  /** T1, option 58. */
  readonly renewalSeconds: number;
  /** T2, option 59: later than T1, and sooner than the end of the lease. */
  readonly rebindingSeconds: number;
}

/**
 * Chooses T1 and T2 of a lease. A hash of the client and its pair decides, so a repeated message gets the same answer.
 *
 * @returns The times in whole seconds. Undefined for a lease that is too short to be renewed in time, and for an infinite
 *   lease, which is never renewed.
 */
export function renewalTimes({ clientId, pair, leaseSeconds }: TimedLease): RenewalTimes | undefined {
  if (leaseSeconds < renewalTimesLeaseSecondsMin || leaseSeconds === infiniteSeconds) return undefined;
  const hash = hashLease(clientId, pair);
  return {
    renewalSeconds: chooseSecond(leaseSeconds, renewalPermilleMin, renewalPermilleMax, shareOf(hash)),
    rebindingSeconds: chooseSecond(
      leaseSeconds,
      rebindingPermilleMin,
      rebindingPermilleMax,
      shareOf(hash ^ otherHash),
    ),
  };
}

/** @returns One of the whole seconds between two parts of a lease: the first for a share of 0, the last for nearly 1. */
function chooseSecond(leaseSeconds: number, permilleMin: number, permilleMax: number, share: number): number {
  const first = Math.ceil((leaseSeconds * permilleMin) / 1000);
  const last = Math.floor((leaseSeconds * permilleMax) / 1000);
  return first + Math.floor(share * (last - first + 1));
}

/** Makes T2 independent of T1: an arbitrary number, half of whose bits are set. */
const otherHash = 0x9e3779b9;

const fnvBasis = 0x811c9dc5;
const fnvPrime = 0x01000193;

/** FNV-1a over the characters of the client's id, then the address and the port set. */
function hashLease(clientId: string, { address, portSet }: Pair): number {
  let hash = fnvBasis;
  for (let at = 0; at < clientId.length; at++) hash = Math.imul(hash ^ clientId.charCodeAt(at), fnvPrime);
  hash = Math.imul(hash ^ address, fnvPrime);
  return Math.imul(hash ^ (portSet?.psid ?? 0), fnvPrime);
}

/** Mixes the bits of a hash, so that ids that differ in one bit get distant times (the last step of MurmurHash3). */
function shareOf(hash: number): number {
  let mixed = hash;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 0x1_0000_0000;
}
