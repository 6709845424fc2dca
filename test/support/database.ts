/**
 * A database of its own for each test: a file in a temporary folder, migrated and given a declared state.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "@libsql/client";
import { onTestFinished } from "vitest";
import { parseDeclaration } from "../../src/declaration/declaration.ts";
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import { prepareDatabase } from "../../src/runtime/node.ts";
import { applyDeclaration } from "../../src/store/configuration/apply.ts";

/** A folder that goes with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "apportion-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Opens a fresh database; with a declaration, applies it. */
export async function temporaryDatabase(declaration?: DeclarationInput): Promise<Client> {
  const databaseUrl = `file:${join(await temporaryFolder(), "apportion.db")}`;
  const database = await prepareDatabase({ databaseUrl, databaseToken: undefined });
  onTestFinished(() => {
    database.close();
  });
  if (declaration !== undefined) await applyDeclaration(database, parseDeclaration(declaration, "test"));
  return database;
}

/** The domain that the expectations of the golden packets assume: one shared address, 63 port sets. */
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
