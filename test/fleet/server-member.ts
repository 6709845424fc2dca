/**
 * The database server of a fleet.
 *
 * @module
 */
import type { Sqld } from "../support/sqld.ts";
import type { Member } from "./chaos.ts";
import { awaitServed, retryStart } from "./members.ts";
import type { Crew } from "./members.ts";

/** Time without a write after which a server hangs, in milliseconds: ten times as long as the longest pause. */
export const hangMsMin = 20_000;

/** A server that can be killed and stopped. */
export interface ServerMember extends Member {
  /**
   * Kills the server when it hangs, and counts that, until the fleet ends. On a loaded machine, a libSQL server ran on
   * but finished no write any more. A fleet could not go on: all kills wait until their replacements have served.
   *
   * @param nowMs A monotonic clock, in milliseconds.
   * @param pause Waits between two looks at the server.
   */
  readonly watch: (nowMs: () => number, pause: () => Promise<unknown>) => Promise<void>;
}

/**
 * Makes a member of a running server.
 *
 * @param isServed Tries a write, and returns whether it succeeded.
 */
export function serverMember(
  { pid, kill, restart }: Pick<Sqld, "pid" | "kill" | "restart">,
  crew: Crew,
  isServed: () => Promise<boolean>,
): ServerMember {
  const { signal, failedStarts } = crew;
  let isAlive = true;
  let last: Promise<void> = Promise.resolve();
  async function replace(): Promise<void> {
    isAlive = false;
    await kill();
    await retryStart(failedStarts, async () => {
      signal.throwIfAborted();
      await restart();
    });
    // The fleet may have ended meanwhile.
    if (signal.aborted) await kill();
    isAlive = true;
    await awaitServed("the server", signal, isServed);
  }
  /** Each kill is one of its own, also when the server is being killed because it hangs. */
  const replaceInTurn = (): Promise<void> => (last = last.then(replace));
  return {
    kind: "server",
    kill: replaceInTurn,
    pause: () => {
      if (!isAlive) return () => undefined;
      const paused = pid();
      process.kill(paused, "SIGSTOP");
      return () => {
        if (isAlive && pid() === paused) process.kill(paused, "SIGCONT");
      };
    },
    watch: async (nowMs, pause) => {
      let answeredMs = nowMs();
      while (!signal.aborted) {
        if (await isServed()) answeredMs = nowMs();
        else if (nowMs() - answeredMs >= hangMsMin) {
          crew.serverHangs++;
          await replaceInTurn();
          answeredMs = nowMs();
        }
        await pause();
      }
    },
  };
}
