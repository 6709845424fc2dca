/**
 * Faults of a declared state that no single field shows.
 *
 * @module
 */
import { listSliceItems } from "../limits.ts";
import { findPair } from "../portset/find-pair.ts";
import type { PoolGeometry } from "../portset/pool-geometry.ts";
import { formatIPv4, parseIPv4 } from "../wire/ipv4-address.ts";
import type { DomainDeclaration } from "./declared-domain.ts";
import { geometryOf, parseIPv4Range } from "./pool-declaration.ts";
import { findRepeatedPlaces } from "./repeated-places.ts";
import type { ReservationDeclaration } from "./reservation-declaration.ts";
import { rangeContains } from "./usable-addresses.ts";

/**
 * Lists repeated names, overlapping ranges, more than one default domain, pools with the address of their server,
 * repeated prefixes and lines, and reservations of no pair.
 */
export function* findContradictions(domains: readonly DomainDeclaration[]): Generator<void, string[]> {
  const found: string[] = [];
  const defaults = domains.filter((domain) => domain.default);
  if (defaults.length > 1) {
    found.push(
      `default: found ${defaults.map((domain) => domain.name).join(" and ")}, expected at most one domain`,
    );
  }
  const pools = domains.flatMap((domain) => domain.pools);
  const namesOf = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
  found.push(...repeated("domain name", namesOf(domains)), ...repeated("pool name", namesOf(pools)));
  yield;
  found.push(...(yield* findOverlaps(pools)));
  for (const domain of domains) found.push(...serverInPools(domain));
  const reservations = domains.flatMap((domain) => domain.reservations);
  found.push(...repeated("reservation name", namesOf(reservations)));
  for (const domain of domains) {
    yield;
    for (const { path, text } of yield* findRepeatedPlaces(domain)) {
      found.push(`domain "${domain.name}": ${path.join(".")}: found "${text}" twice, expected it once`);
    }
    if (domain.reservations.length > 0) found.push(...(yield* findReservationFaults(domain)));
  }
  return found;
}

/** A client that leased the address of its server could not reach it. */
function serverInPools({ serverIdentifier, pools }: DomainDeclaration): string[] {
  const address = parseIPv4(serverIdentifier);
  return pools
    .filter(({ range }) => rangeContains(parseIPv4Range(range), address))
    .map(({ name, range }) => `pool "${name}": range: ${serverInRange(range, address)}`);
}

/** Says that a range contains the server identifier of its domain. */
export function serverInRange(range: string, address: number): string {
  return `found ${range}, expected a range without ${formatIPv4(address)}, the server identifier of the domain`;
}

function* findOverlaps(pools: DomainDeclaration["pools"]): Generator<void, string[]> {
  const found: string[] = [];
  const ranges: { readonly name: string; readonly firstAddress: number; readonly lastAddress: number }[] = [];
  for (const [index, { name, range }] of pools.entries()) {
    ranges.push({ name, ...parseIPv4Range(range) });
    if (index % listSliceItems === 0) yield;
  }
  ranges.sort((a, b) => a.firstAddress - b.firstAddress);
  for (let index = 1; index < ranges.length; index++) {
    const [before, after] = [ranges[index - 1]!, ranges[index]!];
    if (after.firstAddress <= before.lastAddress) {
      found.push(
        `pools: range of "${after.name}" overlaps that of "${before.name}", expected disjoint ranges`,
      );
    }
  }
  return found;
}

/** Checks that each pair and client has at most one reservation, and that a pool of the domain contains the pair. */
function* findReservationFaults({ name, pools, reservations }: DomainDeclaration): Generator<void, string[]> {
  const geometries: { readonly geometry: PoolGeometry }[] = [];
  for (const pool of pools) {
    geometries.push({ geometry: geometryOf(pool) });
    yield;
  }
  const hasPair = ({ address, psid }: ReservationDeclaration): boolean =>
    findPair(geometries, parseIPv4(address), psid) !== undefined;
  const pairOf = ({ address, psid }: ReservationDeclaration) =>
    `${address}${psid === null ? "" : ` PSID ${psid}`}`;
  const found = reservations
    .filter((each) => !hasPair(each))
    .map(
      (each) => `reservation "${each.name}": found ${pairOf(each)}, expected a pair in a pool of "${name}"`,
    );
  yield;
  return [
    ...found,
    ...repeated(`domain "${name}": reserved pair`, reservations.map(pairOf)),
    ...repeated(
      `domain "${name}": reserved client`,
      reservations.map((each) => each.clientIdentifier.replaceAll(":", "").toLowerCase()),
    ),
  ];
}

function repeated(what: string, names: readonly string[]): string[] {
  const seen = new Set<string>();
  const twice = new Set(names.filter((each) => seen.has(each) || !seen.add(each)));
  return [...twice].map((each) => `${what}: found "${each}" twice, expected it once`);
}
