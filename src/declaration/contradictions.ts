/**
 * Faults of a declared state that no single field shows. Each is reported at the second of two places, and names the first.
 *
 * @module
 */
import { faultsCountedMax, listSliceItems } from "../limits.ts";
import { findPair } from "../portset/find-pair.ts";
import type { PoolGeometry } from "../portset/pool-geometry.ts";
import { formatIPv4, parseIPv4 } from "../wire/ipv4-address.ts";
import type { DeclarationFault } from "./fault-words.ts";
import type { DomainParts } from "./parts.ts";
import { geometryOf, parseIPv4Range } from "./pool-declaration.ts";
import { findRepeatedPlaces } from "./repeated-places.ts";
import type { ReservationDeclaration } from "./reservation-declaration.ts";
import { eachPlace } from "./served.ts";
import { rangeContains } from "./usable-addresses.ts";

type Path = readonly PropertyKey[];

/** Adds a fault, unless there are too many. */
type Add = (path: Path, found: string, expected: string) => void;

/**
 * Finds repeated names, overlapping ranges, more than one default domain, pools with the address of their server,
 * repeated prefixes and lines, and reservations of no pair.
 *
 * @param domains The valid parts of each domain.
 * @param isNew Also finds what a database refuses unless it has it already: prefixes and lines of two domains, as an earlier
 *   release allowed, and reservations in drained pools.
 */
export function* findContradictions(
  domains: readonly DomainParts[],
  isNew: boolean,
): Generator<void, readonly DeclarationFault[]> {
  const { faults, add } = collector();
  findRepeatedNames(domains, add);
  yield;
  const overlaps = yield* findOverlaps(domains, add);
  for (const [index, domain] of domains.entries()) {
    const path = ["domains", index];
    yield;
    addServerInPools(domain, path, add);
    for (const { path: at, first, text } of yield* findRepeatedPlaces(domain)) {
      add([...path, ...at], `"${text}", which ${[...path, ...first].join(".")} has`, "it once");
    }
    if (domain.reservations.length === 0) continue;
    addRepeatedReservations(domain, path, add);
    // A pair is looked up in the range that has its address, so ranges must not overlap.
    if (overlaps === 0) yield* findMisplacedReservations(domain, path, add, isNew);
  }
  if (isNew) yield* findServedTwice(domains, add);
  return faults;
}

/** Finds prefixes and lines that two domains serve. */
function* findServedTwice(domains: readonly DomainParts[], add: Add): Generator<void, void> {
  const firsts = new Map<string, { readonly domain: number; readonly path: string }>();
  for (const [domain, places] of domains.entries()) {
    yield* eachPlace(places, (key, place, text) => {
      const path = ["domains", domain, ...place];
      const first = firsts.get(key);
      if (first === undefined) firsts.set(key, { domain, path: path.join(".") });
      // Within one domain, it is a contradiction.
      else if (first.domain !== domain)
        add(path, `"${text}", which ${first.path} has`, "what no other domain serves");
    });
  }
}

function collector(): { readonly faults: readonly DeclarationFault[]; readonly add: Add } {
  const faults: DeclarationFault[] = [];
  return {
    faults,
    add: (path, found, expected) => {
      if (faults.length >= faultsCountedMax) return;
      faults.push({ path, received: found, message: `found ${found}, expected ${expected}` });
    },
  };
}

/** Creates a function that adds a fault for each text that was there before. */
function onceOnly(add: Add, expected: string) {
  const firsts = new Map<string, Path>();
  return (text: string | undefined, path: Path, field: string, shown = `"${text}"`): void => {
    if (text === undefined) return;
    const first = firsts.get(text);
    if (first === undefined) firsts.set(text, path);
    else add([...path, field], `${shown}, which ${first.join(".")} has`, expected);
  };
}

function findRepeatedNames(domains: readonly DomainParts[], add: Add): void {
  const addDefault = onceOnly(add, "at most one default domain");
  const addDomain = onceOnly(add, "each name once");
  const addPool = onceOnly(add, "each name once");
  const addReservation = onceOnly(add, "each name once");
  for (const [index, { name, default: isDefault, pools, reservations }] of domains.entries()) {
    const path = ["domains", index];
    addDomain(name, path, "name");
    if (isDefault === true) addDefault("true", path, "default", "true");
    for (const [at, pool] of pools.entries()) addPool(pool.name, [...path, "pools", at], "name");
    for (const [at, each] of reservations.entries())
      addReservation(each.name, [...path, "reservations", at], "name");
  }
}

