/**
 * The declared state: an operator's configuration of domains, pools and reservations. The configuration file and the
 * database share one schema.
 *
 * @example
 * ```json
 * { "domains": [ { "name": "demo", "default": true, "serverIdentifier": "192.0.2.1",
 *     "pools": [ { "name": "shared", "kind": "shared", "range": "192.0.2.0/24", "psidLength": 6 } ] } ] }
 * ```
 *
 * @module
 */
import * as v from "valibot";
import { domainsMax, poolsPerDomainMax, reservationsPerDomainMax } from "../limits.ts";
import { findPair } from "../portset/find-pair.ts";
import { parseIPv4 } from "../wire/ipv4-address.ts";
import { domainSettingsFields } from "./domain-settings.ts";
import { declaredPoolSchema, geometryOf, parseIPv4Range } from "./pool-declaration.ts";
import { declaredReservationSchema } from "./reservation-declaration.ts";
import type { ReservationDeclaration } from "./reservation-declaration.ts";
import { nameSchema } from "./schema-parts.ts";

const declaredDomainSchema = v.strictObject({
  name: nameSchema,
  ...domainSettingsFields,
  pools: v.pipe(v.array(declaredPoolSchema), v.maxLength(poolsPerDomainMax)),
  reservations: v.optional(
    v.pipe(v.array(declaredReservationSchema), v.maxLength(reservationsPerDomainMax)),
    [],
  ),
});
export type DomainDeclaration = v.InferOutput<typeof declaredDomainSchema>;

/** Schema of a complete declared state. */
export const declarationSchema = v.pipe(
  v.strictObject({ domains: v.pipe(v.array(declaredDomainSchema), v.maxLength(domainsMax)) }),
  v.rawCheck(({ dataset, addIssue }) => {
    // Fields that are invalid themselves cannot be compared with each other.
    if (!dataset.typed || dataset.issues !== undefined) return;
    for (const message of contradictions(dataset.value.domains)) addIssue({ message });
  }),
);
export type Declaration = v.InferOutput<typeof declarationSchema>;

/** Lists faults that no single field shows: repeated names, overlapping ranges, more than one default domain. */
function contradictions(domains: readonly DomainDeclaration[]): string[] {
  const found: string[] = [];
  const defaults = domains.filter((domain) => domain.default);
  if (defaults.length > 1) {
    found.push(
      `default: found ${defaults.map((domain) => domain.name).join(" and ")}, expected at most one domain`,
    );
  }
  found.push(
    ...repeated(
      "domain name",
      domains.map((domain) => domain.name),
    ),
  );
  const pools = domains.flatMap((domain) => domain.pools);
  found.push(
    ...repeated(
      "pool name",
      pools.map((pool) => pool.name),
    ),
  );
  const ranges = pools
    .map((pool) => ({ name: pool.name, ...parseIPv4Range(pool.range) }))
    .sort((a, b) => a.firstAddress - b.firstAddress);
  for (let index = 1; index < ranges.length; index++) {
    const [before, after] = [ranges[index - 1]!, ranges[index]!];
    if (after.firstAddress <= before.lastAddress) {
      found.push(
        `pools: range of "${after.name}" overlaps that of "${before.name}", expected disjoint ranges`,
      );
    }
  }
  found.push(
    ...repeated(
      "reservation name",
      domains.flatMap((domain) => domain.reservations.map((each) => each.name)),
    ),
    ...domains.flatMap(reservationFaults),
  );
  return found;
}

/** Checks that each pair and client has at most one reservation, and that a pool of the domain contains the pair. */
function reservationFaults({ name, pools, reservations }: DomainDeclaration): string[] {
  if (reservations.length === 0) return [];
  const geometries = pools.map((pool) => ({ geometry: geometryOf(pool) }));
  const hasPair = ({ address, psid }: ReservationDeclaration): boolean =>
    findPair(geometries, parseIPv4(address), psid) !== undefined;
  const pairOf = ({ address, psid }: ReservationDeclaration) =>
    `${address}${psid === null ? "" : ` PSID ${psid}`}`;
  return [
    ...reservations
      .filter((each) => !hasPair(each))
      .map(
        (each) => `reservation "${each.name}": found ${pairOf(each)}, expected a pair in a pool of "${name}"`,
      ),
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

/** The declared state is invalid. The message has one line for each fault, with the path of the field. */
export class DeclarationError extends TypeError {
  readonly issues: readonly string[];
  constructor(source: string, issues: readonly string[]) {
    super(`Cannot read ${source}:\n${issues.map((issue) => `  ${issue}`).join("\n")}`);
    this.name = "DeclarationError";
    this.issues = issues;
  }
}

/**
 * Validates a declared state and fills in the defaults.
 *
 * @param input Parsed JSON or YAML.
 * @param source Where the input came from, for the error message.
 * @returns The declared state.
 * @throws {DeclarationError} When the input is invalid; names the path of each fault, what was found and what was
 *   expected.
 */
export function parseDeclaration(input: unknown, source: string): Declaration {
  const result = v.safeParse(declarationSchema, input);
  if (result.success) return result.output;
  throw new DeclarationError(
    source,
    result.issues.map((issue) => {
      const path = v.getDotPath(issue) ?? "(top level)";
      return `${path}: ${issue.message}`;
    }),
  );
}

/** A declared state as an operator writes it: fields with a default may be omitted. */
export type DeclarationInput = v.InferInput<typeof declarationSchema>;
