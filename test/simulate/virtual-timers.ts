/**
 * Timers of the platform that product code uses without a parameter: it lets other work run between slices of long
 * work. In virtual time there is no other work, so what is put off runs at once.
 *
 * @module
 */

/**
 * Replaces `setTimeout` for what is put off without a delay.
 *
 * @returns Puts the timers of the platform back.
 */
export function replaceTimers(): () => void {
  const { setTimeout: before } = globalThis;
  const replaced = (run: () => void, delayMs = 0, ...rest: unknown[]): unknown => {
    if (delayMs > 0) return Reflect.apply(before, globalThis, [run, delayMs, ...rest]);
    queueMicrotask(run);
    return undefined;
  };
  globalThis.setTimeout = replaced as typeof setTimeout;
  return () => {
    globalThis.setTimeout = before;
  };
}
