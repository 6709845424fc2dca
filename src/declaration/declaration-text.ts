/**
 * A declared state as text, in JSON or YAML. Both formats express the same; people may prefer YAML because it allows
 * comments.
 *
 * @module
 */
import { Document, visit } from "yaml";
import { withoutByteOrderMark } from "../byte-order-mark.ts";
import { configBodyOctetsMax, yamlBodyCharactersMax, yamlBodyTokensMax, yamlSliceItems } from "../limits.ts";
import { parseDeclaration } from "./declaration.ts";
import type { Declaration, LocatedFault } from "./declaration.ts";
import { DuplicateKeyError, parseJsonInSteps } from "./json.ts";
import { runAtOnce } from "./steps.ts";
import { parseYaml, YamlError } from "./yaml.ts";
import type { YamlBounds, YamlFault } from "./yaml.ts";

/** A text is neither JSON nor YAML. The message has one line for each fault. */
export class TextError extends SyntaxError {
  override readonly name = "TextError";
  readonly faults: readonly LocatedFault[];
  constructor(source: string, faults: readonly LocatedFault[], options?: ErrorOptions) {
    const problems = faults.map(({ problem }) => problem);
    super(`Cannot read ${source}:${problems.length === 1 ? " " : "\n  "}${problems.join("\n  ")}`, options);
    this.faults = faults;
  }
}

/** Format of a declared state. */
export type DeclarationFormat = "json" | "yaml";

/**
 * Derives the format from the name of a file.
 *
 * @param path Path of the file.
 * @returns `yaml` for `.yaml` and `.yml`, otherwise `json`.
 */
export function formatOfFile(path: string): DeclarationFormat {
  return /\.ya?ml$/i.test(path) ? "yaml" : "json";
}

/**
 * Parses the text of a declared state.
 *
 * @param text JSON or YAML.
 * @param format Format of the text.
 * @param source Where the text came from, for error messages.
 * @returns The declared state, with defaults filled in.
 * @throws {SyntaxError} When the text is not valid JSON or YAML.
 * @throws {DeclarationError} When the content is not a valid declared state; names the path of each fault.
 */
export function readDeclarationText(text: string, format: DeclarationFormat, source: string): Declaration {
  return parseDeclaration(parseText(text, format, source), source);
}

/**
 * Parses JSON or YAML of a file.
 *
 * @param text JSON or YAML.
 * @param format Format of the text.
 * @param source Where the text came from, for error messages.
 * @param expected What a text that is not JSON should be. Default: what a file may be, because the name of a file decides.
 * @returns The value.
 * @throws {TextError} When the text is not valid in this format.
 * @throws {DuplicateKeyError} When a JSON object has a field twice.
 */
export function parseText(
  text: string,
  format: DeclarationFormat,
  source: string,
  expected = "JSON, or YAML in a file whose name ends in .yaml or .yml",
): unknown {
  return runAtOnce(parseTextInSteps(text, format, source, fileBounds, expected));
}

/** Bounds on a file. It may be large, because only its reader waits for it. */
const fileBounds: YamlBounds = { characters: configBodyOctetsMax, tokens: configBodyOctetsMax };

/** Bounds on a request. They are lower, because YAML is composed in one step, during which other requests wait. */
export const requestBounds: YamlBounds = { characters: yamlBodyCharactersMax, tokens: yamlBodyTokensMax };

/**
 * Parses JSON or YAML in steps, between which the caller may pause. Parameters and errors are those of
 * {@link parseText}.
 *
 * @param bounds Bounds on YAML.
 * @param expected As for {@link parseText}. Default: JSON.
 */
export function* parseTextInSteps(
  text: string,
  format: DeclarationFormat,
  source: string,
  bounds: YamlBounds,
  expected = "JSON",
): Generator<void, unknown> {
  try {
    const content = withoutByteOrderMark(text);
    if (format === "yaml") return yield* parseYaml(content, bounds);
    return yield* parseJsonInSteps(content);
  } catch (error) {
    if (error instanceof DuplicateKeyError) throw error.in(source);
    if (error instanceof YamlError)
      throw new TextError(source, error.faults.map(describeYaml), { cause: error });
    // The parser of JSON shows the text around a fault, line breaks included.
    const why = (error instanceof Error ? error.message : `not valid ${format}`).replaceAll(/\s+/g, " ");
    const isOwn = format === "yaml" || /^found |\bexpected\b/.test(why);
    const problem = isOwn ? why : `found no JSON (${why}), expected ${expected}`;
    const line = /\(line (\d+) column \d+\)/.exec(why)?.[1];
    const fault = { line: line === undefined ? undefined : Number(line), problem };
    throw new TextError(source, [fault], { cause: error });
  }
}

const describeYaml = ({ message, line, column }: YamlFault): LocatedFault => ({
  line,
  problem: `found no YAML (${message} at line ${line}, column ${column}), expected YAML`,
});

/**
 * Formats a declared state in steps. As YAML, a list of some thousand items takes a second.
 *
 * @param declaration The declared state.
 * @param format Format of the text.
 * @returns The text, with a newline at its end.
 */
export function* formatDeclaration(
  declaration: Declaration,
  format: DeclarationFormat,
): Generator<void, string> {
  if (format === "json" || declaration.domains.length === 0) return formatText(declaration, format);
  let text = "domains:\n";
  for (const { lines, pools, reservations, ...settings } of declaration.domains) {
    text += indented(formatYaml([settings]), 2);
    yield;
    for (const [name, list] of Object.entries({ lines, pools, reservations })) {
      text += list.length === 0 ? `    ${name}: []\n` : `    ${name}:\n`;
      for (let start = 0; start < list.length; start += yamlSliceItems) {
        text += indented(formatYaml(list.slice(start, start + yamlSliceItems)), 6);
        yield;
      }
    }
  }
  return text;
}

/** Indents each line, except blank lines. They occur in multi-line texts only, where YAML ignores their indentation. */
function indented(text: string, columns: number): string {
  return text.replace(/^(?=.)/gm, " ".repeat(columns));
}

/**
 * Formats a declared state, or any other JSON value, as text.
 *
 * @param value A JSON value.
 * @param format Format of the text.
 * @returns The text, with a newline at its end.
 */
export function formatText(value: unknown, format: DeclarationFormat): string {
  return format === "yaml" ? formatYaml(value) : `${JSON.stringify(value, undefined, 2)}\n`;
}

/**
 * Formats a value as YAML that readers of YAML 1.1 and 1.2 read alike: to the older ones, `no` is false, `=` is a value of
 * its own kind, and 2026-01-01 is a date.
 */
function formatYaml(value: unknown): string {
  const document = new Document(value, { compat: "yaml-1.1" });
  visit(document, {
    Scalar: (_, scalar) => {
      // The library does not quote this one.
      if (scalar.value === "=") scalar.type = "QUOTE_DOUBLE";
    },
  });
  return document.toString();
}
