/**
 * Slows down the guessing of tokens: an address with too many failed authentications must wait.
 *
 * @module
 */
import { authFailureAddressesMax, authFailuresMax, authFailureWindowMs } from "../limits.ts";

/** Counts failed authentications per address. */
export interface FailureLimit {
  /** @returns Whole seconds until the address may try again; 0 if it may try now. */
  readonly waitSeconds: (address: string) => number;
  readonly add: (address: string) => void;
}

/**
 * Creates a limit. It stores at most `authFailureAddressesMax` addresses, and drops the one whose failures began first.
 *
 * @param localMs A monotonic clock, in milliseconds.
 */
export function createFailureLimit(localMs: () => number): FailureLimit {
  const windows = new Map<string, { failures: number; readonly until: number }>();
  const current = (address: string) => {
    const window = windows.get(address);
    return window !== undefined && localMs() < window.until ? window : undefined;
  };
  return {
    waitSeconds(address) {
      const window = current(address);
      if (window === undefined || window.failures < authFailuresMax) return 0;
      return Math.ceil((window.until - localMs()) / 1000);
    },
    add(address) {
      const window = current(address);
      if (window !== undefined) {
        window.failures += 1;
        return;
      }
      windows.delete(address);
      if (windows.size >= authFailureAddressesMax) windows.delete(windows.keys().next().value!);
      windows.set(address, { failures: 1, until: localMs() + authFailureWindowMs });
    },
  };
}
