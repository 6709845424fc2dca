/**
 * Where the application writes what an operator should know.
 *
 * @module
 */

/** A log that takes fields and a message; pino has this form. */
export interface Log {
  /** What became of single messages: many lines under load, so it is off unless asked for. */
  readonly debug: (fields: object, message: string) => void;
  readonly info: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
  readonly error: (fields: object, message: string) => void;
}
