/**
 * Gives a database a declared state, without a store.
 *
 * @module
 */
import type { Declaration } from "../../src/declaration/declaration.ts";
import { ApplyError, applyTo } from "../../src/store/configuration/apply.ts";
import type { ApplyOptions, Step } from "../../src/store/configuration/draft.ts";
import type { Database } from "../../src/store/database/database.ts";
import { wholeDatabase } from "../../src/store/database/databases.ts";

/** Of a file: it may be a part of the whole. */
const fileOptions: ApplyOptions = { actor: "file", unnamed: "keep" };

/**
 * Makes one database hold a state, as {@link applyTo} does.
 *
 * @returns What was done.
 * @throws {ApplyError} When something is refused; then nothing was done.
 */
export async function applyDeclaration(
  database: Database,
  declaration: Declaration,
  options: Omit<ApplyOptions, "revision"> = fileOptions,
): Promise<readonly Step[]> {
  const elsewhere = { pools: [], defaultDomain: undefined };
  const target = { place: wholeDatabase(database), elsewhere };
  const application = await applyTo(target, declaration, options);
  if (application.kind === "applied") return application.steps;
  throw new ApplyError(application.kind === "refused" ? application.steps : []);
}
