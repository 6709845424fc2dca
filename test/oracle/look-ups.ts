/**
 * Compares look-ups with the oracle's own history.
 *
 * @module
 */
import type { Lookup } from "../../src/store/evidence/history.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import type { Judge } from "./judge.ts";
import { pairOfPort } from "./pools.ts";
import type { KnownTenure } from "./tenures.ts";
import { must } from "./violation.ts";

/** A port of an address, at a time in Unix seconds. */
export interface AskedPort {
  readonly address: number;
  readonly port: number;
  readonly at: number;
}

/**
 * @param at Undefined for any time.
 * @returns The tenures of a port in some part of a second.
 */
export function tenuresAt(
  judges: readonly Judge[],
  { address, port, at }: Omit<AskedPort, "at"> & { readonly at: number | undefined },
): KnownTenure[] {
  const found: KnownTenure[] = [];
  for (const judge of judges)
    for (const pool of judge.allPools) {
      const pair = pairOfPort(pool.shape, address, port);
      const slot = pair === undefined ? undefined : pool.slotOf(pair);
      if (slot === undefined) continue;
      const tenures = judge.tenures.of(slot, judge.leases.rows.get(slot));
      found.push(
        ...tenures.filter(({ since, lastSecond }) => at === undefined || (since <= at && at <= lastSecond)),
      );
    }
  return found;
}

/**
 * A look-up names everyone who had the pair in a part of the second, and is certain only of a client that shares the
 * second with nobody.
 *
 * @throws {Violation} Unless it does.
 */
export function checkLookUp(
  judges: readonly Judge[],
  asked: AskedPort,
  answer: Lookup,
  { isClockInDoubt = false, keptFrom = -Infinity }: LookUpTimes = {},
): void {
  const [{ excuses }] = judges as readonly [Judge, ...Judge[]];
  const known = tenuresAt(judges, asked);
  must(answer.kind === "answer", "a look-up has no answer", asked, answer);
  const found = answer.holders.map(({ certainty, tenure: each }) => ({
    client: encodeHex(each.clientId),
    since: each.since,
    until: each.until,
    certainty,
  }));
  const isOne = known.length === 1 && asked.at < known[0]!.until;
  if (excuses.count("look-up: retention over", asked.at < keptFrom)) {
    const kept = known.filter(({ until }) => until >= keptFrom);
    const isNamed = kept.every(({ client }) => found.some((each) => each.client === client));
    must(isNamed, "a look-up does not name who had the pair", asked, found, kept);
    return;
  }
  const expected = known.map((each) => ({ ...asPossible(each), ...(isOne && { certainty: "certain" }) }));
  const isInDoubt = isClockInDoubt && found.every(({ certainty }) => certainty === "possible");
  excuses.count("look-up: clock in doubt", isInDoubt);
  const named = isInDoubt ? expected.map((each) => ({ ...each, certainty: "possible" })) : expected;
  const atOtherTimes = isInDoubt ? tenuresAt(judges, { ...asked, at: undefined }) : [];
  must(
    areAmong(named, found) &&
      areAmong(found, [...named, ...atOtherTimes.map(asPossible)]) &&
      (isInDoubt || found.length === named.length),
    "a look-up does not name who had the pair",
    asked,
    found,
    named,
  );
  must(
    isInDoubt || (answer.reason === null) === isOne,
    "a look-up is certain of what is not",
    answer.reason,
    expected,
  );
}

/** What is special about the time of a look-up. */
export interface LookUpTimes {
  /**
   * Whether the clock of the database's machine is wrong, or was until lately. Then nobody knows which clock it is, so a
   * look-up asks for other times as well.
   */
  readonly isClockInDoubt?: boolean;
  /** Unix seconds: tenures that ended before may be forgotten. */
  readonly keptFrom?: number;
}

/** A holder, as a look-up names it. */
interface NamedHolder {
  readonly client: string;
  readonly since: number;
  readonly until: number;
  readonly certainty: string;
}

const asPossible = ({ client, since, until }: KnownTenure): NamedHolder => ({
  client,
  since,
  until,
  certainty: "possible",
});

/** Whether each of some holders is one of others. */
function areAmong(some: readonly NamedHolder[], others: readonly NamedHolder[]): boolean {
  const textOf = ({ client, since, until, certainty }: NamedHolder): string =>
    `${client} ${since} ${until} ${certainty}`;
  const texts = new Set(others.map(textOf));
  return some.every((each) => texts.has(textOf(each)));
}
