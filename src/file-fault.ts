/**
 * Why a file cannot be read, in words for the operator who named it.
 *
 * @module
 */

/** What each error of the system means for a file that is to be read. */
const meanings: Readonly<Record<string, string>> = {
  ENOENT: "found no such file",
  ENOTDIR: "found a file where its path has a folder",
  EISDIR: "found a folder",
  EACCES: "found a file that this user may not read",
  ELOOP: "found a link that leads to itself",
};

/**
 * Describes a failure to read a file.
 *
 * @param error What the system reported.
 * @param expected What the file should have been, such as `a readable file`.
 */
export function describeFileFault(error: unknown, expected: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return `${meanings[code ?? ""] ?? `found ${message}`}, expected ${expected}`;
}
