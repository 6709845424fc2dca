/**
 * What a run of the model does, as data: settings of the domain, and a list of commands. Data can be generated,
 * shrunk and printed; nothing here touches an allocator.
 *
 * @module
 */
import fc from "fast-check";

/** What differs between the domains of two runs. */
export interface Settings {
  readonly fill: "spread" | "pack";
  readonly siteLeasesMax: number | null;
  readonly quarantineSeconds: number;
  readonly softwireIntervalSeconds: number;
  readonly rebootNeedsSameSource: boolean;
  /** Slot 0 is kept for client 0. */
  readonly hasReservation: boolean;
}

/** The pair that a message names: that of the client's last answer, or a number (`pools.ts`). */
export type PairChoice = "own" | number;

/** One message of one client. */
export interface Say {
  readonly what: "discover" | "select" | "renew" | "rebind" | "reboot" | "release" | "decline" | "withdraw";
  readonly client: number;
  readonly pair: PairChoice;
  /** The pair without its port set: a hint of an address only, or half a pair. */
  readonly withoutPortSet: boolean;
  /** Number of a softwire address, for option 109; null is none. */
  readonly softwire: number | null;
  /** Whether option 55 lists 159 is the opposite of what is usual for this client. */
  readonly otherKind: boolean;
  /** Where the client is: 0 at home, 1 at another address there, 2 at the site of the next client. */
  readonly place: number;
}

/** What becomes of a POST. */
export type Fate = "heard" | "answers-lost" | "commit-unknown" | "not-committed";

/** One step. */
export type Command =
  | {
      readonly kind: "post";
      readonly allocator: number;
      readonly says: readonly Say[];
      readonly fate: Fate;
      /** A message that is alone in its POST comes once more, to the other allocator: the answer is the same. */
      readonly twice: boolean;
    }
  /** Two POSTs at the same time, to both allocators. */
  | { readonly kind: "race"; readonly left: readonly Say[]; readonly right: readonly Say[] }
  /** DISCOVERs in one POST, then a REQUEST for each offer in another: how pools get full. */
  | { readonly kind: "join"; readonly allocator: number; readonly clients: readonly number[] }
  /** An earlier message, repeated at any time. */
  | { readonly kind: "old"; readonly allocator: number; readonly back: number }
  | { readonly kind: "advance"; readonly seconds: number }
  /** To the moment at which the next offer, lease or quarantine ends, or one second to either side of it. */
  | { readonly kind: "advance-to-end"; readonly offset: number }
  | { readonly kind: "restart"; readonly allocator: number }
  /** Somebody changes the domain: what allocators know of it is no longer so. */
  | { readonly kind: "reconfigure" };

/** Clients 0..7 usually share addresses, 8..10 do not know that addresses can be shared. */
export const clientsCount = 11;
export const sharingClients = 8;
/** Two sites of four sharing clients each would never reach a limit of 3 by chance: so three sites. */
export const sitesCount = 3;
export const softwiresCount = 3;
/** Pairs that a message may name: eight of the pools, three that no pool has. */
export const pairChoices = 11;

const client = fc.nat({ max: clientsCount - 1 });
const allocator = fc.nat({ max: 1 });

/** Rare means one of ten. */
const rarely = fc.nat({ max: 9 }).map((number) => number === 9);

const say: fc.Arbitrary<Say> = fc.record({
  what: fc.oneof(
    { weight: 5, arbitrary: fc.constant("discover" as const) },
    { weight: 5, arbitrary: fc.constant("select" as const) },
    { weight: 3, arbitrary: fc.constant("renew" as const) },
    { weight: 1, arbitrary: fc.constant("rebind" as const) },
    { weight: 2, arbitrary: fc.constant("reboot" as const) },
    { weight: 3, arbitrary: fc.constant("release" as const) },
    { weight: 1, arbitrary: fc.constant("decline" as const) },
    { weight: 1, arbitrary: fc.constant("withdraw" as const) },
  ),
  client,
  pair: fc.oneof(
    { weight: 5, arbitrary: fc.constant("own" as const) },
    { weight: 2, arbitrary: fc.nat({ max: pairChoices - 1 }) },
  ),
  withoutPortSet: fc.nat({ max: 3 }).map((number) => number === 3),
  softwire: fc.oneof(fc.constant(null), fc.nat({ max: softwiresCount - 1 })),
  otherKind: rarely,
  place: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(1, 2) }),
});

