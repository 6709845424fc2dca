/**
 * How a command says that it failed: its exit code, and the errors that have one.
 *
 * @module
 */

/** Exit codes of every command. */
export const exitCodes = {
  done: 0,
  /** It was understood and reached, but refused; a check found faults; or something else failed. */
  refused: 1,
  /** A flag, a variable, or a file that they name is wrong. */
  usage: 2,
  /** A server does not answer. */
  unreachable: 3,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What the operator wrote is wrong: a flag, a variable, or a file that they name. */
export class UsageError extends TypeError {
  override readonly name: string = "UsageError";
  readonly exitCode = exitCodes.usage;
}

/** A result cannot be printed. */
export class OutputError extends Error {
  override readonly name = "OutputError";
  readonly exitCode = exitCodes.refused;
}

/** A server does not answer. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
  readonly exitCode = exitCodes.unreachable;
}

/** @returns The exit code of a command that failed. */
export function exitCodeOf(error: unknown): ExitCode {
  const { exitCode } = (error ?? {}) as { readonly exitCode?: unknown };
  return Object.values(exitCodes).find((each) => each === exitCode) ?? exitCodes.refused;
}
