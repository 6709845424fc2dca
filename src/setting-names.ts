/**
 * The environment variables of the programs. A misspelt one would be ignored in silence.
 *
 * @module
 */

/** Variables that a program reads. */
const variables = [
  "APPORTION_ADMIN_TOKEN",
  "APPORTION_ALLOCATOR_URL",
  "APPORTION_BINDING_LOG_DAYS",
  "APPORTION_DATABASE_TOKEN",
  "APPORTION_DATABASE_URL",
  "APPORTION_HISTORY_DAYS",
  "APPORTION_HOUSEKEEPING_MINUTES",
  "APPORTION_PLACEMENTS",
  "APPORTION_RELAY_TOKEN",
  "APPORTION_TRUSTED_PROXIES",
  "APPORTION_URL",
];

const prefix = "APPORTION_";

/** A variable that no program reads, and the one that was probably meant. */
export interface MisspeltVariable {
  readonly variable: string;
  readonly nearest: string;
}

/**
 * Finds variables that look like misspelt ones of ours. Others that begin with `APPORTION_` belong to somebody else.
 *
 * @param environment Environment variables by name.
 */
export function findMisspelt(environment: Readonly<Record<string, unknown>>): MisspeltVariable[] {
  return Object.keys(environment)
    .filter((name) => name.toUpperCase().startsWith(prefix) && !variables.includes(name))
    .flatMap((variable) => {
      const nearest = nearestOf(variable.toUpperCase());
      return nearest === undefined ? [] : [{ variable, nearest }];
    });
}

/** What was found in the place of any misspelt variable. */
export const misspeltFound = "a variable that nothing reads";

/** Says in one line what to do about a misspelt variable. */
export function describeMisspelt({ variable, nearest }: MisspeltVariable): string {
  return `${variable}: found ${misspeltFound}, expected ${nearest}?`;
}

function nearestOf(name: string): string | undefined {
  const ours = name.slice(prefix.length);
  const [nearest] = variables
    .map((variable) => ({ variable, distance: distanceOf(ours, variable.slice(prefix.length)) }))
    .filter(({ distance }) => distance <= Math.max(1, Math.ceil(ours.length / 4)))
    .sort((a, b) => a.distance - b.distance);
  // A part of a name, such as APPORTION_TOKEN, is far from all of them.
  const isPart = (variable: string): boolean => `_${variable.slice(prefix.length)}_`.includes(`_${ours}_`);
  return nearest?.variable ?? variables.find(isPart);
}

/** How many letters have to be inserted, deleted or replaced to turn one text into the other. */
function distanceOf(from: string, to: string): number {
  let before = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let at = 1; at <= to.length; at++) {
      const replaced = before[at - 1]! + (from[row - 1] === to[at - 1] ? 0 : 1);
      current.push(Math.min(replaced, before[at]! + 1, current[at - 1]! + 1));
    }
    before = current;
  }
  return before[to.length]!;
}
