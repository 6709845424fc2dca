/**
 * Selects the queries of a batch that can be decided in one transaction. There, each client appears only once, and no
 * two claims compete for the same pair, softwire address or site limit. All other queries wait for the next round of
 * the same POST.
 *
 * @module
 */
import { isInRange } from "../lease/claim.ts";
import type { Claim } from "../lease/claim.ts";
import { makeClaim } from "../lease/decide.ts";
import { silence } from "../lease/decision.ts";
import type { Decision } from "../lease/decision.ts";
import { selectDomain } from "../lease/select-domain.ts";
import type { Directory, Domain } from "../lease/domain.ts";
import type { Query } from "../lease/query.ts";
import { encodeHex, equalOctets } from "../wire/hex.ts";

/** A claim, and the queries that its fact answers. Repeats of a message share one claim. */
export interface RoundEntry {
  readonly claim: Claim;
  readonly domain: Domain;
  readonly queries: Query[];
}

/** A query that needs no claim. */
export interface Immediate {
  readonly query: Query;
  readonly domain: Domain | undefined;
  readonly decision: Decision;
  /** The fault of this program that the query met, if it met one. */
  readonly fault?: unknown;
}

/** A query that waits for the next round. */
export interface Waiting {
  readonly claim: Claim;
  readonly query: Query;
}

/** One round of a batch. */
export interface Round {
  readonly entries: readonly RoundEntry[];
  readonly immediate: readonly Immediate[];
  /** In their original order. */
  readonly later: readonly Waiting[];
}

/**
 * Orders the queries of one POST by turns. A sender is a named line, or else a source. One that repeats another
 * customer's client identifier, softwire address or pair competes with that customer, and must not take every round.
 */
export class SenderTurns {
  readonly #taken = new Map<string, number>();

  /**
   * Records who had a turn, and orders who waits.
   *
   * @returns The waiting queries. Those whose sender had the fewest turns come first; each sender's stay in order.
   */
  next(round: readonly RoundEntry[], waiting: readonly Waiting[]): Query[] {
    if (waiting.length === 0) return [];
    for (const { claim, queries } of round) {
      const sender = senderOf(claim, queries[0]!);
      this.#taken.set(sender, (this.#taken.get(sender) ?? 0) + 1);
    }
    return waiting
      .map(({ claim, query }) => ({ query, turns: this.#taken.get(senderOf(claim, query)) ?? 0 }))
      .sort((a, b) => a.turns - b.turns)
      .map(({ query }) => query);
  }
}

function senderOf({ line }: Claim, { source }: Query): string {
  return line === "" ? `source ${encodeHex(source)}` : `line ${line}`;
}

/**
 * Divides queries into those of this round and those that wait for the next.
 *
 * @param queries In the order of arrival.
 */
export function arrangeRound(queries: readonly Query[], directory: Directory): Round {
  const entries: RoundEntry[] = [];
  const immediate: Immediate[] = [];
  const later: Waiting[] = [];
  const taken = new Map<string, RoundEntry | undefined>();
  for (const query of queries) {
    const step = prepare(query, directory);
    if (step.kind === "immediate") {
      immediate.push(step.immediate);
      continue;
    }
    const { domain } = step;
    const keys = keysOf(step.claim);
    const [client] = keys;
    const before = taken.get(client);
    if (before !== undefined && isRepeat(before, query, step.claim)) {
      before.queries.push(query);
    } else if (before !== undefined && givesUp(step.claim, before.claim)) {
      const entry: RoundEntry = { claim: step.claim, domain, queries: [query] };
      entries[entries.indexOf(before)] = entry;
      taken.set(client, entry);
      for (const dropped of before.queries)
        immediate.push({ query: dropped, domain, decision: silence("given-up-since") });
    } else if (keys.some((key) => taken.has(key))) {
      // Once a query of a client waits, all its later queries wait too, so that its messages stay in order.
      if (!taken.has(client)) taken.set(client, undefined);
      later.push({ claim: step.claim, query });
    } else {
      const entry: RoundEntry = { claim: step.claim, domain, queries: [query] };
      entries.push(entry);
      for (const key of keys) taken.set(key, entry);
    }
  }
  return { entries, immediate, later };
}

/**
 * Whether a message gives up what an earlier one of its client asks for. Then the earlier one is not served: if it were,
 * the lease would be newer than the arrival of the later one, which could not end it any more.
 */
function givesUp(later: Claim, earlier: Claim): boolean {
  if (later.kind !== "end" || later.slots === null || earlier.kind !== "bind") return false;
  const isSameLine = later.line === earlier.line;
  return (
    isSameLine && (isInRange(later.slots, earlier.slots.first) || isInRange(earlier.slots, later.slots.first))
  );
}

type Prepared =
  | { readonly kind: "claim"; readonly claim: Claim; readonly domain: Domain }
  | { readonly kind: "immediate"; readonly immediate: Immediate };

/** Finds the domain of a query and makes its claim. */
function prepare(query: Query, directory: Directory): Prepared {
  try {
    const domain = selectDomain(directory, query.believed);
    if (domain === undefined) return decided({ query, domain, decision: silence("no-domain") });
    const step = makeClaim(query, domain);
    return step.kind === "claim"
      ? { kind: "claim", claim: step.claim, domain }
      : decided({ query, domain, decision: step });
  } catch (error) {
    return decided({ query, domain: undefined, decision: silence("internal-error"), fault: error });
  }
}

const decided = (immediate: Immediate): Prepared => ({ kind: "immediate", immediate });

/**
 * Returns the keys that no other claim of the round may share: the client, its softwire address, the single pair that
 * it requests, and its site if the site has a limit.
 */
function keysOf(claim: Claim): [client: string, ...others: string[]] {
  const keys: [string, ...string[]] = [`client ${claim.domainId} ${claim.clientId}`];
  if (claim.kind === "end" || claim.kind === "look") return keys;
  if (claim.siteLeasesMax !== null) keys.push(`site ${claim.domainId} ${claim.site}`);
  const softwire = claim.lease?.softwire;
  if (softwire !== null && softwire !== undefined) keys.push(`softwire ${softwire}`);
  if (claim.kind === "offer" && claim.wantedSlots.length === 1) keys.push(`slot ${claim.wantedSlots[0]!}`);
  return keys;
}

/**
 * Whether two queries have the same octets, source, line and site. They get the same answer, each over its own relay
 * path.
 */
function isRepeat({ queries, claim }: RoundEntry, query: Query, repeated: Claim): boolean {
  const [first] = queries as [Query, ...Query[]];
  return (
    claim.line === repeated.line &&
    claim.site === repeated.site &&
    equalOctets(first.octets, query.octets) &&
    equalOctets(first.source, query.source)
  );
}
