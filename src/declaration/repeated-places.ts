/**
 * Finds prefixes and lines that a domain names twice. The index by which a message finds its domain has room for one of
 * each.
 *
 * @module
 */
import { faultsCountedMax } from "../limits.ts";
import { eachPlace } from "./served.ts";
import type { PlacePath, Places } from "./served.ts";

/** A prefix or line that equals an earlier one of the same domain, even if it is written differently. */
export interface RepeatedPlace {
  readonly path: PlacePath;
  /** Path of the earlier one. */
  readonly first: PlacePath;
  /** The prefix or line, in its declared form. */
  readonly text: string;
}

/**
 * Finds repeated prefixes and lines in linear time. Each is reported once, however often it occurs.
 *
 * @param places Prefixes and lines of one domain.
 */
export function* findRepeatedPlaces(places: Places): Generator<void, readonly RepeatedPlace[]> {
  const found: RepeatedPlace[] = [];
  const known = new Map<string, { readonly first: PlacePath; times: number }>();
  yield* eachPlace(places, (key, path, text) => {
    const before = known.get(key);
    if (before === undefined) known.set(key, { first: path, times: 1 });
    else if (before.times++ === 1 && found.length < faultsCountedMax)
      found.push({ path, first: before.first, text });
  });
  return found;
}
