/**
 * A run of the model as data: settings of the domain, and a list of commands. Data can be generated, shrunk and
 * printed. Nothing here calls an allocator.
 *
 * @module
 */
import fc from "fast-check";

/** Settings of the domain that vary between runs. */
export interface Settings {
  readonly fill: "spread" | "pack";
  readonly siteLeasesMax: number | null;
  readonly quarantineSeconds: number;
  readonly softwireIntervalSeconds: number;
  readonly rebootNeedsSameSource: boolean;
  /** Whether slot 0 is reserved for client 0. */
  readonly hasReservation: boolean;
}

/** The pair that a message names: the last one that its client received, or a number in `namedPairs` (`messages.ts`). */
export type PairChoice = "own" | number;

/** One message to send. */
export interface PlannedMessage {
  readonly what: "discover" | "select" | "renew" | "rebind" | "reboot" | "release" | "decline" | "withdraw";
  readonly client: number;
  readonly pair: PairChoice;
  /** Omit the port set: the message has an address hint only, or an incomplete pair. */
  readonly withoutPortSet: boolean;
  /** Number of the softwire address in option 109; null omits the option. */
  readonly softwire: number | null;
  /** The lease time that the client wishes for, in seconds; null omits the option. */
  readonly wish: number | null;
  /** Invert whether the client lists 159 in option 55. */
  readonly otherKind: boolean;
  /** Location of the client: 0 its own site, 1 another address at that site, 2 the site of the next client. */
  readonly place: number;
}

/** The outcome of a POST. */
export type Fate = "heard" | "answers-lost" | "commit-unknown" | "not-committed";

/** One step. */
export type Command =
  | {
      readonly kind: "post";
      readonly allocator: number;
      readonly messages: readonly PlannedMessage[];
      readonly fate: Fate;
      /** Repeat a single message at the other allocator, and expect the same answer. */
      readonly twice: boolean;
    }
  /** Two POSTs at the same time, to both allocators. */
  | {
      readonly kind: "race";
      readonly left: readonly PlannedMessage[];
      readonly right: readonly PlannedMessage[];
    }
  /** DISCOVERs in one POST, then a REQUEST for each offer in another. This fills the pools. */
  | { readonly kind: "join"; readonly allocator: number; readonly clients: readonly number[] }
  /** An earlier message is repeated, as a late duplicate. */
  | { readonly kind: "old"; readonly allocator: number; readonly back: number }
  | { readonly kind: "advance"; readonly seconds: number }
  /** Time passes until the next offer, lease or quarantine ends, or one second before or after that. */
  | { readonly kind: "advance-to-end"; readonly offset: number }
  | { readonly kind: "restart"; readonly allocator: number }
  /** Someone asks who had a pair, near a time at which a lease of it began or ended. */
  | {
      readonly kind: "look-up";
      /** Number of the slot. */
      readonly slot: number;
      /** Which of these times. */
      readonly edge: number;
      readonly offset: number;
    }
  /** An operator moves the lease of a client to a slot, perhaps its own, which takes a pending move back. */
  | { readonly kind: "move"; readonly client: number; readonly slot: number }
  /** An operator ends the lease or offer of a client. */
  | { readonly kind: "end"; readonly client: number }
  /** An operator changes the domain, so that the configuration cached by the allocators becomes stale. */
  | { readonly kind: "reconfigure" };

/** Clients 0 to 7 support shared addresses, 8 to 10 do not. */
export const clientsCount = 11;
export const sharingClients = 8;
/** Two of the three sites have four clients, so that a limit of 3 leases can be reached. */
export const sitesCount = 3;
export const softwiresCount = 3;
/** Number of pairs that a message may name: eight of the pools, and three that no pool contains. */
export const pairChoices = 12;

const client = fc.nat({ max: clientsCount - 1 });
const allocator = fc.nat({ max: 1 });

/** True once in ten. */
const rarely = fc.nat({ max: 9 }).map((number) => number === 9);

