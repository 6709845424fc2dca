/**
 * Applies a declared state to a database, without a store.
 *
 * @module
 */
import type { Declaration } from "../../src/declaration/declaration.ts";
import { ApplyError, applyTo } from "../../src/store/configuration/apply.ts";
import type { ApplyOptions, Step } from "../../src/store/configuration/draft.ts";
import type { Database } from "../../src/store/database/database.ts";
import { wholeDatabase } from "../../src/store/database/databases.ts";

/** Options for a configuration file, which need not name everything that the database holds. */
const fileOptions: ApplyOptions = { actor: "file", unnamed: "keep" };

/**
 * Applies a declared state to one database with {@link applyTo}.
 *
 * @returns The steps that were applied.
 * @throws {ApplyError} When a step is refused; then nothing has changed.
 */
export async function applyDeclaration(
  database: Database,
  declaration: Declaration,
  options: Omit<ApplyOptions, "revision"> = fileOptions,
): Promise<readonly Step[]> {
  const elsewhere = { pools: [], defaultDomain: undefined, served: new Map() };
  const target = { place: wholeDatabase(database), elsewhere };
  const application = await applyTo(target, declaration, options);
  if (application.kind === "applied") return application.steps;
  throw new ApplyError(application.kind === "refused" ? application.steps : []);
}
