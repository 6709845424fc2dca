/**
 * The Deno entry with a clock that a test controls: timers of an hour or more fire at SIGUSR2, and jobs of `Deno.cron`
 * run at SIGWINCH. Other timers and clocks are unchanged.
 *
 * @module
 */

type Run = () => unknown;

interface Runtime {
  readonly cron?: (name: string, schedule: string, options: object, handler: Run) => Promise<void>;
  readonly addSignalListener: (signal: string, handler: Run) => void;
}

const hourMs = 3_600_000;
const timers: Run[] = [];
const jobs: Run[] = [];

const systemSetTimeout = globalThis.setTimeout;
const holdLongTimers = (run: Run, delayMs = 0): unknown => {
  if (delayMs < hourMs) return systemSetTimeout(run, delayMs);
  timers.push(run);
  return { unref: () => undefined };
};
Object.assign(globalThis, { setTimeout: holdLongTimers });

const { Deno: runtime } = globalThis as unknown as { Deno: Runtime };
const { cron } = runtime;
if (cron !== undefined) {
  // The job is also registered with Deno, which checks the schedule.
  Object.defineProperty(runtime, "cron", {
    value: ((name, schedule, options, handler) => {
      jobs.push(handler);
      return cron(name, schedule, options, handler);
    }) satisfies typeof cron,
  });
}

runtime.addSignalListener("SIGUSR2", () => {
  for (const run of timers.splice(0)) run();
});
runtime.addSignalListener("SIGWINCH", () => {
  for (const run of jobs) run();
});

const { default: entry } = await import("../../src/runtime/deno.ts");
export default entry;
