/**
 * Is it the database's fault, or ours?
 *
 * @module
 */

/** The client wraps what the database says; what `fetch` says comes as it is, and names itself in its message only. */
export function isDatabaseError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    error.name.startsWith("Libsql") || (error instanceof TypeError && /fetch|network/i.test(error.message))
  );
}
