/**
 * Error for invalid settings of a relay.
 *
 * @module
 */

/** Thrown for invalid settings; lists every fault. */
export class ConfigError extends TypeError {
  /** Each fault with its path, what was found and what was expected. */
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`Cannot configure the relay:\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
    this.name = "ConfigError";
    this.faults = faults;
  }
}
