/**
 * The processes of a fleet. A killed process is replaced by one at the same address, and counts as replaced when that
 * one has served.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { startService } from "../bench/service.ts";
import type { Service, ServiceOptions } from "../bench/service.ts";
import type { Member } from "./chaos.ts";

/** What the processes of a fleet have in common. */
export interface Crew {
  /** Kills all processes and starts no more when it is aborted. */
  readonly signal: AbortSignal;
  /** Returns a number from 0 to 1, as `Math.random` does. */
  readonly random: () => number;
  /** Called when a process ends that nobody killed. */
  readonly onCrash: (error: unknown) => void;
  /** What ends the crew, in the order in which it was begun. */
  readonly closers: (() => Promise<void>)[];
  /** Replacements that were killed while they started. */
  killsOfStarting: number;
  /** How often the server did no write for so long that it was killed for it. */
  serverHangs: number;
  /** Replacements that ended by themselves before they were ready. The reasons of the last few. */
  readonly failedStarts: string[];
}

/** A member that is a process of this project. */
export interface StartedMember extends Member {
  /** The log line that showed that the first process was ready. */
  readonly ready: Service["ready"];
}

/** Share of the replacements that are killed while they start, and when at the latest, in milliseconds. */
const startKills = { share: 1 / 8, afterMsMax: 400 };

/** Starts of one replacement, before the fleet gives up. */
const startsMax = 20;

/** Time limit until a replacement has served, in milliseconds. */
const servedMsMax = 300_000;

/** Pause between two attempts to be served, in milliseconds. */
const attemptMs = 20;

/** How a process is started, and when it serves. */
interface Startable {
  /** Options of the process. Replacements get the line in which the first process said where it listens. */
  readonly optionsOf: (first: Service["ready"] | undefined) => ServiceOptions;
  /** Tries to be served by the process, and returns whether it was. */
  readonly isServed: (first: Service["ready"]) => Promise<boolean>;
}

/** Starts a process, which can be killed and stopped. */
export async function startMember(
  kind: "allocator" | "relay",
  crew: Crew,
  { optionsOf, isServed }: Startable,
): Promise<StartedMember> {
  const watch = (service: Service): Service => {
    service.ended.catch((error: unknown) => {
      if (service === current && !crew.signal.aborted) crew.onCrash(error);
    });
    return service;
  };
  let current: Service | undefined;
  const first = await startService({ ...optionsOf(undefined), signal: crew.signal });
  current = watch(first);
  const { name } = optionsOf(first.ready);
  const served = (): Promise<void> => awaitServed(name, crew.signal, () => isServed(first.ready));
  await served();
  return {
    kind,
    ready: first.ready,
    kill: async () => {
      const victim = current!;
      current = undefined;
      victim.kill();
      await seeDead(victim);
      current = watch(await startAgain(crew, optionsOf(first.ready)));
      await served();
    },
    pause: () => {
      const paused = current!;
      process.kill(paused.pid, "SIGSTOP");
      return () => {
        if (current === paused) process.kill(paused.pid, "SIGCONT");
      };
    },
  };
}

/** Waits until a process is dead. Only a kill may have ended it. */
async function seeDead({ ended }: Service): Promise<void> {
  const how = await ended.then(() => "The process stopped", String);
  if (!how.includes("exited with SIGKILL")) throw new Error(`Cannot kill a process: it had ended:\n${how}`);
}

/** Starts a replacement. Some are killed while they start. */
async function startAgain(crew: Crew, options: ServiceOptions): Promise<Service> {
  while (crew.random() < startKills.share) {
    const abort = new AbortController();
    const timer = setTimeout(() => {
      abort.abort();
    }, crew.random() * startKills.afterMsMax);
    const signal = AbortSignal.any([crew.signal, abort.signal]);
    try {
      return await startService({ ...options, signal });
    } catch (error) {
      if (!abort.signal.aborted) throw error;
      crew.killsOfStarting++;
    } finally {
      clearTimeout(timer);
    }
  }
  return retryStart(crew.failedStarts, () => startService({ ...options, signal: crew.signal }));
}

/** Tries again when a replacement ends by itself, as a service manager would. */
export async function retryStart<T>(failedStarts: string[], start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      failedStarts.push(String(error));
      if (attempt === startsMax) throw error;
    }
  }
}

/** Tries to be served until it works. The database of the process may be dead or stopped at this time. */
export async function awaitServed(
  what: string,
  signal: AbortSignal,
  isServed: () => Promise<boolean>,
): Promise<void> {
  const startMs = performance.now();
  while (!(await isServed())) {
    signal.throwIfAborted();
    if (performance.now() - startMs > servedMsMax)
      throw new Error(`Cannot go on: ${what} did not serve within ${servedMsMax} ms`);
    await delay(attemptMs);
  }
}
