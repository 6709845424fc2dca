/**
 * `npm run replay`: replays the recording, and prints its CPU time. With `--record`, it makes a new recording.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { Command, InvalidArgumentError } from "commander";
import { print } from "../../src/program-output.ts";
import { record } from "./record.ts";
import { readRecording, writeRecording } from "./recording.ts";
import { replay } from "./replay.ts";

function positive(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError("Expected a positive whole number.");
  return Number(text);
}

const flags = new Command("replay")
  .description(
    "Replays recorded POSTs through the pipeline, and compares answers and rows with the recording",
  )
  .option("--record", "make a new recording instead: what is answered now counts as right")
  .option("--repeat <count>", "how often it is replayed", positive, 5)
  .parse()
  .opts<{ readonly record?: true; readonly repeat: number }>();

if (flags.record === true) {
  const { posts, leases, history, messages } = await record();
  writeRecording({ posts, leases, history });
  print(`recorded ${messages} messages in ${posts.length} POSTs, ${leases.length} leases\n`);
} else {
  const recording = readRecording();
  for (let turn = 0; turn < flags.repeat; turn++) {
    const { cpuMs, messages, posts, leases, history } = await replay(recording);
    const isSame = isDeepStrictEqual({ posts, leases, history }, recording);
    const cost = `${((cpuMs * 1000) / messages).toFixed(1)} us CPU a message`;
    print(
      `${messages} messages in ${posts.length} POSTs, ${cost}, ${isSame ? "as recorded" : "NOT as recorded"}\n`,
    );
    if (!isSame) process.exitCode = 1;
  }
}
