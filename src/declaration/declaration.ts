/**
 * The declared state: an operator's configuration of domains, pools and reservations. The configuration file and the
 * database share one schema.
 *
 * @example
 * ```json
 * { "domains": [ { "name": "demo", "default": true, "serverIdentifier": "203.0.113.1",
 *     "pools": [ { "name": "shared", "kind": "shared", "range": "192.0.2.0/24", "psidLength": 6 } ] } ] }
 * ```
 *
 * @module
 */
import { formatFieldPath } from "../field-path.ts";
import { checkDeclaration } from "./check.ts";
import type { Declaration } from "./declared-domain.ts";
import { UsageError } from "../failure.ts";
import { linesOf } from "./declared-lines.ts";
import { describeFault } from "./fault-words.ts";
import { firstFaults } from "./first-faults.ts";
import { runAtOnce } from "./steps.ts";

export { declarationSchema } from "./declared-domain.ts";
export type { Declaration, DeclarationInput, DomainDeclaration } from "./declared-domain.ts";

/** A fault of a file. */
export interface LocatedFault {
  /** Number of the line from 1; undefined if the fault has none. */
  readonly line?: number | undefined;
  /** Path of the field; undefined if the fault is of the text. */
  readonly path?: string | undefined;
  /** What was found and what was expected. */
  readonly problem: string;
}

/** The declared state is invalid. The message has one line for each of the first faults, with the path of the field. */
export class DeclarationError extends UsageError {
  override readonly name = "DeclarationError";
  readonly faults: readonly LocatedFault[];
  constructor(source: string, faults: readonly LocatedFault[]) {
    const described = faults.map(({ line, path, problem }) =>
      [line === undefined ? undefined : `line ${line}`, path, problem]
        .filter((each) => each !== undefined)
        .join(": "),
    );
    const list = faults.length === 1 ? ` ${firstFaults(described).trim()}` : `\n${firstFaults(described)}`;
    super(`Cannot read ${source}:${list}`);
    this.faults = faults;
  }

  /**
   * Names the line of each fault, and orders the faults by it.
   *
   * @param text Text of the file.
   * @param file Name of the file.
   */
  inFile(text: string, file: string): DeclarationError {
    const lineOf = linesOf(text);
    const located = this.faults.map((fault) => ({ ...fault, line: lineOf(fault.path ?? "") }));
    return new DeclarationError(
      file,
      located.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
    );
  }
}

/**
 * Validates a declared state and fills in the defaults.
 *
 * @param input Parsed JSON or YAML.
 * @param source Where the input came from, for the error message.
 * @param isNew Also refuses what a database refuses unless it has it already. Default: false.
 * @returns The declared state.
 * @throws {DeclarationError} When the input is invalid; names the path of each of the first faults, what was found and
 *   what was expected.
 */
export function parseDeclaration(input: unknown, source: string, isNew?: boolean): Declaration {
  const checked = runAtOnce(checkDeclaration(input, isNew));
  if (checked.success) return checked.declaration;
  throw new DeclarationError(
    source,
    checked.faults.map((fault) => ({
      path: formatFieldPath(fault.path) || "(top level)",
      problem: describeFault(fault),
    })),
  );
}