const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 9, arbitrary: fc.constant("heard" as const) },
  { weight: 2, arbitrary: fc.constant("answers-lost" as const) },
  { weight: 1, arbitrary: fc.constantFrom("commit-unknown" as const, "not-committed" as const) },
);

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("post" as const),
      allocator,
      says: fc.array(say, { minLength: 1, maxLength: 1 }),
      fate,
      twice: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("post" as const),
      allocator,
      says: fc.array(say, { minLength: 2, maxLength: 8, size: "max" }),
      fate,
      twice: fc.constant(false),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("race" as const),
      left: fc.array(say, { minLength: 1, maxLength: 4, size: "max" }),
      right: fc.array(say, { minLength: 1, maxLength: 4, size: "max" }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("join" as const),
      allocator,
      clients: fc.uniqueArray(client, { minLength: 1, maxLength: 6, size: "max" }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("old" as const), allocator, back: fc.nat({ max: 12 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("advance" as const),
      seconds: fc.constantFrom(1, 10, 59, 61, 300, 599, 700, 4000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("advance-to-end" as const),
      offset: fc.constantFrom(0, 0, -1, 1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const), allocator }) },
  { weight: 1, arbitrary: fc.constant({ kind: "reconfigure" as const }) },
);

/** A run: settings, and commands that are all possible at any time. */
export interface Plan {
  readonly settings: Settings;
  readonly commands: readonly Command[];
}

const settings: fc.Arbitrary<Settings> = fc.record({
  fill: fc.constantFrom("spread" as const, "pack" as const),
  siteLeasesMax: fc.constantFrom(null, null, 1, 2, 3),
  quarantineSeconds: fc.constantFrom(150, 40, 0),
  softwireIntervalSeconds: fc.constantFrom(0, 60),
  rebootNeedsSameSource: fc.boolean(),
  hasReservation: rarely,
});

/** @param commandsMax Most commands of a run. */
export const plans = (commandsMax: number): fc.Arbitrary<Plan> =>
  fc.record({ settings, commands: fc.array(command, { minLength: 1, maxLength: commandsMax, size: "max" }) });

/** @returns A message as a person would tell it: `client 3 renews pair 2 with softwire 1`. */
function formatSay(each: Say): string {
  const pair = each.pair === "own" ? "its pair" : `pair ${each.pair}`;
  return [
    `client ${each.client} ${each.what} ${pair}`,
    each.withoutPortSet ? "without port set" : "",
    each.softwire === null ? "" : `softwire ${each.softwire}`,
    each.otherKind ? "with the other option 55" : "",
    each.place === 0 ? "" : `at place ${each.place}`,
  ]
    .filter((part) => part !== "")
    .join(", ");
}

/** @returns A command as one line or a few. */
export function formatCommand(each: Command): string {
  const list = (says: readonly Say[]): string => says.map((one) => `\n      ${formatSay(one)}`).join("");
  switch (each.kind) {
    case "post":
      return `POST to allocator ${each.allocator}, ${each.fate}${each.twice ? ", then again to the other" : ""}${list(each.says)}`;
    case "race":
      return `POST to allocator 0${list(each.left)}\n    at the same time to allocator 1${list(each.right)}`;
    case "join":
      return `clients ${each.clients.join(", ")} get leases from allocator ${each.allocator}`;
    case "old":
      return `the message of ${each.back} messages ago comes again, to allocator ${each.allocator}`;
    case "advance":
      return `${each.seconds} s pass`;
    case "advance-to-end":
      return `time passes up to the next end ${each.offset >= 0 ? "+" : "-"} ${Math.abs(each.offset)} s`;
    case "restart":
      return `allocator ${each.allocator} restarts`;
    case "reconfigure":
      return "the configuration changes";
  }
}

/** @returns A run, one numbered line for each command. */
export function formatPlan(plan: Plan): string {
  return [
    `  domain: ${JSON.stringify(plan.settings)}`,
    ...plan.commands.map((each, index) => `  ${index + 1}. ${formatCommand(each)}`),
  ].join("\n");
}
