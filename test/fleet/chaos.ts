/**
 * Disturbs a running fleet: one disturbance at a time, at random times.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";

/** What can happen to a fleet. */
export type Disturbance =
  | "kill-allocator"
  | "kill-server"
  | "pause-allocator"
  | "pause-relay"
  /** The machine's clock is set, by up to ten years. */
  | "set-clock";

/** One process of the fleet that can be disturbed. */
export interface DisturbedProcess {
  readonly pid: () => number;
  /** Kills it with SIGKILL, and starts it again at the same address. */
  readonly kill: () => Promise<void>;
}

/** The parts of a fleet. A fleet on a file has no server, and one on a server has no clock that can be set. */
export interface DisturbedFleet {
  readonly allocators: readonly DisturbedProcess[];
  readonly relays: readonly Pick<DisturbedProcess, "pid">[];
  readonly server?: Pick<DisturbedProcess, "kill"> | undefined;
  /** Sets the clock that all allocators see this many seconds ahead of the machine's. */
  readonly setClock?: ((seconds: number) => Promise<void>) | undefined;
}

/** When and how to disturb. */
export interface ChaosOptions {
  /** Longest time between two disturbances, in milliseconds. The shortest is a quarter of it. */
  readonly calmMsMax: number;
  /** Longest time for which a process is stopped, in milliseconds. */
  readonly pauseMsMax: number;
  /** Returns a number from 0 to 1, as `Math.random` does. */
  readonly random: () => number;
}

/** Steps of a clock, in seconds: two hours and ten years, either way, and back to the right time. */
const clockSteps = [7200, -7200, 315_360_000, -315_360_000, 0];

/**
 * Starts to disturb the fleet. Each kind happens in turn, so that a short run has seen every kind.
 *
 * @returns `stop` ends it and returns how often each kind happened.
 */
export function startChaos(fleet: DisturbedFleet, { calmMsMax, pauseMsMax, random }: ChaosOptions) {
  const stopping = new AbortController();
  const choose = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  const pause = async (pid: number): Promise<void> => {
    process.kill(pid, "SIGSTOP");
    await delay(pauseMsMax * random());
    process.kill(pid, "SIGCONT");
  };
  const { server, setClock } = fleet;
  const kinds: Partial<Record<Disturbance, () => Promise<void>>> = {
    ...(server && { "kill-server": () => server.kill() }),
    ...(setClock && { "set-clock": () => setClock(choose(clockSteps)) }),
    "pause-relay": () => pause(choose(fleet.relays).pid()),
    "kill-allocator": () => choose(fleet.allocators).kill(),
    "pause-allocator": () => pause(choose(fleet.allocators).pid()),
  };
  const counts: Partial<Record<Disturbance, number>> = {};
  async function run(): Promise<void> {
    const all = Object.entries(kinds) as [Disturbance, () => Promise<void>][];
    for (let turn = 0; ; turn++) {
      try {
        await delay(calmMsMax * (0.25 + 0.75 * random()), undefined, { signal: stopping.signal });
      } catch {
        return;
      }
      const [kind, disturb] = all[turn % all.length]!;
      await disturb();
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
  }
  const running = run();
  // `stop` awaits this promise and reports a failure.
  let hasFailed = false;
  running.catch(() => (hasFailed = true));
  return {
    /** Whether each kind has happened, or none will any more because one failed. */
    isComplete: () => hasFailed || Object.keys(kinds).every((kind) => (counts[kind as Disturbance] ?? 0) > 0),
    stop: async () => {
      stopping.abort();
      await running;
      return counts;
    },
  };
}