/** A client that leased the address of its server could not reach it. */
function addServerInPools({ serverIdentifier, pools }: DomainParts, path: Path, add: Add): void {
  if (serverIdentifier === undefined) return;
  const address = parseIPv4(serverIdentifier);
  for (const [index, { range }] of pools.entries()) {
    if (range === undefined || !rangeContains(parseIPv4Range(range), address)) continue;
    add([...path, "pools", index, "range"], range, rangeWithout(address));
  }
}

/** Says that a range contains the server identifier of its domain. */
export function serverInRange(range: string, address: number): string {
  return `found ${range}, expected ${rangeWithout(address)}`;
}

const rangeWithout = (address: number): string =>
  `a range without ${formatIPv4(address)}, the server identifier of the domain`;

interface DeclaredRange {
  readonly range: string;
  readonly path: readonly [string, number, string, number];
  readonly firstAddress: number;
  readonly lastAddress: number;
}

/** @returns How many there are. */
function* findOverlaps(domains: readonly DomainParts[], add: Add): Generator<void, number> {
  const ranges: DeclaredRange[] = [];
  for (const [domain, { pools }] of domains.entries()) {
    for (const [pool, { range }] of pools.entries()) {
      if (range !== undefined)
        ranges.push({ range, path: ["domains", domain, "pools", pool], ...parseIPv4Range(range) });
      if (pool % listSliceItems === 0) yield;
    }
  }
  ranges.sort((a, b) => a.firstAddress - b.firstAddress);
  let overlaps = 0;
  let [reaching] = ranges;
  for (const each of ranges.slice(1)) {
    if (each.firstAddress <= reaching!.lastAddress) {
      overlaps++;
      const [first, second] = isBefore(each, reaching!) ? [each, reaching!] : [reaching!, each];
      const found = `${second.range}, which overlaps ${first.range} of ${first.path.join(".")}`;
      add([...second.path, "range"], found, "disjoint ranges");
    }
    if (each.lastAddress > reaching!.lastAddress) reaching = each;
  }
  return overlaps;
}

const isBefore = ({ path: a }: DeclaredRange, { path: b }: DeclaredRange): boolean =>
  a[1] < b[1] || (a[1] === b[1] && a[3] < b[3]);

/** Each pair and client has at most one reservation. */
function addRepeatedReservations({ reservations }: DomainParts, path: Path, add: Add): void {
  const addPair = onceOnly(add, "each pair once");
  const addClient = onceOnly(add, "each client once");
  for (const [index, { clientIdentifier, whole }] of reservations.entries()) {
    const at = [...path, "reservations", index];
    if (whole !== undefined) addPair(pairOf(whole), at, "address", pairOf(whole));
    addClient(clientIdentifier, at, "clientIdentifier");
  }
}

const pairOf = ({ address, psid }: ReservationDeclaration): string =>
  `${address}${psid === null ? "" : ` PSID ${psid}`}`;

/** A pool of the domain must contain the pair of each reservation, and must not be drained: reservations never end. */
function* findMisplacedReservations(
  domain: DomainParts,
  path: Path,
  add: Add,
  isNew: boolean,
): Generator<void, void> {
  const pools: { readonly drainUntil: string | null; readonly geometry: PoolGeometry; index: number }[] = [];
  for (const [index, { whole }] of domain.pools.entries()) {
    // A pool with a fault may have the pair.
    if (whole === undefined) return;
    pools.push({ index, drainUntil: whole.drainUntil, geometry: geometryOf(whole) });
    yield;
  }
  const drained = new Set<number>();
  for (const [index, { whole }] of domain.reservations.entries()) {
    if (whole === undefined) continue;
    const at = [...path, "reservations", index];
    const pool = findPair(pools, parseIPv4(whole.address), whole.psid)?.pool;
    if (pool === undefined) {
      add([...at, "address"], pairOf(whole), `a pair in a pool of "${domain.name ?? path.join(".")}"`);
    } else if (isNew && pool.drainUntil !== null && !drained.has(pool.index)) {
      drained.add(pool.index);
      const found = `${pool.drainUntil}, although ${at.join(".")} is in this pool`;
      add([...path, "pools", pool.index, "drainUntil"], found, "no reservation in a drained pool");
    }
    if (index % listSliceItems === 0) yield;
  }
}
