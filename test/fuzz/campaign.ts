/**
 * A run of the fuzzer. It consists of epochs, each with its own random sequence and, if the allocator is a target, its
 * own databases, so that a failure can be repeated without all that came before.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { messageOctetsMax } from "../../src/limits.ts";
import { AllocatorTarget } from "./allocator-target.ts";
import { foundCases, runDecoded } from "./cases.ts";
import type { Case, Decoded, Single } from "./cases.ts";
import { Mutator } from "./mutate.ts";
import { ensure } from "./property.ts";
import { Random } from "../support/random.ts";
import { origins, relaySettings } from "./relay-settings.ts";
import { RelayTarget } from "./relay-target.ts";
import type { Down, Up } from "./relay-answers.ts";
import { buildCorpus } from "./seeds.ts";
import type { Corpus } from "./seeds.ts";

export type TargetName = "relay" | "allocator" | "both";

/** Messages of an epoch. */
export const epochMessages = 65_536;
/** The most frames of a batch: those of the honest clients fill up a POST of our relay. */
const batchFramesMax = 248;
/** CPU time in milliseconds that no message needs, not even one of 64 KiB. */
const messageCpuMsMax = 250;
/** CPU time in milliseconds that no batch needs, statements included. */
const batchCpuMsMax = 5000;
/** Outcomes that are hashed at once. */
const toldMax = 4096;
/** Octets that memory in use may grow by after the first epoch. */
const growthOctetsMax = 48 * 1024 * 1024;

/** What is run. */
export interface CampaignOptions {
  readonly seed: number;
  readonly target: TargetName;
  /** Number of the first epoch. */
  readonly firstEpoch: number;
  /** Asked before each epoch: how many messages it has, or 0 to end. */
  readonly nextEpoch: (messagesSoFar: number) => number;
  /** Told what is about to run. */
  readonly watch?: (epoch: number, step: number, octets: Uint8Array) => void;
}

/** What was seen. */
export interface CampaignResult {
  readonly messages: number;
  readonly epochs: number;
  /** Counts by target and outcome. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** Of all outcomes, of the lengths of messages, and of batches and answers: two runs of one seed have the same. */
  readonly hash: string;
  /** Octets in use after the first and after the last epoch, when garbage was collected. */
  readonly memory: readonly [first: number, last: number];
}

/** A failure, with what repeats it. */
export class CampaignFailure extends Error {
  readonly epoch: number;
  readonly step: number;
  readonly failed: Case;

  constructor(epoch: number, step: number, failed: Case, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.epoch = epoch;
    this.step = step;
    this.failed = failed;
  }
}

