/**
 * `npm run conformance`: runs the tests whose titles have rule ids, and prints which tests prove each rule. It exits with
 * 1 if a rule has no test or a test of a rule fails.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { Command } from "commander";
import { countVerdicts, formatMatrix, matrixOf } from "./matrix.ts";
import type { TestResult } from "./matrix.ts";

const root = join(import.meta.dirname, "../..");

/** The part that we read of the report that `vitest --reporter=json` writes. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** Runs every test whose title has an id. No test of the model or the benches has one. */
function runTests(): TestResult[] {
  const folder = mkdtempSync(join(tmpdir(), "apportion-conformance-"));
  try {
    const report = join(folder, "report.json");
    const vitest = join(root, "node_modules/vitest/vitest.mjs");
    const flags = ["run", "--testNamePattern", String.raw`\b(R\d{3,4}-\d|A\d{1,2}\b)`];
    const reporters = ["--reporter=dot", "--reporter=json", `--outputFile.json=${report}`];
    const child = spawnSync(process.execPath, [vitest, ...flags, ...reporters], {
      cwd: root,
      stdio: ["ignore", process.stderr, process.stderr],
    });
    if (!existsSync(report))
      throw new Error(`Cannot run the tests: found exit code ${child.status}, expected a report`);
    return readReport(report);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readReport(file: string): TestResult[] {
  const { testResults } = JSON.parse(readFileSync(file, "utf8")) as Report;
  const broken = testResults.find(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  );
  if (broken !== undefined) throw new Error(`Cannot load ${broken.name}: ${broken.message}`);
  return testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ status, fullName }) => ({
      file: relative(root, name),
      title: fullName,
      status: status === "passed" || status === "failed" ? status : "skipped",
    })),
  );
}

const { row: wanted, json } = new Command("conformance")
  .description("Prints the rules of a server and a relay with the tests that prove them")
  .option("--row <id>", "show only this rule")
  .option("--json", "print the matrix as JSON", false)
  .parse()
  .opts<{ row?: string; json: boolean }>();

const matrix = matrixOf(runTests()).filter(({ id }) => wanted === undefined || id === wanted);
if (matrix.length === 0) throw new RangeError(`Cannot show "${wanted ?? ""}": found no rule with this id`);
console.log(json ? JSON.stringify(matrix, undefined, 2) : formatMatrix(matrix).join("\n"));
const counts = countVerdicts(matrix);
const tests = new Set(matrix.flatMap(({ throughSockets, others }) => [...throughSockets, ...others])).size;
console.error(
  `\n${matrix.length} rules: ${counts.proved} proved, ${counts.failed} failed, ${counts["no test"]} without a test, ` +
    `${counts["not tested"]} with nothing to test; ${tests} tests have their ids`,
);
process.exitCode = counts.failed + counts["no test"] === 0 ? 0 : 1;
