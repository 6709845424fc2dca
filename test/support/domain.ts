/**
 * A domain as the rules need it, from a declaration.
 *
 * @module
 */
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import type { Domain } from "../../src/lease/domain.ts";
import { loadDirectory } from "../../src/store/configuration/directory.ts";
import { temporaryDatabase } from "./database.ts";

/** Loads a domain without pools, with these settings. */
export async function domainOf(fields: Partial<DeclarationInput["domains"][number]>): Promise<Domain> {
  const declared = { name: "one", serverIdentifier: "203.0.113.1", pools: [], ...fields };
  return (await loadDirectory(await temporaryDatabase({ domains: [declared] }))).domains[0]!;
}
