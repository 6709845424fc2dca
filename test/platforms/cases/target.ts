/**
 * What each file of cases gets and provides: the allocator under test, and the domains that its cases need.
 *
 * @module
 */
import type { DeclarationInput } from "../../../src/declaration/declaration.ts";
import type { Database } from "../../../src/store/database/database.ts";

/** Returns the allocator under test. It may be called only while a test runs. */
export type CaseTarget = () => {
  readonly url: string;
  readonly relayToken: string;
  readonly adminToken: string;
  readonly database: Database;
};

/** Domains that the cases of one file need. */
export type CaseDomains = DeclarationInput["domains"];
