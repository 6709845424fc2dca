/**
 * The settings that select the clients of a domain: its prefixes and lines, and whether it is the default.
 *
 * No two domains serve the same. Otherwise their order would decide which one a client gets its lease from. Two
 * prefixes of different length are not the same: the longer one wins.
 *
 * @module
 */
import { linkFormatter, parseInterfaceId } from "../../declaration/domain-settings.ts";
import type { DomainSettings } from "../../declaration/domain-settings.ts";
import { runAtOnce } from "../../declaration/steps.ts";
import { listSliceItems } from "../../limits.ts";
import { encodeHex } from "../../wire/hex.ts";
import { formatIPv6Prefix, parseIPv6Prefix } from "../../wire/ipv6-address.ts";

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
export function* servedInSteps({
  default: isDefault,
  prefixes,
  lines,
}: ServedSettings): Generator<void, ServedByKey> {
  const served = new Map<string, Served>();
  const add = (key: string, path: string, text: string): void => {
    if (!served.has(key)) served.set(key, { path, text });
  };
  if (isDefault) add("default", "default", "true");
  for (const [index, text] of prefixes.entries()) {
    add(`prefix ${formatIPv6Prefix(parseIPv6Prefix(text))}`, `prefixes.${index}`, text);
  }
  const linkOf = linkFormatter();
  for (const [index, { linkAddress, interfaceId }] of lines.entries()) {
    const key = `line ${linkOf(linkAddress)} ${encodeHex(parseInterfaceId(interfaceId))}`;
    add(key, `lines.${index}`, `${interfaceId} at ${linkAddress}`);
    if (index % listSliceItems === 0) yield;
  }
  return served;
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
