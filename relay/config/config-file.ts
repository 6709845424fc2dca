/**
 * The configuration file of a relay: TOML.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import { relayConfigOctetsMax } from "../../src/limits.ts";
import { ConfigError } from "./config-error.ts";

/**
 * Reads a file, and checks no more than that it is TOML.
 *
 * @throws {ConfigError} When it can't be read or is no TOML; names the file, the line and the column.
 */
export function readConfigFile(file: string): Record<string, unknown> {
  const text = readText(file);
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [what] = error.message.split("\n");
    throw new ConfigError([`${file}:${error.line}:${error.column}: ${what}, expected TOML`]);
  }
}

function readText(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError([`${file}: found ${(error as Error).message}, expected a file that can be read`]);
  }
  if (text.length > relayConfigOctetsMax) {
    throw new ConfigError([
      `${file}: found ${text.length} characters, expected at most ${relayConfigOctetsMax}`,
    ]);
  }
  return text;
}
