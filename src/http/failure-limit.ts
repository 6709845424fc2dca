/**
 * Who guesses tokens has to wait: a count of failures for each client address.
 *
 * @module
 */
import { authFailureAddressesMax, authFailuresMax, authFailureWindowMs } from "../limits.ts";

/** Counts failures by address. */
export interface FailureLimit {
  /** @returns Seconds until an address may try again; 0 when it may now. */
  readonly waitSeconds: (address: string) => number;
  readonly add: (address: string) => void;
}

/** Creates a limit. It remembers a bounded number of addresses, and forgets those that began to fail first. */
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
