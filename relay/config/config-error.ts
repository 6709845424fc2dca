/**
 * What is wrong with settings that a relay can't work with.
 *
 * @module
 */

/** Settings that can't be worked with. */
export class ConfigError extends TypeError {
  /** Each with its path, what was found and what was expected. */
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`Cannot configure the relay:\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
    this.name = "ConfigError";
    this.faults = faults;
  }
}
