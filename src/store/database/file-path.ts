/**
 * The path of a database file, from its URL.
 *
 * @module
 */
import { DatabaseError } from "./database.ts";

/**
 * Takes the path out of `file:PATH`. A file URL has no parameters here: with a token, as servers have it, the name of
 * the file would be a secret, and everybody who lists the folder would see it.
 *
 * @throws {DatabaseError} When there is a query or a fragment. The message shows nothing of the URL.
 */
export function filePathOf(url: string): string {
  if (/[?#]/.test(url)) {
    throw new DatabaseError(
      "Cannot open the database: found a ? or # in the URL of a file, expected file:PATH without parameters",
    );
  }
  return url.slice("file:".length);
}
