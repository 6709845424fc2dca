/**
 * What a file of cases works with: an allocator somewhere, and domains that it brings itself.
 *
 * @module
 */
import type { DeclarationInput } from "../../../src/declaration/declaration.ts";
import type { Database } from "../../../src/store/database/database.ts";

/** The allocator under test; it runs only while its tests do. */
export type CaseTarget = () => {
  readonly url: string;
  readonly relayToken: string;
  readonly adminToken: string;
  readonly database: Database;
};

/** Domains that the cases of one file need. */
export type CaseDomains = DeclarationInput["domains"];
