/**
 * Checks a declared state in steps of a few milliseconds, so that a large one does not delay other requests.
 *
 * @module
 */
import * as v from "valibot";
import { isRecord } from "../is-record.ts";
import {
  declaredPsidsMax,
  domainsMax,
  faultsCountedMax,
  linesMax,
  listSliceItems,
  poolSliceItems,
  poolsPerDomainMax,
  reservationsPerDomainMax,
} from "../limits.ts";
import { findContradictions } from "./contradictions.ts";
import { declaredDomainSchema } from "./declared-domain.ts";
import type { Declaration, DomainDeclaration } from "./declared-domain.ts";
import type { DeclarationFault } from "./fault-words.ts";
import { validParts } from "./parts.ts";
import type { DomainParts } from "./parts.ts";
import { listOf, objectOf } from "./schema-parts.ts";

/** The result of a check. After {@link faultsCountedMax} faults the rest is not checked. */
export type CheckedDeclaration =
  | { readonly success: true; readonly declaration: Declaration }
  | { readonly success: false; readonly faults: readonly DeclarationFault[] };

const envelopeSchema = objectOf({ domains: listOf(v.unknown(), domainsMax) });

/**
 * Checks a declared state and fills in the defaults.
 *
 * @param input Parsed JSON or YAML.
 * @param isNew Also refuses what a database refuses unless it has it already. Default: false.
 */
export function* checkDeclaration(input: unknown, isNew = false): Generator<void, CheckedDeclaration> {
  const faults: DeclarationFault[] = [];
  const domains: CheckedDomain[] = [];
  const envelope = v.safeParse(envelopeSchema, input);
  addFaults(faults, [], envelope);
  let psids = 0;
  for (const [index, declared] of (envelope.success ? envelope.output.domains : []).entries()) {
    // This comes first, because the check of a pool takes time and memory for each PSID.
    psids += countPsids(declared);
    if (psids > declaredPsidsMax) {
      const received = `at least ${psids} PSIDs in all`;
      const message = `found ${received}, expected at most ${declaredPsidsMax}`;
      return {
        success: false,
        faults: [...faults, { message, received, path: ["domains", index, "pools"] }],
      };
    }
    domains.push(yield* checkDomain(declared, ["domains", index], faults));
    if (faults.length >= faultsCountedMax) break;
  }
  const parts = domains.map((each) => each.parts);
  faults.push(...(yield* findContradictions(parts, isNew)));
  if (faults.length > 0) return { success: false, faults };
  return { success: true, declaration: { domains: domains.map((each) => each.output as DomainDeclaration) } };
}

/** Counts the PSIDs of the pools of a domain that is not checked yet. */
function countPsids(declared: unknown): number {
  const pools = isRecord(declared) && Array.isArray(declared.pools) ? (declared.pools as unknown[]) : [];
  return pools.slice(0, poolsPerDomainMax).reduce<number>((sum, pool) => {
    const length = isRecord(pool) ? pool.psidLength : undefined;
    return typeof length === "number" && length > 0 && length <= 16 ? sum + 2 ** length : sum;
  }, 0);
}

/** The long lists of a domain. A slice of each takes some milliseconds. */
const longLists = [
  { name: "lines", items: linesMax, sliceItems: listSliceItems },
  // The reserved ports of a pool are compared with all its PSIDs.
  { name: "pools", items: poolsPerDomainMax, sliceItems: poolSliceItems },
  { name: "reservations", items: reservationsPerDomainMax, sliceItems: listSliceItems },
] as const;

/** A domain that was checked. */
interface CheckedDomain {
  /** The domain with its defaults, if it has no faults. */
  readonly output: unknown;
  readonly parts: DomainParts;
}

/**
 * Checks one domain.
 *
 * @param faults Its faults are added here.
 */
function* checkDomain(
  declared: unknown,
  path: readonly PropertyKey[],
  faults: DeclarationFault[],
): Generator<void, CheckedDomain> {
  const before = faults.length;
  const rest = isRecord(declared) ? { ...declared } : declared;
  const lists = new Map<string, readonly unknown[]>();
  for (const { name, items } of longLists) {
    const list = isRecord(rest) ? rest[name] : undefined;
    // A list that is too long stays in `rest`, whose schema refuses it without checking its items.
    if (!isRecord(rest) || !Array.isArray(list) || list.length > items) continue;
    lists.set(name, list);
    rest[name] = [];
  }
  const checked = v.safeParse(declaredDomainSchema, rest);
  addFaults(faults, path, checked);
  yield;
  const output: Partial<Record<string, readonly unknown[]>> = {};
  for (const { name, sliceItems } of longLists) {
    const list = lists.get(name);
    if (list !== undefined) output[name] = yield* checkList(name, list, sliceItems, path, faults);
  }
  const all = isRecord(checked.output) ? { ...checked.output, ...output } : undefined;
  const within = faults.slice(before).map((fault) => fault.path.slice(path.length));
  return { output: all, parts: validParts(all, within) };
}

/** Checks a long list slice by slice, until there are too many faults. */
function* checkList(
  name: (typeof longLists)[number]["name"],
  list: readonly unknown[],
  sliceItems: number,
  path: readonly PropertyKey[],
  faults: DeclarationFault[],
): Generator<void, readonly unknown[]> {
  const output: unknown[] = [];
  for (let start = 0; start < list.length && faults.length < faultsCountedMax; start += sliceItems) {
    const slice = list.slice(start, start + sliceItems);
    const checked = v.safeParse(declaredDomainSchema.entries[name], slice);
    addFaults(faults, [...path, name], checked, start);
    output.push(...(checked.output as readonly unknown[]));
    yield;
  }
  return output;
}

/**
 * Adds the faults of one part.
 *
 * @param path Path of the part.
 * @param start Index of the part's first item, if it is a slice of a list.
 */
function addFaults(
  faults: DeclarationFault[],
  path: readonly PropertyKey[],
  { issues = [] }: { readonly issues?: readonly v.BaseIssue<unknown>[] | undefined },
  start = 0,
): void {
  for (const { message, path: within = [], received, expected } of issues) {
    const keys = within.map(({ key }, index) =>
      index === 0 && typeof key === "number" ? key + start : (key as PropertyKey),
    );
    faults.push({ message, path: [...path, ...keys], received, expected });
  }
}
