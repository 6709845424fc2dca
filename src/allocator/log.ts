/**
 * The log for operators.
 *
 * @module
 */

/** A log whose methods take fields and a message, like pino. */
export interface Log {
  /** For the outcome of single messages. Off by default, because there are many lines under load. */
  readonly debug: (fields: object, message: string) => void;
  /** Returns whether lines of level debug are written. Default: true. */
  readonly logsDebug?: (() => boolean) | undefined;
  readonly info: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
  readonly error: (fields: object, message: string) => void;
  /** Returns how many lines were lost because they could not be written. Platforms that collect console output lose none. */
  readonly linesLost?: (() => number) | undefined;
}
