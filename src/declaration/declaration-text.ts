/**
 * A declared state as text: JSON or YAML. YAML is what people write, with comments; both say the same.
 *
 * @module
 */
import { parse, stringify } from "yaml";
import { yamlAliasesMax } from "../limits.ts";
import { parseDeclaration } from "./declaration.ts";
import type { Declaration } from "./declaration.ts";

/** How a declared state is written. */
export type DeclarationFormat = "json" | "yaml";

/** @returns The format that a file's name says; JSON without one that is known. */
export function formatOfFile(path: string): DeclarationFormat {
  return /\.ya?ml$/i.test(path) ? "yaml" : "json";
}

/**
 * Reads a declared state.
 *
 * @param source What it was read from, for messages.
 * @throws {SyntaxError} When it is no JSON or YAML.
 * @throws {DeclarationError} When it is not a declared state, with each fault's path.
 */
export function readDeclarationText(text: string, format: DeclarationFormat, source: string): Declaration {
  return parseDeclaration(parseText(text, format, source), source);
}

/**
 * Reads the JSON or YAML of a text.
 *
 * @throws {SyntaxError} When it is none.
 */
export function parseText(text: string, format: DeclarationFormat, source: string): unknown {
  try {
    return format === "yaml"
      ? (parse(text, { maxAliasCount: yamlAliasesMax }) as unknown)
      : (JSON.parse(text) as unknown);
  } catch (error) {
    const why = error instanceof Error ? error.message : `no ${format}`;
    throw new SyntaxError(`Cannot read ${source}: ${why}`, { cause: error });
  }
}

/** Writes a declared state, or anything else that JSON can hold. */
export function formatText(value: unknown, format: DeclarationFormat): string {
  return format === "yaml" ? stringify(value) : `${JSON.stringify(value, undefined, 2)}\n`;
}
