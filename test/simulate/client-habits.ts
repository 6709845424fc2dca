/**
 * The habits of each kind of client: where it leaves the way of RFC 2131, and how often.
 *
 * @module
 */
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import type { Random } from "../support/random.ts";

/** How a client behaves. */
export type ClientKind = "well-behaved" | "stubborn" | "forgetful" | "hostile";

/** What a client does unlike a good one. Names that end in `OneIn` say one time in how many; 0 means never. */
export interface Habits {
  /** Wants a lease when the faults end. Others fall silent then. */
  readonly wantsLeaseAtEnd: boolean;
  /** Acts on answers. Others only send. */
  readonly actsOnAnswers: boolean;
  /** Waits long between two copies of a message (RFC 2131 §4.1). */
  readonly isPatient: boolean;
  /** Uses only softwire addresses of its own. Others choose among a few that many want. */
  readonly hasOwnSoftwire: boolean;
  /** Discards an offer, and says so. */
  readonly withdrawOneIn: number;
  /** Takes an offer for a lease. */
  readonly presumeOneIn: number;
  /** Does not take an offer, and asks again, perhaps elsewhere. */
  readonly refuseOneIn: number;
  /** Takes an offer at another place. */
  readonly takeAlongOneIn: number;
  /** Switched on, it asks for the pair that it had last. */
  readonly rebootOneIn: number;
  /** Goes on without a softwire address. */
  readonly forgetSoftwireOneIn: number;
  /** Declines the pair that it has. */
  readonly declinesLeases: boolean;
  /** Leaves without a word. */
  readonly leavesSilently: boolean;
  /** Asks in half of all cases for a lease that has ended. */
  readonly asksForEndedLeases: boolean;
  /** Discovers again as soon as it has released its lease. */
  readonly returnsAtOnce: boolean;
  /** Names in half of its hints a pair that somebody else may have. */
  readonly hintsAtOthers: boolean;
  /** Reboots with a pair that somebody else may have. */
  readonly rebootElsewhereOneIn: number;
  /** Wishes for a lease time of its own. */
  readonly wishOneIn: number;
  /** Sends a message twice at once: one that is answered, and one that is not. */
  readonly doubleOneIn: number;
  readonly doubleFarewellOneIn: number;
}

const wellBehaved: Habits = {
  wantsLeaseAtEnd: true,
  actsOnAnswers: true,
  isPatient: true,
  hasOwnSoftwire: true,
  withdrawOneIn: 0,
  presumeOneIn: 0,
  refuseOneIn: 0,
  takeAlongOneIn: 0,
  rebootOneIn: 0,
  forgetSoftwireOneIn: 0,
  declinesLeases: false,
  leavesSilently: false,
  asksForEndedLeases: false,
  returnsAtOnce: false,
  hintsAtOthers: false,
  rebootElsewhereOneIn: 0,
  wishOneIn: 0,
  doubleOneIn: 0,
  doubleFarewellOneIn: 0,
};

const bad: Habits = {
  ...wellBehaved,
  wantsLeaseAtEnd: false,
  hasOwnSoftwire: false,
  withdrawOneIn: 12,
  presumeOneIn: 12,
  refuseOneIn: 5,
  takeAlongOneIn: 12,
  rebootOneIn: 3,
  forgetSoftwireOneIn: 4,
  declinesLeases: true,
};

export const habitsOf: Readonly<Record<ClientKind, Habits>> = {
  "well-behaved": wellBehaved,
  stubborn: {
    ...bad,
    isPatient: false,
    asksForEndedLeases: true,
    returnsAtOnce: true,
    hintsAtOthers: true,
    rebootElsewhereOneIn: 4,
    wishOneIn: 4,
    doubleOneIn: 8,
    doubleFarewellOneIn: 3,
  },
  forgetful: { ...bad, leavesSilently: true },
  hostile: { ...bad, actsOnAnswers: false },
};

/**
 * @param address The IPv6 source address of the client.
 * @returns A softwire address that it asks for.
 */
export function chooseSoftwire({ hasOwnSoftwire }: Habits, address: string, random: Random): Uint8Array {
  if (hasOwnSoftwire) return parseIPv6(address).with(14, 1 + random.below(2));
  // Few addresses, so that several want the same.
  const chosen = parseIPv6("2001:db8:ffff::");
  chosen[15] = 1 + random.below(8);
  return chosen;
}
