/**
 * Error for invalid settings of a relay.
 *
 * @module
 */
import { UsageError } from "../../src/failure.ts";

/** A fault of a setting. */
export interface ConfigFault {
  /** Name of the setting: its path, or the flag, variable, or line of a file that it was written in. */
  readonly name: string;
  /** What was found and what was expected. */
  readonly problem: string;
}

/** Thrown for invalid settings. The message lists every fault, and is one line if there is only one. */
export class ConfigError extends UsageError {
  override readonly name = "ConfigError";
  /** Each fault with its name, what was found and what was expected. */
  readonly faults: readonly string[];
  readonly #faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    const lines = faults.map(({ name, problem }) => `${name}: ${problem}`);
    super(`Cannot configure the relay:${lines.length === 1 ? ` ${lines[0]!}` : `\n  ${lines.join("\n  ")}`}`);
    this.faults = lines;
    this.#faults = faults;
  }

  /** @returns The same faults, each named by what the operator wrote: a flag, a variable, or a line of a file. */
  named(nameOf: (path: string) => string): ConfigError {
    return new ConfigError(this.#faults.map(({ name, problem }) => ({ name: nameOf(name), problem })));
  }
}

/**
 * Runs a check of settings whose faults are named by their paths.
 *
 * @param nameOf Returns what the operator knows a path by: a flag, a variable, or a line of a file.
 * @throws {ConfigError} With the faults of the check, under these names.
 */
export function namingFaults<T>(nameOf: (path: string) => string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw error instanceof ConfigError ? error.named(nameOf) : error;
  }
}
