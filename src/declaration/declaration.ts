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

/** The declared state is invalid. The message has one line for each of the first faults, with the path of the field. */
export class DeclarationError extends UsageError {
  override readonly name = "DeclarationError";
  readonly issues: readonly string[];
  constructor(source: string, faults: readonly string[]) {
    const list = faults.length === 1 ? ` ${firstFaults(faults).trim()}` : `\n${firstFaults(faults)}`;
    super(`Cannot read ${source}:${list}`);
    this.issues = faults;
  }

  /**
   * Names the line of each fault.
   *
   * @param text Text of the file.
   * @param file Name of the file.
   */
  inFile(text: string, file: string): DeclarationError {
    const lineOf = linesOf(text);
    const located = this.issues.map((fault) => {
      const line = lineOf(fault.split(":", 1)[0]!);
      return line === undefined ? fault : `line ${line}: ${fault}`;
    });
    return new DeclarationError(file, located);
  }
}

/**
 * Validates a declared state and fills in the defaults.
 *
 * @param input Parsed JSON or YAML.
 * @param source Where the input came from, for the error message.
 * @returns The declared state.
 * @throws {DeclarationError} When the input is invalid; names the path of each of the first faults, what was found and
 *   what was expected.
 */
export function parseDeclaration(input: unknown, source: string): Declaration {
  const checked = runAtOnce(checkDeclaration(input));
  if (checked.success) return checked.declaration;
  throw new DeclarationError(
    source,
    checked.faults.map((fault) => `${formatFieldPath(fault.path) || "(top level)"}: ${describeFault(fault)}`),
  );
}
