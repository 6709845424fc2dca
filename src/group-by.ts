/**
 * Groups the items of a list.
 *
 * @module
 */

/**
 * Groups items by a key.
 *
 * @returns Groups in the order of their first items, and their items in the order of the list.
 */
export function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
