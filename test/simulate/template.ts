/**
 * Migrated database files. Migrating one takes longer than many a run, so it is done once.
 *
 * @module
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFile } from "../../src/store/database/file.ts";
import { migrateDatabase } from "../../src/store/database/migrate.ts";

/** Where files live in memory, if the system has such a folder. */
const memoryFolder = "/dev/shm";

/** A folder with database files. */
export class DatabaseFolder {
  readonly path = mkdtempSync(
    join(existsSync(memoryFolder) ? memoryFolder : tmpdir(), "apportion-simulate-"),
  );
  #copies = 0;
  /** It is memory, so it must not outlive the process. */
  readonly #onExit = (): void => {
    rmSync(this.path, { recursive: true, force: true });
  };

  constructor() {
    process.once("exit", this.#onExit);
  }

  /** Makes the file that the others are copies of. */
  async prepare(): Promise<void> {
    const database = openFile(`file:${this.#template}`, { sync: "off", clockMs: () => 0 });
    await migrateDatabase(database);
    await database.read([{ sql: "PRAGMA wal_checkpoint(TRUNCATE)", args: [] }]);
    database.close();
  }

  get #template(): string {
    return join(this.path, "template.db");
  }

  /** @returns Path of a fresh database. */
  copy(): string {
    const path = join(this.path, `${this.#copies++}.db`);
    copyFileSync(this.#template, path);
    return path;
  }

  remove(path: string): void {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
  }

  close(): void {
    process.off("exit", this.#onExit);
    this.#onExit();
  }
}
