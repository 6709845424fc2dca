/**
 * Counts unknown tokens, so that clients that guess tokens get 429 with Retry-After. The count blocks no valid token: a token is looked up first,
 * and only an unknown one is counted.
 *
 * @module
 */
import {
  authFailureAddressesMax,
  authFailuresMax,
  authFailuresTotalMax,
  authFailureWindowMs,
} from "../limits.ts";

/** Counts unknown tokens, of each address and of all together. A token that is presented again counts once. */
export interface FailureLimit {
  /**
   * Counts an unknown token.
   *
   * @param address Group of addresses that presented it.
   * @param token Identifies the token.
   * @returns Whole seconds until the address should try again; 0 if it has not presented too many.
   */
  readonly add: (address: string, token: string) => number;
  /** @returns Whether all addresses together have presented too many. */
  readonly isFlooded: () => boolean;
}

/** The unknown tokens since a time. */
interface Window {
  readonly tokens: Set<string>;
  readonly untilMs: number;
  isExceeded: boolean;
}

/**
 * Creates a count. It stores at most `authFailureAddressesMax` addresses, and drops the one whose failures began first.
 *
 * @param localMs A monotonic clock, in milliseconds.
 */
export function createFailureLimit(localMs: () => number): FailureLimit {
  const windows = new Map<string, Window>();
  let total = openWindow(localMs());
  const totalNow = (): Window => {
    if (localMs() >= total.untilMs) total = openWindow(localMs());
    return total;
  };
  const windowOf = (address: string): Window => {
    const known = windows.get(address);
    if (known !== undefined && localMs() < known.untilMs) return known;
    windows.delete(address);
    if (windows.size >= authFailureAddressesMax) windows.delete(windows.keys().next().value!);
    const opened = openWindow(localMs());
    windows.set(address, opened);
    return opened;
  };
  return {
    add(address, token) {
      const [own, all] = [windowOf(address), totalNow()];
      count(own, token, authFailuresMax);
      count(all, token, authFailuresTotalMax);
      const exceeded = [own, all].filter(({ isExceeded }) => isExceeded);
      const untilMs = Math.max(localMs(), ...exceeded.map((each) => each.untilMs));
      return Math.ceil((untilMs - localMs()) / 1000);
    },
    isFlooded: () => totalNow().isExceeded,
  };
}

function openWindow(nowMs: number): Window {
  return { tokens: new Set(), untilMs: nowMs + authFailureWindowMs, isExceeded: false };
}

function count(window: Window, token: string, tokensMax: number): void {
  if (window.tokens.has(token)) return;
  if (window.tokens.size < tokensMax) window.tokens.add(token);
  else window.isExceeded = true;
}
