/**
 * The program that is recorded. It plays in two processes on one file, one step after the other, and writes what was
 * acknowledged. The second process is this program too.
 *
 * @module
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { Actor } from "./actor.ts";
import type { ActorOptions, Outcome, Task } from "./actor.ts";
import { play } from "./play.ts";
import type { PlayOptions } from "./play.ts";

/** What the program is told, as JSON in its only argument. */
export interface RecordedOptions extends PlayOptions, Omit<ActorOptions, "marks"> {
  readonly marks: string;
  readonly laterMigrations: string;
  /** Where to write what was acknowledged: JSON. */
  readonly ledger: string;
}

type Message = readonly [task: Task, step: number, now: number];

const options = JSON.parse(process.argv[2]!) as RecordedOptions;
const marks = openSync(options.marks, "a");
const actor = new Actor({ ...options, marks });

if (process.send === undefined) await direct();
else
  process.on(
    "message",
    (message: Message) => void actor.do(...message).then((outcome) => process.send!(outcome)),
  );

async function direct(): Promise<void> {
  const other = fork(import.meta.filename, process.argv.slice(2), { serialization: "advanced" });
  const steps = await play(
    {
      laterMigrations: options.laterMigrations,
      act: async (number, ...message) => {
        if (number === 0) return actor.do(...message);
        const answer = once(other, "message");
        other.send(message);
        const [outcome] = (await answer) as [Outcome];
        return outcome;
      },
    },
    options,
  );
  writeFileSync(options.ledger, JSON.stringify(steps));
  closeSync(marks);
  const ended = once(other, "exit");
  other.disconnect();
  await ended;
}
