/**
 * Timers and clocks of the platform that product code uses without a parameter: long work is done in slices, which are
 * measured, and counts are kept for a while. In virtual time there is no other work, so what is put off runs at once.
 *
 * @module
 */

/**
 * Replaces `setTimeout` for what is put off without a delay, and `performance.now`.
 *
 * @param nowMs Milliseconds of virtual time.
 * @returns Puts those of the platform back.
 */
export function replaceTimers(nowMs: () => number): () => void {
  const { setTimeout: timerBefore } = globalThis;
  const replaced = (run: () => void, delayMs = 0, ...rest: unknown[]): unknown => {
    if (delayMs > 0) return Reflect.apply(timerBefore, globalThis, [run, delayMs, ...rest]);
    queueMicrotask(run);
    return undefined;
  };
  globalThis.setTimeout = replaced as typeof setTimeout;
  performance.now = nowMs;
  return () => {
    globalThis.setTimeout = timerBefore;
    // It is inherited.
    Reflect.deleteProperty(performance, "now");
  };
}
