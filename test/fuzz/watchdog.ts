/**
 * Watches from a thread of its own that the fuzzer goes on. A message on which the code under test stands still would
 * stop the fuzzer too, so the thread prints the message and kills the process.
 *
 * @module
 */
import { Worker } from "node:worker_threads";

/** Octets of the longest message that is kept. */
const keptOctetsMax = 0x1_0100;
const beatMs = 1000;

/** Plain JavaScript, so that it needs no loader. */
const program = `
const { workerData: { numbers, octets, seed, stallMs, beatMs } } = require("node:worker_threads");
const { writeSync } = require("node:fs");
let last = -1;
let stalledMs = 0;
setInterval(() => {
  const [beat, epoch, step, length, active] = numbers;
  stalledMs = beat === last && active === 1 ? stalledMs + beatMs : 0;
  last = beat;
  if (stalledMs < stallMs) return;
  const hex = Buffer.from(octets.slice(0, length)).toString("hex");
  writeSync(2, "fuzz: no progress for " + stallMs + " ms at seed " + seed + ", epoch " + epoch + ", step " + step +
    "\\nmessage: " + hex + "\\n");
  process.kill(process.pid, "SIGKILL");
}, beatMs);
`;

/** Knows what is running. */
export interface Watchdog {
  /** Says what is about to run. */
  readonly watch: (epoch: number, step: number, octets: Uint8Array) => void;
  /** Ends the watch. */
  readonly close: () => Promise<void>;
}

/**
 * Starts a watchdog.
 *
 * @param stallMs Milliseconds without progress after which the process is killed.
 */
export function startWatchdog(seed: number, stallMs: number): Watchdog {
  const numbers = new Int32Array(new SharedArrayBuffer(20));
  const octets = new Uint8Array(new SharedArrayBuffer(keptOctetsMax));
  const worker = new Worker(program, { eval: true, workerData: { numbers, octets, seed, stallMs, beatMs } });
  worker.unref();
  return {
    watch: (epoch, step, message) => {
      const length = Math.min(message.length, keptOctetsMax);
      octets.set(message.subarray(0, length));
      numbers[1] = epoch;
      numbers[2] = step;
      numbers[3] = length;
      numbers[4] = 1;
      numbers[0] = numbers[0]! + 1;
    },
    close: async () => {
      numbers[4] = 0;
      await worker.terminate();
    },
  };
}
