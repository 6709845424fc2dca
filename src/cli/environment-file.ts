/**
 * A file of variables as systemd reads it (systemd.exec(5), `EnvironmentFile=`): lines `NAME=VALUE`, comments that begin
 * with `#` or `;`, quotes, and a backslash that continues a line. What systemd ignores, or what `node --env-file` and a
 * shell would take for something else, is a fault. Messages show no value, because it may be a secret.
 *
 * @module
 */

/** A fault of a line. */
export interface LineFault {
  /** Number of the line from 1. */
  readonly line: number;
  /** The variable, if the fault is in its value. */
  readonly name?: string | undefined;
  readonly problem: string;
}

/** A variable of a file. */
interface Variable {
  readonly value: string;
  /** Number of its line from 1. */
  readonly line: number;
}

/** What a file has. */
export interface EnvironmentFile {
  /** By name. If a name occurs more than once, the last value counts. */
  readonly variables: ReadonlyMap<string, Variable>;
  readonly faults: readonly LineFault[];
}

/**
 * Parses a file of variables.
 *
 * @param text Its text.
 */
export function parseEnvironmentFile(text: string): EnvironmentFile {
  const cursor = new Cursor(text);
  const variables = new Map<string, Variable>();
  const faults: LineFault[] = [];
  for (;;) {
    cursor.skip(/[ \t\r\n]*/y);
    if (cursor.isAtEnd) return { variables, faults };
    // A backslash at the end of a comment does not continue it, as of systemd 254.
    if (cursor.skip(/[#;][^\r\n]*/y) !== "") continue;
    const { line } = cursor;
    const name = cursor.skip(/[^=\r\n]*/y).trimEnd();
    if (cursor.skip(/=/y) === "") {
      const problem =
        'found a line without "=", which systemd ignores, expected NAME=VALUE, or # before a comment';
      faults.push({ line, problem });
      continue;
    }
    const { value, problems } = readValue(cursor);
    const wrong = wrongName(name);
    if (wrong !== undefined) {
      faults.push({ line, problem: wrong });
      continue;
    }
    variables.set(name, { value, line });
    faults.push(...problems.map((problem) => ({ line, name, problem })));
  }
}

function wrongName(name: string): string | undefined {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return undefined;
  if (/^export\s/.test(name))
    return 'found "export", for which systemd ignores the line, expected NAME=VALUE';
  return "found a name for which systemd ignores the line, expected letters, digits and _ before the =";
}

/** A place in a text. */
class Cursor {
  readonly #text: string;
  #at = 0;
  /** Number of the line from 1. */
  line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /**
   * Skips the text that matches here.
   *
   * @param what A sticky expression. Without a match, nothing is skipped.
   * @returns The skipped text.
   */
  skip(what: RegExp): string {
    what.lastIndex = this.#at;
    const [found = ""] = what.exec(this.#text) ?? [];
    this.#at += found.length;
    this.line += found.split("\n").length - 1;
    return found;
  }
}

interface Value {
  readonly value: string;
  /** What other readers would take for something else. */
  readonly problems: readonly string[];
}

/** Reads a value: pieces with and without quotes, up to the end of the line. */
function readValue(cursor: Cursor): Value {
  let value = "";
  const problems = new Set<string>();
  for (;;) {
    // Spaces before a piece are not part of the value.
    cursor.skip(/[ \t]*/y);
    const quote = cursor.skip(/['"]/y);
    if (quote === "") {
      const plain = cursor.skip(/(\\(\r\n|[^]|$)|[^\\\r\n])*/y);
      if (/(^|[ \t])#/.test(plain)) problems.add(commentProblem);
      if (plain.includes("`")) problems.add(backtickProblem);
      value += withoutEnd(plain).replaceAll(/\\(\r\n|[^]|$)/g, (_, escaped: string) =>
        unlessNewline(escaped),
      );
      return { value, problems: [...problems] };
    }
    if (quote === "'") value += cursor.skip(/[^']*/y);
    else {
      const quoted = cursor.skip(/(\\[^]|[^"\\])*/y);
      if (/(?<!\\)`/.test(quoted)) problems.add(backtickProblem);
      value += quoted.replaceAll(/\\([^])/g, (all, escaped: string) =>
        '"\\`$'.includes(escaped) ? escaped : escaped === "\n" ? "" : all,
      );
    }
    if (cursor.skip(/['"]/y) === "") {
      problems.add(`found no second ${quote}, so that the value goes to the end of the file, expected one`);
      return { value, problems: [...problems] };
    }
  }
}

/** Removes the spaces at the end, but not one that a backslash escapes. */
function withoutEnd(text: string): string {
  let end = text.length;
  while (text[end - 1] === " " || text[end - 1] === "\t") end--;
  const [escapes] = /\\*$/.exec(text.slice(0, end))!;
  return text.slice(0, end + (escapes.length % 2));
}

const unlessNewline = (text: string): string => (/^[\r\n]/.test(text) ? "" : text);

const commentProblem =
  'found " #" in a value without quotes, of which systemd makes a part of the value and others a comment, expected quotes, or no comment in this line';

const backtickProblem =
  "found a backtick, of which a shell makes a command and others a quote, expected single quotes around the value";
