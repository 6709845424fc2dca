/**
 * The parts of a declared state that are valid themselves. They can be compared with each other although other parts have
 * faults.
 *
 * @module
 */
import { isRecord } from "../is-record.ts";
import type { DomainDeclaration } from "./declared-domain.ts";
import type { PoolDeclaration } from "./pool-declaration.ts";
import type { ReservationDeclaration } from "./reservation-declaration.ts";
import type { Places } from "./served.ts";

/** Fields of a pool, and the pool if all of it is valid. */
type PoolParts = Partial<Pick<PoolDeclaration, "name" | "range">> & {
  readonly whole: PoolDeclaration | undefined;
};

/** Fields of a reservation, and the reservation if all of it is valid. */
type ReservationParts = Partial<Pick<ReservationDeclaration, "name" | "clientIdentifier">> & {
  readonly whole: ReservationDeclaration | undefined;
};

/** The valid parts of a domain. Items of its lists keep their indexes. */
export interface DomainParts
  extends Partial<Pick<DomainDeclaration, "name" | "default" | "serverIdentifier">>, Places {
  readonly pools: readonly PoolParts[];
  readonly reservations: readonly ReservationParts[];
}

/**
 * Takes the valid parts out of a domain.
 *
 * @param output What the schema made of the domain, faulty parts included.
 * @param faults Paths of the faults in the domain.
 */
export function validParts(output: unknown, faults: readonly (readonly PropertyKey[])[]): DomainParts {
  const domain = isRecord(output) ? output : {};
  const faulty = new Set(faults.map((path) => path.join(".")));
  const touched = new Set(
    faults.flatMap((path) => path.map((_, index) => path.slice(0, index + 1).join("."))),
  );
  const whole = (path: string, value: unknown) =>
    touched.has(path) || value === undefined ? undefined : value;
  const listOf = (name: string): readonly unknown[] => {
    const list = domain[name];
    return Array.isArray(list) && !faulty.has(name) ? (list as unknown[]) : [];
  };
  /** Items of a list, each with those of its fields that are valid. */
  const itemsOf = (name: string, fields: readonly string[]) =>
    listOf(name).map((item, index) => {
      const path = `${name}.${index}`;
      const valid = fields.flatMap((field) =>
        isRecord(item) && !faulty.has(`${path}.${field}`) ? [[field, item[field]] as const] : [],
      );
      return { ...Object.fromEntries(valid), whole: whole(path, item) };
    });
  const parts = {
    ...Object.fromEntries(
      ["name", "default", "serverIdentifier"].map((field) => [field, whole(field, domain[field])]),
    ),
    prefixes: listOf("prefixes").map((each, index) => whole(`prefixes.${index}`, each)),
    lines: listOf("lines").map((each, index) => whole(`lines.${index}`, each)),
    pools: itemsOf("pools", ["name", "range"]),
    reservations: itemsOf("reservations", ["name", "clientIdentifier"]),
  };
  // The schema has checked each of them.
  return parts as DomainParts;
}
