/**
 * The settings that select the clients of a domain: its prefixes and lines, and whether it is the default.
 *
 * No two domains serve the same. Otherwise their order would decide which one a client gets its lease from. Two
 * prefixes of different length are not the same: the longer one wins.
 *
 * @module
 */
import { listSliceItems } from "../limits.ts";
import { encodeHex } from "../wire/hex.ts";
import { formatIPv6Prefix, parseIPv6Prefix } from "../wire/ipv6-address.ts";
import { linkFormatter, parseInterfaceId } from "./domain-settings.ts";
import type { DomainSettings } from "./domain-settings.ts";
import { runAtOnce } from "./steps.ts";

/** The settings that select the clients of a domain. */
export type ServedSettings = Pick<DomainSettings, "default" | "prefixes" | "lines">;

/** One prefix or line of a domain, or the rest of all clients. */
export interface Served {
  /** Path of the setting, such as `lines.3`. */
  readonly path: string;
  /** The setting, in its declared form. */
  readonly text: string;
}

/** What a domain serves, by a key that does not depend on how a prefix or line is written. */
export type ServedByKey = ReadonlyMap<string, Served>;

/** @returns What settings make their domain serve. */
export function servedBy(settings: ServedSettings): ServedByKey {
  return runAtOnce(servedInSteps(settings));
}

/** Finds what settings make their domain serve, in steps: a domain may have 65,536 lines. */
export function* servedInSteps(settings: ServedSettings): Generator<void, ServedByKey> {
  const served = new Map<string, Served>();
  if (settings.default) served.set("default", { path: "default", text: "true" });
  yield* eachPlace(settings, (key, path, text) => {
    if (!served.has(key)) served.set(key, { path: path.join("."), text });
  });
  return served;
}

/** Prefixes and lines; undefined in the place of each that is invalid. */
export interface Places {
  readonly prefixes: readonly (DomainSettings["prefixes"][number] | undefined)[];
  readonly lines: readonly (DomainSettings["lines"][number] | undefined)[];
}

/** Path of a prefix or line in its domain. */
export type PlacePath = readonly ["prefixes" | "lines", number];

/**
 * Visits each prefix and line, in steps.
 *
 * @param visit Gets a key that does not depend on how the place is written, its path, and its declared form.
 */
export function* eachPlace(
  { prefixes, lines }: Places,
  visit: (key: string, path: PlacePath, text: string) => void,
): Generator<void, void> {
  for (const [index, text] of prefixes.entries()) {
    if (text === undefined) continue;
    visit(`prefix ${formatIPv6Prefix(parseIPv6Prefix(text))}`, ["prefixes", index], text);
  }
  const linkOf = linkFormatter();
  for (const [index, line] of lines.entries()) {
    if (index % listSliceItems === 0) yield;
    if (line === undefined) continue;
    const { linkAddress, interfaceId } = line;
    const key = `line ${linkOf(linkAddress)} ${encodeHex(parseInterfaceId(interfaceId))}`;
    visit(key, ["lines", index], `${interfaceId} at ${linkAddress}`);
  }
}

/** @returns What a domain serves that it did not serve before. */
export function addedTo(former: ServedByKey, served: ServedByKey): ServedByKey {
  return new Map([...served].filter(([key]) => !former.has(key)));
}

/** @returns The names of these settings in which two domains differ. */
export function servedDifferences(former: ServedSettings, wanted: ServedSettings): readonly string[] {
  const [has, wants] = [servedBy(former), servedBy(wanted)];
  const changed = [...addedTo(has, wants).values(), ...addedTo(wants, has).values()];
  return [...new Set(changed.map(({ path }) => path.split(".", 1)[0]!))];
}
