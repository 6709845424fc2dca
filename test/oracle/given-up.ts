/**
 * Messages that give a pair up, by the client that sent them.
 *
 * @module
 */
import { offered } from "./leases.ts";
import { nameOfPair, names } from "./pools.ts";
import type { NamedPair } from "./pools.ts";
import type { LeaseRow } from "./rows.ts";

/** A message that gives a pair up. */
export interface GivenUp {
  /** When it reached a relay. */
  readonly atMs: number;
  /** Set if the allocator is not told when that was: until when it may be served. */
  readonly servedUntilMs?: number | undefined;
  readonly what: "release" | "decline" | "withdraw";
  /** The pair that it names; undefined if it may be any. */
  readonly pair: NamedPair | undefined;
  /** The end of the name of the line that it came from; undefined if it may be any. */
  readonly line: string | undefined;
}

/** All that were sent in a run. */
export class GivenUps {
  /** Client -> the latest message of each kind. */
  readonly #byClient = new Map<string, Map<string, GivenUp>>();

  /** A message reached a relay. */
  record(client: string, given: GivenUp): void {
    const { what, pair, line } = given;
    const kind = `${what} ${pair === undefined ? "" : nameOfPair(pair)} ${line ?? ""}`;
    const all = this.#byClient.get(client) ?? new Map<string, GivenUp>();
    this.#byClient.set(client, all);
    const before = all.get(kind);
    if (before === undefined || lastMs(given) >= lastMs(before)) all.set(kind, given);
  }

  of(client: string): readonly GivenUp[] {
    return [...(this.#byClient.get(client)?.values() ?? [])];
  }
}

/** The latest time at which an allocator may take a message to have arrived. */
export const lastMs = ({ atMs, servedUntilMs = atMs }: GivenUp): number => servedUntilMs;

/** Whether a message that gives a pair up may end a row. A DECLINE names an address, and a client has one pair of it. */
export function concerns(
  { what, pair: named, line }: GivenUp,
  row: LeaseRow,
  pair: NamedPair | undefined,
): boolean {
  if (line !== undefined && row.line !== "" && !row.line.endsWith(line)) return false;
  if (what === "withdraw") return row.state === offered;
  if (named === undefined || pair === undefined) return true;
  return what === "decline" ? named.address === pair.address : names(named, pair);
}
