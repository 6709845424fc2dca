/**
 * The entry of Deno with a clock that a test sets: what shall run in an hour or more runs at SIGUSR2, what `Deno.cron`
 * was given at SIGWINCH. All else of time is as ever.
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

const ordinary = globalThis.setTimeout;
const kept = (run: Run, delayMs = 0): unknown => {
  if (delayMs < hourMs) return ordinary(run, delayMs);
  timers.push(run);
  return { unref: () => undefined };
};
Object.assign(globalThis, { setTimeout: kept });

const { Deno: runtime } = globalThis as unknown as { Deno: Runtime };
const { cron } = runtime;
if (cron !== undefined) {
  // Deno's own judges the schedule, and has it as well.
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
