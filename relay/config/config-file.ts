/**
 * The configuration file of a relay: TOML.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import { withoutByteOrderMark } from "../../src/byte-order-mark.ts";
import { relayConfigOctetsMax } from "../../src/limits.ts";
import { ConfigError } from "./config-error.ts";

/**
 * Reads a file and parses it as TOML. It does not check the settings.
 *
 * @throws {ConfigError} If the file can't be read, is too long or is not TOML; names the file, and for a TOML error the
 *   line and the column.
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
    throw new ConfigError([`${file}: found ${(error as Error).message}, expected a readable file`]);
  }
  if (text.length > relayConfigOctetsMax) {
    throw new ConfigError([
      `${file}: found ${text.length} characters, expected at most ${relayConfigOctetsMax}`,
    ]);
  }
  try {
    return withoutByteOrderMark(text);
  } catch (error) {
    throw new ConfigError([`${file}: ${(error as Error).message}`]);
  }
}
