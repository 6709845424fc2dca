/**
 * A simulated later release: the migrations of this release and one more.
 *
 * @module
 */
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "./database.ts";

/**
 * Writes the migrations of a later release.
 *
 * @param statements SQL of the added migration.
 * @returns The folder of the migrations, which is deleted after the test.
 */
export async function laterRelease(statements: string): Promise<string> {
  const folder = join(await temporaryFolder(), "migrations");
  await cp(join(import.meta.dirname, "../../migrations"), folder, { recursive: true });
  const path = join(folder, "meta/_journal.json");
  const journal = JSON.parse(await readFile(path, "utf8")) as { entries: { when: number; tag: string }[] };
  const last = journal.entries.at(-1)!;
  journal.entries.push({ ...last, when: last.when + 1000, tag: "9999_later" });
  await writeFile(path, JSON.stringify(journal));
  await writeFile(join(folder, "9999_later.sql"), statements);
  return folder;
}
