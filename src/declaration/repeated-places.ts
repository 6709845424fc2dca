/**
 * Finds prefixes and lines that a domain names twice. The index by which a message finds its domain has room for one of
 * each.
 *
 * @module
 */
import { faultsCountedMax, listSliceItems } from "../limits.ts";
import { encodeHex } from "../wire/hex.ts";
import { formatIPv6Prefix, parseIPv6Prefix } from "../wire/ipv6-address.ts";
import { linkFormatter, parseInterfaceId } from "./domain-settings.ts";
import type { DomainSettings } from "./domain-settings.ts";

/** A prefix or line that equals an earlier one of the same domain, even if it is written differently. */
export interface RepeatedPlace {
  readonly path: readonly ["prefixes" | "lines", number];
  /** The prefix or line, in its declared form. */
  readonly text: string;
}

/**
 * Finds repeated prefixes and lines in linear time. Each is reported once, however often it occurs.
 *
 * @param settings Valid settings.
 */
export function* findRepeatedPlaces({
  prefixes,
  lines,
}: Pick<DomainSettings, "prefixes" | "lines">): Generator<void, readonly RepeatedPlace[]> {
  const found: RepeatedPlace[] = [];
  const times = new Map<string, number>();
  const add = (key: string, place: RepeatedPlace): void => {
    const before = times.get(key) ?? 0;
    times.set(key, before + 1);
    if (before === 1 && found.length < faultsCountedMax) found.push(place);
  };
  for (const [index, text] of prefixes.entries()) {
    add(formatIPv6Prefix(parseIPv6Prefix(text)), { path: ["prefixes", index], text });
  }
  const linkOf = linkFormatter();
  for (const [index, { linkAddress, interfaceId }] of lines.entries()) {
    const text = `${interfaceId} at ${linkAddress}`;
    add(`${linkOf(linkAddress)} ${encodeHex(parseInterfaceId(interfaceId))}`, {
      path: ["lines", index],
      text,
    });
    if (index % listSliceItems === 0) yield;
  }
  return found;
}
