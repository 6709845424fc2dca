/**
 * The configuration file of a relay: TOML.
 *
 * @module
 */
import { parse, TomlError } from "smol-toml";
import { relayConfigOctetsMax } from "../../src/limits.ts";
import { readTextFile } from "../../src/text-file.ts";
import { ConfigError } from "./config-error.ts";
import { lineOf } from "./toml-lines.ts";

/** A configuration file. */
export interface ConfigFile {
  readonly input: Readonly<Record<string, unknown>>;
  /** Names a setting by the file, its line and its path. */
  readonly nameOf: (path: string) => string;
}

/**
 * Reads a file and parses it as TOML. It does not check the settings.
 *
 * @throws {ConfigError} If the file can't be read, is too long or is not TOML; names the file, and for a TOML error the
 *   line and the column.
 */
export function readConfigFile(file: string): ConfigFile {
  const text = readText(file);
  try {
    const nameOf = (path: string): string => {
      const line = lineOf(text, path);
      return `${file}${line === undefined ? "" : `:${line}`}: ${path}`;
    };
    return { input: parse(text), nameOf };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [what] = error.message.split("\n");
    throw new ConfigError([
      { name: `${file}:${error.line}:${error.column}`, problem: `found ${what}, expected TOML` },
    ]);
  }
}

function readText(file: string): string {
  try {
    return readTextFile(file, { octetsMax: relayConfigOctetsMax, expected: "a readable file" });
  } catch (error) {
    throw new ConfigError([{ name: file, problem: (error as Error).message }]);
  }
}