/**
 * Runs epochs.
 *
 * @throws {CampaignFailure} At the first failure.
 */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const hash = createHash("sha256");
  const outcomes = new Map<string, number>();
  const found = [...foundCases().values()].flatMap((one) =>
    one.target === "batch" ? one.frames : [one.octets],
  );
  const corpus = buildCorpus(new Random(options.seed), found);
  let messages = 0;
  let epochs = 0;
  let memory: [number, number] | undefined;
  for (let count = options.nextEpoch(0); count > 0; count = options.nextEpoch(messages)) {
    const epoch = new Epoch(options, options.firstEpoch + epochs, corpus, { hash, outcomes });
    await epoch.run(count);
    messages += count;
    epochs++;
    const used = memoryInUse();
    memory = [memory?.[0] ?? used, used];
    const [first] = memory;
    ensure(
      used - first <= growthOctetsMax,
      () => `Memory is flat: found ${used} octets, ${first} after one epoch`,
    );
  }
  return { messages, epochs, outcomes, hash: hash.digest("hex"), memory: memory ?? [0, 0] };
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function memoryInUse(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Where an epoch records what it saw. */
interface EpochRecord {
  readonly hash: ReturnType<typeof createHash>;
  readonly outcomes: Map<string, number>;
}

/** What a message can be made into, with how often in 32. */
const shares: Record<TargetName, Readonly<Record<Case["target"], number>>> = {
  relay: { up: 18, codecs: 10, down: 4, frame: 0, batch: 0 },
  allocator: { up: 0, codecs: 0, down: 0, frame: 28, batch: 4 },
  both: { up: 11, codecs: 6, down: 3, frame: 11, batch: 1 },
};

class Epoch {
  readonly #options: CampaignOptions;
  readonly #number: number;
  readonly #datagrams: Mutator;
  readonly #sent: Mutator;
  readonly #answers: Mutator;
  readonly #record: EpochRecord;
  readonly #random: Random;
  readonly #targets: readonly Case["target"][];
  #allocator: AllocatorTarget | undefined;
  #relay: RelayTarget | undefined;
  /** The last message that a relay was given. */
  #given: Up | Down = { target: "up", origin: 0, setting: 0, octets: new Uint8Array(0) };
  #frames: Uint8Array[] = [];
  #step = 0;
  /** Outcomes by target, numbered in the order of their first appearance. */
  readonly #outcomes: Record<Single["target"], Map<string, { readonly number: number; count: number }>> = {
    up: new Map(),
    down: new Map(),
    codecs: new Map(),
    frame: new Map(),
  };
  #outcomesKnown = 0;
  /** Outcomes that are not in the hash yet: number and length of the message. */
  readonly #telling = new Uint32Array(toldMax);
  #told = 0;

  constructor(options: CampaignOptions, number: number, corpus: Corpus, record: EpochRecord) {
    this.#options = options;
    this.#number = number;
    this.#record = record;
    this.#random = new Random(options.seed, number + 1);
    this.#datagrams = new Mutator(this.#random, corpus.datagrams);
    this.#sent = new Mutator(this.#random, corpus.frames);
    this.#answers = new Mutator(this.#random, corpus.answers);
    this.#targets = Object.entries(shares[options.target]).flatMap(([target, share]) =>
      new Array<Case["target"]>(share).fill(target as Case["target"]),
    );
  }

  async run(messages: number): Promise<void> {
    const { target } = this.#options;
    if (target !== "relay") this.#allocator = await AllocatorTarget.open(this.#random);
    if (target !== "allocator") this.#relay = await RelayTarget.open(this.#random, this.#onOutcome);
    try {
      await this.#runAll(messages);
      this.#hashTold();
      this.#countOutcomes();
      for (const [name, count] of Object.entries(this.#allocator?.counts() ?? {}))
        this.#count(`batch ${name}`, count);
    } finally {
      this.#allocator?.close();
    }
  }

  async #runAll(messages: number): Promise<void> {
    const random = this.#random;
    let batchSize = 1 + random.below(batchFramesMax);
    for (this.#step = 0; this.#step < messages; this.#step++) {
      const made = this.#make(random.pick(this.#targets));
      if (made.target === "batch") this.#frames.push(...made.frames);
      else if (made.target === "up" || made.target === "down") {
        const startMs = performance.now();
        const isDue = this.#giveRelay(made);
        if (performance.now() - startMs > messageCpuMsMax) await this.#timeAlone(made);
        if (isDue) await this.#endTurn((relay) => relay.turn());
      } else this.#runDecoded(made);
      if (this.#frames.length >= batchSize) {
        await this.#runBatch();
        batchSize = random.oneIn(4) ? 1 + random.below(batchFramesMax) : batchFramesMax;
      }
    }
    await this.#endTurn((relay) => relay.close());
    await this.#runBatch();
  }

  #make(target: Case["target"]): Case {
    const random = this.#random;
    switch (target) {
      case "up": {
        const octets = this.#datagrams.next();
        return {
          target,
          origin: random.below(origins.length),
          setting: random.below(relaySettings.length),
          octets,
        };
      }
      case "down":
        return { target, setting: random.below(relaySettings.length), octets: this.#answers.next() };
      case "codecs":
        return { target, octets: this.#datagrams.next() };
      case "frame":
        return { target, octets: this.#sent.next() };
      case "batch": {
        const frame = random.oneIn(3) ? this.#allocator?.goOn(random) : undefined;
        // A POST has no longer frames.
        return { target, frames: [frame ?? this.#sent.next().subarray(0, messageOctetsMax)] };
      }
    }
  }

  #runDecoded(decoded: Decoded): void {
    this.#options.watch?.(this.#number, this.#step, decoded.octets);
    try {
      const startMs = performance.now();
      const outcome = runDecoded(decoded);
      if (performance.now() - startMs > messageCpuMsMax) ensureQuick(() => runDecoded(decoded));
      this.#onOutcome(decoded.target, outcome, decoded.octets.length);
    } catch (error) {
      throw new CampaignFailure(this.#number, this.#step, decoded, error);
    }
  }

  /** @returns Whether the relays' turn should end. */
  #giveRelay(message: Up | Down): boolean {
    this.#options.watch?.(this.#number, this.#step, message.octets);
    this.#given = message;
    try {
      return this.#relay!.give(message);
    } catch (error) {
      throw new CampaignFailure(this.#number, this.#step, message, error);
    }
  }

  /** Gives a message that seemed slow to other relays, whose outcomes do not count. */
  async #timeAlone(message: Up | Down): Promise<void> {
    const relay = await RelayTarget.open(new Random(1), () => undefined);
    try {
      ensureQuick(() => relay.give(message));
      await relay.close();
    } catch (error) {
      throw new CampaignFailure(this.#number, this.#step, message, error);
    }
  }

  async #endTurn(end: (relay: RelayTarget) => Promise<void>): Promise<void> {
    const relay = this.#relay;
    if (relay === undefined) return;
    try {
      const start = process.cpuUsage();
      await end(relay);
      const cpuMs = process.cpuUsage(start).user / 1000;
      ensure(cpuMs <= batchCpuMsMax, () => `A turn takes at most ${batchCpuMsMax} ms: found ${cpuMs}`);
    } catch (error) {
      const failed = relay.current ?? this.#given;
      throw new CampaignFailure(this.#number, this.#step, failed, error);
    }
  }

  /** Counts an outcome, and mixes it into the hash of the run. */
  readonly #onOutcome = (target: Single["target"], outcome: string, octets: number): void => {
    let known = this.#outcomes[target].get(outcome);
    if (known === undefined) {
      known = { number: this.#outcomesKnown++, count: 0 };
      this.#outcomes[target].set(outcome, known);
      this.#record.hash.update(`${target} ${outcome}\n`);
    }
    known.count++;
    if (this.#told === toldMax) this.#hashTold();
    this.#telling[this.#told++] = known.number * 0x2_0000 + octets;
  };

  async #runBatch(): Promise<void> {
    const frames = this.#frames;
    if (this.#allocator === undefined || frames.length === 0) return;
    this.#frames = [];
    this.#options.watch?.(this.#number, this.#step, frames[0]!);
    try {
      const start = process.cpuUsage();
      const answers = await this.#allocator.serve(frames);
      const cpuMs = process.cpuUsage(start).user / 1000;
      ensure(cpuMs <= batchCpuMsMax, () => `A batch takes at most ${batchCpuMsMax} ms: found ${cpuMs}`);
      for (const octets of [...frames, ...answers]) this.#record.hash.update(octets);
    } catch (error) {
      throw new CampaignFailure(this.#number, this.#step, { target: "batch", frames }, error);
    }
  }

  #count(name: string, count: number): void {
    const { outcomes } = this.#record;
    outcomes.set(name, (outcomes.get(name) ?? 0) + count);
  }

  #hashTold(): void {
    this.#record.hash.update(this.#telling.subarray(0, this.#told));
    this.#told = 0;
  }

  #countOutcomes(): void {
    for (const [target, outcomes] of Object.entries(this.#outcomes)) {
      for (const [outcome, { count }] of outcomes) this.#count(`${target} ${outcome}`, count);
    }
  }
}

/** A slow machine is no fault: only a message that is slow each time, by its CPU time, is. */
function ensureQuick(run: () => void): void {
  let cpuMs = Infinity;
  for (let time = 0; time < 3; time++) {
    const start = process.cpuUsage();
    run();
    cpuMs = Math.min(cpuMs, process.cpuUsage(start).user / 1000);
  }
  ensure(cpuMs <= messageCpuMsMax, () => `A message takes at most ${messageCpuMsMax} ms: found ${cpuMs}`);
}
