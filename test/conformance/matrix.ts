/**
 * Makes the matrix from the rows and the tests whose titles have their ids. Pure.
 *
 * @module
 */
import { rows } from "./rows.ts";
import type { Row } from "./rows.ts";

/** A test as the runner reports it. */
export interface TestResult {
  /** Path from the root of the project. */
  readonly file: string;
  /** Titles from the outermost `describe` to the test, joined by spaces. */
  readonly title: string;
  readonly status: "passed" | "failed" | "skipped";
}

/** A row and its tests. */
export interface MatrixRow extends Row {
  /** Tests that send datagrams through real sockets. At least one of them must pass. */
  readonly throughSockets: readonly TestResult[];
  /** Other tests with the id, each of a single part. */
  readonly others: readonly TestResult[];
  readonly verdict: "proved" | "failed" | "no test" | "not tested";
}

/** An id in a title: RFC, section and number, or the number of an open question (A1). */
const idPattern = /(?<![\w.-])(R\d{3,4}-[\d.]+(?:-T\d)?-\d{1,2}[a-d]?|A\d{1,2})(?![\w.-])/g;

/** @returns The ids in a title, each once. */
export function idsOf(title: string): string[] {
  return [...new Set([...title.matchAll(idPattern)].map((match) => match[1]!))];
}

/** Folders of the tests that use real sockets, by the side that they test. */
const socketFolders: Record<Row["who"], readonly string[]> = {
  server: ["test/rules/"],
  relay: ["test/relay/"],
};

/** Tests in these folders check clients, so they prove no rule of a server or relay. */
const clientFolders = ["src/client/", "src/load/", "src/cli/"];

/**
 * Makes the matrix: each row with its tests and its verdict.
 *
 * @param results All tests of a run.
 */
export function matrixOf(results: readonly TestResult[]): MatrixRow[] {
  const relevant = results.filter(({ file }) => !clientFolders.some((folder) => file.startsWith(folder)));
  const byId = new Map<string, TestResult[]>();
  for (const result of relevant) {
    for (const id of idsOf(result.title)) byId.set(id, [...(byId.get(id) ?? []), result]);
  }
  return rows.map((row) => {
    const tests = (byId.get(row.id) ?? []).filter(({ file }) => isAbout(row.who, file));
    const throughSockets = tests.filter(({ file }) => isBelow(socketFolders[row.who], file));
    const others = tests.filter((test) => !throughSockets.includes(test));
    return { ...row, throughSockets, others, verdict: verdictOf(row, throughSockets, others) };
  });
}

const isBelow = (folders: readonly string[], file: string): boolean =>
  folders.some((folder) => file.startsWith(folder));

/** Tells the tests of the two sides apart, because some ids belong to a rule of each. */
const isAbout = (who: Row["who"], file: string): boolean =>
  (who === "relay") === isBelow(["relay/", "test/relay/"], file);

function verdictOf(
  row: Row,
  throughSockets: readonly TestResult[],
  others: readonly TestResult[],
): MatrixRow["verdict"] {
  if ([...throughSockets, ...others].some(({ status }) => status === "failed")) return "failed";
  if (throughSockets.some(({ status }) => status === "passed")) return "proved";
  return row.untested === undefined ? "no test" : "not tested";
}

/** @returns The matrix as lines of text: each row, followed by its tests. */
export function formatMatrix(matrix: readonly MatrixRow[], root = ""): string[] {
  const width = Math.max(...matrix.map(({ id }) => id.length));
  return matrix.flatMap((row) => [
    `${marks[row.verdict]} ${row.id.padEnd(width)}  ${row.who.padEnd(6)}  ${row.level.padEnd(10)}  ${row.rule}`,
    ...(row.untested === undefined ? [] : [`${" ".repeat(width + 4)}${row.untested}`]),
    ...[...row.throughSockets, ...row.others].map(
      ({ file, title, status }) =>
        `${" ".repeat(width + 4)}${status === "passed" ? "" : `${status}: `}${root}${file}: ${title}`,
    ),
  ]);
}

const marks: Record<MatrixRow["verdict"], string> = {
  proved: "ok  ",
  failed: "RED ",
  "no test": "NONE",
  "not tested": "-   ",
};

/** @returns The number of rows with each verdict. */
export function countVerdicts(matrix: readonly MatrixRow[]): Record<MatrixRow["verdict"], number> {
  const count = (verdict: MatrixRow["verdict"]) => matrix.filter((row) => row.verdict === verdict).length;
  return {
    proved: count("proved"),
    failed: count("failed"),
    "no test": count("no test"),
    "not tested": count("not tested"),
  };
}
