/**
 * The configuration file of a relay: TOML.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import { withoutByteOrderMark } from "../../src/byte-order-mark.ts";
import { relayConfigOctetsMax } from "../../src/limits.ts";
import { describeFileFault } from "../../src/file-fault.ts";
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
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError([{ name: file, problem: describeFileFault(error, "a readable file") }]);
  }
  if (text.length > relayConfigOctetsMax) {
    throw new ConfigError([
      {
        name: file,
        problem: `found ${text.length} characters, expected at most ${relayConfigOctetsMax}`,
      },
    ]);
  }
  try {
    return withoutByteOrderMark(text);
  } catch (error) {
    throw new ConfigError([{ name: file, problem: (error as Error).message }]);
  }
}
