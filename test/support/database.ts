/**
 * A fresh database for each test: a migrated file in a temporary folder, with an optional declared state.
 *
 * @module
 */
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { parseDeclaration } from "../../src/declaration/declaration.ts";
import type { Declaration, DeclarationInput } from "../../src/declaration/declaration.ts";
import type { Database } from "../../src/store/database/database.ts";
import type { Databases } from "../../src/store/database/databases.ts";
import { openFile } from "../../src/store/database/file.ts";
import type { FileOptions } from "../../src/store/database/file.ts";
import { migrateDatabase } from "../../src/store/database/migrate.ts";
import type { DatabaseAccess } from "../../src/store/store.ts";
import { openDatabase } from "../../src/runtime/node.ts";
import { applyDeclaration } from "./apply-declaration.ts";
import { temporaryFolder } from "./folder.ts";

export { temporaryFolder } from "./folder.ts";

/** Opens a fresh database and applies the declaration, if one is given. */
export async function temporaryDatabase(
  declaration?: DeclarationInput,
  options: FileOptions = {},
): Promise<Database> {
  const database = openFile(`file:${join(await temporaryFolder(), "apportion.db")}`, options);
  onTestFinished(() => {
    database.close();
  });
  await migrateDatabase(database);
  if (declaration !== undefined) await applyDeclaration(database, parseDeclaration(declaration, "test"));
  return database;
}

/** Opens a database as an allocator on Node does, migrates it, and applies the declaration, if one is given. */
export async function prepareDatabase(access: DatabaseAccess, declaration?: Declaration): Promise<Database> {
  const database = await openDatabase(access);
  await migrateDatabase(database);
  if (declaration !== undefined) await applyDeclaration(database, declaration);
  return database;
}

/** @returns The databases of an allocator that has only this one. */
export function onlyDatabase(main: Database): Databases {
  return { main, placed: new Map() };
}

/** The domain that the golden packets expect: one shared address with 63 port sets. */
export const vectorDomain: DeclarationInput = {
  domains: [
    {
      name: "vectors",
      default: true,
      serverIdentifier: "198.51.100.1",
      softwire: { borderRelays: ["2001:db8:ffff::1"], bindPrefix: "2001:db8:1234:5600::/56" },
      pools: [{ name: "shared", kind: "shared", range: "192.0.2.18/32", psidLength: 6 }],
    },
  ],
};
