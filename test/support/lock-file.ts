/**
 * Locks a database file from another connection.
 *
 * @module
 */
import Driver from "libsql";
import { onTestFinished } from "vitest";

/** Locks a database file for writing, as another process does that changes much at once. */
export function lockFile(path: string): Driver.Database {
  const other = new Driver(path);
  onTestFinished(() => {
    other.close();
  });
  other.exec("BEGIN IMMEDIATE");
  return other;
}
