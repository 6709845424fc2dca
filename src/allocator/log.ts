/**
 * The log that the application writes for its operator.
 *
 * @module
 */

/** A log that takes fields and a message; pino has this form. */
export interface Log {
  /** The outcome of single messages: many lines under load, so it is off by default. */
  readonly debug: (fields: object, message: string) => void;
  readonly info: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
  readonly error: (fields: object, message: string) => void;
  /** Returns how many lines were lost because nobody took them. Platforms that collect console output lose none. */
  readonly linesLost?: (() => number) | undefined;
}
