/**
 * Environment variables.
 *
 * @module
 */

/** The variables of this project, and those that systemd sets for it. Others may mean something when they are empty. */
const isOurs = (name: string): boolean =>
  /^(APPORTION_|LOG_LEVEL$|DEBUG$|CREDENTIALS_DIRECTORY$|NOTIFY_SOCKET$)/.test(name);

/**
 * Leaves out variables that are empty: files of variables often have `NAME=` for a setting that is not made.
 *
 * @returns The variables that count as set.
 */
export function withoutEmptyVariables<T>(environment: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
}

/**
 * Removes the empty variables of this project from the environment of the process, so that every part of the program
 * finds them unset. Called before anything reads them.
 */
export function removeEmptyVariables(environment: Record<string, string | undefined>): void {
  // Nothing is assigned: the platform would turn `undefined` into a text.
  for (const name of Object.keys(environment).filter(isOurs)) {
    if (environment[name] === "") Reflect.deleteProperty(environment, name);
  }
}