const message: fc.Arbitrary<PlannedMessage> = fc.record({
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
  wish: fc.oneof(
    { weight: 3, arbitrary: fc.constant(null) },
    { weight: 2, arbitrary: fc.constantFrom(1, 60, 100, 700, 3600, 100_000) },
  ),
  otherKind: rarely,
  place: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(1, 2) }),
});

/**
 * The messages of one POST. Those of one client come from one place: messages of several senders with one client
 * identifier have no order, because the senders take turns.
 */
const messagesOf = (minLength: number, maxLength: number) =>
  fc.array(message, { minLength, maxLength, size: "max" }).map((messages) =>
    messages.map((each) => {
      const { place } = messages.find(({ client: other }) => other === each.client)!;
      return { ...each, place };
    }),
  );

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
      messages: fc.array(message, { minLength: 1, maxLength: 1 }),
      fate,
      twice: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("post" as const),
      allocator,
      messages: messagesOf(2, 8),
      fate,
      twice: fc.constant(false),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("race" as const),
      left: messagesOf(1, 4),
      right: messagesOf(1, 4),
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
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("look-up" as const),
      slot: fc.nat({ max: 7 }),
      edge: fc.nat({ max: 20 }),
      offset: fc.constantFrom(0, 0, -1, 1, 30),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("move" as const), client, slot: fc.nat({ max: 7 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("end" as const), client }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const), allocator }) },
  { weight: 1, arbitrary: fc.constant({ kind: "reconfigure" as const }) },
);

/** A run: settings and commands. Every command is possible at any time. */
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

/** @param commandsMax Upper bound of commands in a run. */
export const plans = (commandsMax: number): fc.Arbitrary<Plan> =>
  fc.record({ settings, commands: fc.array(command, { minLength: 1, maxLength: commandsMax, size: "max" }) });

/** @returns A message as text: `client 3 renew pair 2, softwire 1`. */
function formatMessage(each: PlannedMessage): string {
  const pair = each.pair === "own" ? "its pair" : `pair ${each.pair}`;
  return [
    `client ${each.client} ${each.what} ${pair}`,
    each.withoutPortSet ? "without port set" : "",
    each.softwire === null ? "" : `softwire ${each.softwire}`,
    each.wish === null ? "" : `for ${each.wish} s`,
    each.otherKind ? "with the other option 55" : "",
    each.place === 0 ? "" : `at place ${each.place}`,
  ]
    .filter((part) => part !== "")
    .join(", ");
}

/** @returns A command as text: one line, then one for each message. */
export function formatCommand(each: Command): string {
  const list = (messages: readonly PlannedMessage[]): string =>
    messages.map((one) => `\n      ${formatMessage(one)}`).join("");
  switch (each.kind) {
    case "post":
      return `POST to allocator ${each.allocator}, ${each.fate}${each.twice ? ", then again to the other" : ""}${list(each.messages)}`;
    case "race":
      return `POST to allocator 0${list(each.left)}\n    at the same time to allocator 1${list(each.right)}`;
    case "join":
      return `clients ${each.clients.join(", ")} get leases from allocator ${each.allocator}`;
    case "old":
      return `the message sent ${each.back} messages before the last one is repeated at allocator ${each.allocator}`;
    case "advance":
      return `${each.seconds} s pass`;
    case "advance-to-end":
      return `time passes until the next expiry ${each.offset >= 0 ? "+" : "-"} ${Math.abs(each.offset)} s`;
    case "look-up":
      return `look up slot ${each.slot} at its time ${each.edge} ${each.offset >= 0 ? "+" : "-"} ${Math.abs(each.offset)} s`;
    case "move":
      return `an operator moves client ${each.client} to slot ${each.slot}`;
    case "end":
      return `an operator ends the lease of client ${each.client}`;
    case "restart":
      return `allocator ${each.allocator} restarts`;
    case "reconfigure":
      return "the configuration changes";
  }
}

/** @returns A run as text, with a numbered line for each command. */
export function formatPlan(plan: Plan): string {
  return [
    `  domain: ${JSON.stringify(plan.settings)}`,
    ...plan.commands.map((each, index) => `  ${index + 1}. ${formatCommand(each)}`),
  ].join("\n");
}
