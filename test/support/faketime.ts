/**
 * Sets the clock that a process sees, with Debian's libfaketime. The time since boot stays that of the machine.
 *
 * @module
 */
import { readdirSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** libfaketime for programs with threads; undefined if it is not installed. */
export const faketimeLibrary = findLibrary();

/** Title suffix of a test that needs libfaketime. */
export const withoutFaketime = faketimeLibrary === undefined ? " (skipped: no faketime)" : "";

/** The clock of some processes. */
export interface FakeClock {
  /** Environment of a process that sees this clock. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Sets the clock.
   *
   * @param seconds By how much it is ahead of the machine's clock.
   */
  readonly set: (seconds: number) => Promise<void>;
}

/**
 * Creates a clock that agrees with the machine's.
 *
 * @param folder Where the file with its offset is kept.
 */
export async function createFakeClock(folder: string): Promise<FakeClock> {
  const file = join(folder, "clock-offset");
  const set: FakeClock["set"] = async (seconds) => {
    // The processes read the file all the time, so it must never be there in part.
    const next = `${file}-next`;
    await writeFile(next, `${seconds < 0 ? "" : "+"}${seconds}\n`);
    await rename(next, file);
  };
  await set(0);
  return {
    environment: {
      LD_PRELOAD: faketimeLibrary!,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      NO_FAKE_STAT: "1",
    },
    set,
  };
}

function findLibrary(): string | undefined {
  if (process.platform !== "linux") return undefined;
  const folders = readdirSync("/usr/lib").filter((name) => name.includes("-linux-"));
  for (const folder of folders) {
    const path = join("/usr/lib", folder, "faketime");
    try {
      const name = readdirSync(path).find((each) => each.startsWith("libfaketimeMT.so"));
      if (name !== undefined) return join(path, name);
    } catch {
      // This architecture has no libfaketime.
    }
  }
  return undefined;
}
