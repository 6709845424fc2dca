/**
 * Finds all faults of a file: of a declared state, or of variables.
 *
 * @module
 */
import { basename } from "node:path";
import { formatOfFile, parseText, TextError } from "../declaration/declaration-text.ts";
import { DeclarationError, parseDeclaration } from "../declaration/declaration.ts";
import type { Declaration, LocatedFault } from "../declaration/declaration.ts";
import { DuplicateKeyError } from "../declaration/json.ts";
import { formatFieldPath } from "../field-path.ts";
import { configBodyOctetsMax, environmentFileOctetsMax } from "../limits.ts";
import { withCredentials } from "../runtime/credentials.ts";
import { readTextFile, TextFileError } from "../text-file.ts";
import { parseEnvironmentFile } from "./environment-file.ts";
import { findSettingFaults, variableOf } from "./settings-faults.ts";

/** A fault of a file or of the environment. Its path is that of a field, or the name of a variable. */
export interface FileFault extends LocatedFault {
  /** The file; `environment` for the variables of the process. */
  readonly file: string;
}

/** What was read from one file. */
export interface CheckedFile {
  readonly file: string;
  /** In the order of their lines. */
  readonly faults: readonly FileFault[];
  /** If it is a declared state without faults. */
  readonly declaration?: Declaration;
}

const expected = "a declared state, or a file of variables";

/**
 * Checks a file. Its name says what it is.
 *
 * @param isNew Also finds what a database refuses unless it has it already.
 */
export function checkFile(file: string, isNew: boolean): CheckedFile {
  const isVariables = /(^|\.)env$/.test(basename(file));
  const octetsMax = isVariables ? environmentFileOctetsMax : configBodyOctetsMax;
  try {
    if (/\.toml$/i.test(file)) {
      const problem = `found TOML, expected ${expected}; \`relay check\` checks the settings of a relay`;
      return failed(file, [{ problem }]);
    }
    const text = readTextFile(file, { octetsMax, expected });
    return isVariables ? failed(file, findVariableFaults(text)) : checkDeclaration(file, text, isNew);
  } catch (error) {
    if (!(error instanceof TextFileError)) throw error;
    return failed(file, [{ problem: error.message }]);
  }
}

/** Checks the variables and credentials of this process, which must be all that an allocator needs. */
export function checkEnvironment(): CheckedFile {
  const faults = findSettingFaults(withCredentials(process.env), true);
  return failed(
    "environment",
    faults.map(({ name, ...each }) => ({ path: name, problem: describe(each) })),
  );
}

const failed = (file: string, faults: readonly LocatedFault[]): CheckedFile => ({
  file,
  faults: faults.map((fault) => ({ file, ...fault })).sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
});

const describe = (fault: { readonly found: string; readonly expected: string }): string =>
  `found ${fault.found}, expected ${fault.expected}`;

function findVariableFaults(text: string): readonly LocatedFault[] {
  const { variables, faults } = parseEnvironmentFile(text);
  const environment = Object.fromEntries(Array.from(variables, ([name, { value }]) => [name, value]));
  return [
    ...faults.map(({ line, name, problem }) => ({ line, path: name, problem })),
    ...findSettingFaults(environment, false).map(({ name, ...each }) => ({
      line: variables.get(variableOf(name))?.line,
      path: name,
      problem: describe(each),
    })),
  ];
}

function checkDeclaration(file: string, text: string, isNew: boolean): CheckedFile {
  try {
    const declaration = parseDeclaration(parseText(text, formatOfFile(file), file), file, isNew);
    return { file, faults: [], declaration };
  } catch (error) {
    if (error instanceof DeclarationError) return failed(file, error.inFile(text, file).faults);
    if (error instanceof TextError) return failed(file, error.faults);
    if (!(error instanceof DuplicateKeyError)) throw error;
    return failed(file, [{ line: error.line, path: formatFieldPath(error.path), problem: error.problem }]);
  }
}
