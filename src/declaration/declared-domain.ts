/**
 * The schema of the declared state, and of its domains.
 *
 * @module
 */
import * as v from "valibot";
import { domainsMax, poolsPerDomainMax, reservationsPerDomainMax } from "../limits.ts";
import { domainSettingsFields } from "./domain-settings.ts";
import { declaredPoolSchema } from "./pool-declaration.ts";
import { declaredReservationSchema } from "./reservation-declaration.ts";
import { listOf, nameSchema, objectOf } from "./schema-parts.ts";

/** Schema of a domain in a declared state. */
export const declaredDomainSchema = objectOf({
  name: nameSchema,
  ...domainSettingsFields,
  pools: listOf(declaredPoolSchema, poolsPerDomainMax),
  reservations: v.optional(listOf(declaredReservationSchema, reservationsPerDomainMax), []),
});
export type DomainDeclaration = v.InferOutput<typeof declaredDomainSchema>;

/** Schema of a complete declared state. `checkDeclaration` also compares its parts with each other. */
export const declarationSchema = objectOf({ domains: listOf(declaredDomainSchema, domainsMax) });
export type Declaration = v.InferOutput<typeof declarationSchema>;

/** A declared state as an operator writes it: fields with a default may be omitted. */
export type DeclarationInput = v.InferInput<typeof declarationSchema>;
