/**
 * A copy of the project in a temporary folder, in which mutants are applied one at a time and tests are run.
 *
 * @module
 */
import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { Mutant } from "./mutant.ts";

/** The part of a mutant that changes a file. */
export type Change = Pick<Mutant, "name" | "file" | "search" | "replacement">;

/** The result of a program. */
export interface ProgramResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit code; null if it was killed, because it took too long. */
  readonly code: number | null;
}

/** The result of a test run. */
export type Verdict =
  | { readonly kind: "green" }
  | { readonly kind: "red"; readonly test: string }
  /** No test failed, but a file could not be loaded. The mutant is not a valid program, so it proves nothing. */
  | { readonly kind: "unloadable"; readonly detail: string }
  | { readonly kind: "too-slow" };

/** Time limit of one test run, in milliseconds. */
const runMsMax = 240_000;

/** Tests that are slow or unrelated to the rules. The model runs only for mutants that name it. */
const slowTests = [
  "test/model/",
  "test/bench/",
  "test/mutants/",
  "test/relay/netns/",
  "test/packaging",
  "test/readme",
  "test/documents",
];

/** Part of the report that `vitest --reporter=json` writes. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** A copy of the project. */
export class Workshop {
  readonly #folder: string;
  readonly #testFiles: readonly string[];

  private constructor(folder: string, testFiles: readonly string[]) {
    this.#folder = folder;
    this.#testFiles = testFiles;
  }

  /** Copies all files that git tracks and all new ones that it does not ignore, so uncommitted changes are included. */
  static open(): Workshop {
    const root = resolve(import.meta.dirname, "../..");
    const list = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], { cwd: root });
    const folder = mkdtempSync(join(tmpdir(), "apportion-mutants-"));
    // Some tests start programs as another user, who must be able to read them.
    chmodSync(folder, 0o755);
    const files = new Set(list.toString("utf8").split("\0"));
    files.delete("");
    const existing = [...files].filter((file) => existsSync(join(root, file)));
    for (const file of existing) cpSync(join(root, file), join(folder, file));
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    return new Workshop(
      folder,
      existing.filter((file) => file.endsWith(".test.ts")),
    );
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** @returns Test files that equal or are below one of the paths. */
  select(paths: readonly string[]): string[] {
    return this.#testFiles.filter((file) =>
      paths.some((path) => file === path || file.startsWith(`${path}/`)),
    );
  }

  /** @returns Test files of the quick suite. */
  quickTests(): string[] {
    return this.#testFiles.filter((file) => !slowTests.some((slow) => file.startsWith(slow)));
  }

  /**
   * Applies a mutant.
   *
   * @returns A function that restores the file.
   * @throws {RangeError} When the text to replace does not occur exactly once, or equals its replacement.
   */
  apply({ name, file, search, replacement }: Change): () => void {
    const path = join(this.#folder, file);
    const before = readFileSync(path, "utf8");
    const found = before.split(search).length - 1;
    if (found !== 1) {
      throw new RangeError(
        `Cannot apply mutant "${name}": found its text ${found} times in ${file}, expected once`,
      );
    }
    if (search === replacement) throw new RangeError(`Cannot apply mutant "${name}": it changes nothing`);
    // With a function as replacement, `$` has no special meaning.
    writeFileSync(
      path,
      before.replace(search, () => replacement),
    );
    return () => {
      writeFileSync(path, before);
    };
  }

  /**
   * Runs a program of the copy.
   *
   * @param file Its TypeScript file.
   * @param msMax Milliseconds after which it is killed.
   */
  async runProgram(file: string, args: readonly string[], msMax: number): Promise<ProgramResult> {
    const child = spawn(process.execPath, ["--import", "tsx", file, ...args], {
      cwd: this.#folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), msMax);
    const ended = new Promise<number | null>((done) => {
      child.once("close", done);
    });
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    clearTimeout(timer);
    return { stdout, stderr, code };
  }

  /**
   * Runs tests until the first failure.
   *
   * @param titles Runs only tests whose title contains one of these texts. Default: all tests.
   */
  async run(files: readonly string[], titles: readonly string[] = []): Promise<Verdict> {
    if (files.length === 0) return { kind: "green" };
    const report = join(this.#folder, "report.json");
    rmSync(report, { force: true });
    const vitest = join(this.#folder, "node_modules/vitest/vitest.mjs");
    const flags = ["run", "--bail", "1", "--reporter=json", `--outputFile=${report}`, "--root", this.#folder];
    const pattern = titles.map((title) => `(?<![\\w.-])${title.replaceAll(".", "\\.")}(?![\\w.-])`).join("|");
    if (pattern !== "") flags.push("--passWithNoTests", "--testNamePattern", pattern);
    const child = spawn(process.execPath, [vitest, ...flags, ...files], {
      cwd: this.#folder,
      stdio: "ignore",
      // A new process group, so that a kill also reaches vitest's workers and the processes that tests start.
      detached: true,
      env: { ...process.env, MODEL_SEED: "1", MODEL_RUNS: "400", MODEL_SHRINK: "no" },
    });
    // The timer is cleared when the child exits, so the process group exists when it fires.
    const timer = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), runMsMax);
    const signal = await new Promise<string | number | null>((done) => {
      child.once("exit", (code, killedBy) => {
        done(killedBy ?? code);
      });
    });
    clearTimeout(timer);
    if (signal === "SIGKILL") return { kind: "too-slow" };
    return signal === 0 ? { kind: "green" } : readVerdict(report);
  }
}

function readVerdict(file: string): Verdict {
  if (!existsSync(file)) return { kind: "unloadable", detail: "the tests exited without a report" };
  const { testResults } = JSON.parse(readFileSync(file, "utf8")) as Report;
  for (const { assertionResults } of testResults) {
    const failed = assertionResults.find(({ status }) => status === "failed");
    if (failed !== undefined) return { kind: "red", test: failed.fullName };
  }
  const broken = testResults.find(({ status }) => status === "failed");
  return { kind: "unloadable", detail: broken?.message.split("\n")[0] ?? "no test failed" };
}
