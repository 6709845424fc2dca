/**
 * Records what a run writes to its disk, with strace.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeLaterRelease } from "../support/later-release.ts";
import { whyWithout } from "../support/tools.ts";
import type { Plant } from "./actor.ts";
import type { Step } from "./ledger.ts";
import type { PlayOptions } from "./play.ts";
import type { RecordedOptions } from "./recorded.ts";
import { readTrace, tracedCalls } from "./trace.ts";
import type { DiskEvent } from "./trace.ts";

/** What was recorded. */
export interface Recording {
  readonly events: readonly DiskEvent[];
  readonly steps: readonly Step[];
  /** The path that the database had. */
  readonly database: string;
}

/** Options of {@link record}. */
export interface RecordOptions extends PlayOptions {
  /** An empty folder. */
  readonly folder: string;
  readonly plant?: Plant | undefined;
  readonly checkpointPages?: number | undefined;
}

/** Octets of a string that strace shows: more than the largest page, and than any mark. */
const shownOctetsMax = 131_072;

/** A migration that changes each lease, makes a new table, and fills an index. */
const laterMigration = [
  "ALTER TABLE lease ADD COLUMN later INTEGER NOT NULL DEFAULT 0",
  "UPDATE lease SET later = slot % 1000",
  "CREATE TABLE later AS SELECT * FROM lease",
  "CREATE INDEX lease_by_later ON lease (later)",
].join(";--> statement-breakpoint\n");

/** Runs a play in two processes, and records their calls. */
export async function record(options: RecordOptions): Promise<Recording> {
  const { folder, seed, commits, plant, checkpointPages = 60 } = options;
  const [data, trace, ledger] = ["data", "trace", "ledger.json"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(data);
  const files = { database: join(data, "apportion.db"), marks: join(folder, "marks") };
  const recorded: RecordedOptions = {
    seed,
    commits,
    plant,
    checkpointPages,
    path: files.database,
    marks: files.marks,
    ledger,
    laterMigrations: await writeLaterRelease(folder, laterMigration),
  };
  const program = [join(import.meta.dirname, "recorded.ts"), JSON.stringify(recorded)];
  const strace = [
    "--seccomp-bpf",
    "-f",
    "-qq",
    "-y",
    "-xx",
    "-s",
    String(shownOctetsMax),
    "-e",
    "signal=none",
  ];
  await promisify(execFile)(
    "strace",
    [
      ...strace,
      "-o",
      trace,
      "-e",
      `trace=${tracedCalls.join(",")}`,
      process.execPath,
      "--import",
      "tsx",
      ...program,
    ],
    { cwd: join(import.meta.dirname, "../..") },
  );
  return {
    events: await readTrace(trace, files),
    steps: JSON.parse(await readFile(ledger, "utf8")) as Step[],
    database: files.database,
  };
}

/** @returns Suffix for the title of a test; empty if calls can be recorded here. Tracing may be forbidden. */
export async function whyNotRecorded(): Promise<string> {
  const without = whyWithout("strace");
  if (without !== "") return without;
  const tracing = promisify(execFile)("strace", ["--seccomp-bpf", "-f", "-q", "-o", "/dev/null", "true"]);
  return tracing.then(
    () => "",
    () => " (skipped: strace may not trace)",
  );
}
