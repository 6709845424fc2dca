/**
 * Simulated other releases: the migrations of this release and one more, or only the first of them.
 *
 * @module
 */
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "./database.ts";

interface Entry {
  readonly when: number;
  readonly tag: string;
}

/**
 * Writes the migrations of a later release.
 *
 * @param statements SQL of the added migration.
 * @returns The folder of the migrations, which is deleted after the test.
 */
export async function laterRelease(statements: string): Promise<string> {
  return writeLaterRelease(await temporaryFolder(), statements);
}

/**
 * Writes the migrations of a later release into a folder.
 *
 * @param parent The folder. It must not have a folder `migrations` yet.
 * @param statements SQL of the added migration.
 * @returns The folder of the migrations.
 */
export async function writeLaterRelease(parent: string, statements: string): Promise<string> {
  const folder = await copyMigrations(parent, (entries) => {
    const last = entries.at(-1)!;
    return [...entries, { ...last, when: last.when + 1000, tag: "9999_later" }];
  });
  await writeFile(join(folder, "9999_later.sql"), statements);
  return folder;
}

/**
 * Writes the migrations of an earlier release.
 *
 * @param firstLater The first migration that it lacks.
 * @returns The folder of the migrations, which is deleted after the test.
 */
export async function earlierRelease(firstLater: string): Promise<string> {
  return copyMigrations(await temporaryFolder(), (entries) => {
    const count = entries.findIndex(({ tag }) => tag === firstLater);
    if (count < 0) throw new Error(`Cannot make an earlier release: found no migration ${firstLater}`);
    return entries.slice(0, count);
  });
}

async function copyMigrations(
  parent: string,
  change: (entries: readonly Entry[]) => readonly Entry[],
): Promise<string> {
  const folder = join(parent, "migrations");
  await cp(join(import.meta.dirname, "../../migrations"), folder, { recursive: true });
  const path = join(folder, "meta/_journal.json");
  const { entries, ...journal } = JSON.parse(await readFile(path, "utf8")) as { entries: readonly Entry[] };
  await writeFile(path, JSON.stringify({ ...journal, entries: change(entries) }));
  return folder;
}
