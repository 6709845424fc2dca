/**
 * Takes the power away after each write of a recording, in many ways, and looks for what was acknowledged by then.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Random } from "../support/random.ts";
import { startSeconds } from "./actor.ts";
import type { Mark, Plant } from "./actor.ts";
import { Disk, lossKinds } from "./disk.ts";
import type { Image, LossKind } from "./disk.ts";
import { Examiner } from "./examine.ts";
import { beliefAfter } from "./ledger.ts";
import { record } from "./record.ts";
import type { Recording } from "./record.ts";

/** Options of {@link losePower}. */
export interface PowerLossOptions {
  readonly seed: number;
  readonly commits: number;
  /** An empty folder. */
  readonly folder: string;
  readonly plant?: Plant | undefined;
  /** How many of the other losses to try where everything that was written is tried: of 100. Default: all. */
  readonly percent?: number | undefined;
  /** Stops after so many violations. Default: 1. */
  readonly violationsMax?: number | undefined;
}

/** What was tried, and what was found. */
export interface PowerLossReport {
  readonly commits: number;
  /** Calls of the recording, by kind. */
  readonly events: Readonly<Record<string, number>>;
  /** Calls after which the power was taken away. */
  readonly points: number;
  /** How often what the log has was copied into the database. */
  readonly checkpoints: number;
  /** Losses by kind. */
  readonly losses: Readonly<Record<LossKind, number>>;
  /** Different contents of the files that were opened. */
  readonly images: number;
  /** Restarts of an allocator. */
  readonly restarts: number;
  /** Leases that were looked up after the restarts. */
  readonly leasesChecked: number;
  readonly renewals: number;
  readonly violations: readonly string[];
}

/** Records a run, and takes the power away. */
export async function losePower(options: PowerLossOptions): Promise<PowerLossReport> {
  const { seed, commits, folder, plant } = options;
  const recorded = join(folder, "recorded");
  await mkdir(recorded);
  const recording = await record({ seed, commits, folder: recorded, plant });
  const replay = new Replay(recording, options);
  await replay.run();
  return replay.report();
}

class Replay {
  readonly #recording: Recording;
  readonly #options: PowerLossOptions;
  readonly #random: Random;
  readonly #disk: Disk;
  readonly #examiner: Examiner;
  readonly #losses = Object.fromEntries(lossKinds.map((kind) => [kind, 0])) as Record<LossKind, number>;
  readonly #events: Record<string, number> = {};
  readonly #violations: string[] = [];
  /** Contents of images that were opened, by the hash of the image. */
  readonly #contents = new Map<string, string>();
  /** What was tried with a content, by step. */
  readonly #tried = new Set<string>();
  /** Contents that a loss may leave: that of the last acknowledged step, and later ones. */
  #expected: string[] = [];
  /** Contents after each acknowledged step, as the recorded process read them. */
  readonly #digests = new Map<number, string>();
  #acknowledged = 0;
  #points = 0;
  #checkpoints = 0;
  #restarts = 0;
  #leasesChecked = 0;
  #renewals = 0;

  constructor(recording: Recording, options: PowerLossOptions) {
    this.#recording = recording;
    this.#options = options;
    this.#random = new Random(options.seed ^ 0x9e3779b9);
    this.#disk = new Disk(options.plant === "lying-disk" ? recording.database : undefined);
    this.#examiner = new Examiner(join(options.folder, "examined"));
    this.#readDigests();
  }

  async run(): Promise<void> {
    const { events } = this.#recording;
    const { percent = 100, violationsMax = 1 } = this.#options;
    for (const [index, event] of events.entries()) {
      this.#events[event.kind] = (this.#events[event.kind] ?? 0) + 1;
      this.#disk.apply(event, index);
      if (event.kind !== "mark") this.#points += 1;
      // The first file is the database. It is synced once when it is made, and at the end of each checkpoint.
      if (event.kind === "sync" && event.file === 0) this.#checkpoints += 1;
      if (event.kind === "mark") this.#read(JSON.parse(event.text) as Mark);
      await this.#lose("everything", this.#disk.everything(), index);
      // What is lost after an acknowledgement is what the clients miss, so all that is tried.
      if (event.kind === "mark" || this.#random.below(100) < percent) {
        for (const { kind, image } of this.#disk.losses(this.#random)) await this.#lose(kind, image, index);
      }
      if (this.#violations.length >= violationsMax) return;
    }
  }

  report(): PowerLossReport {
    return {
      commits: this.#options.commits,
      events: this.#events,
      points: this.#points,
      checkpoints: this.#checkpoints,
      losses: this.#losses,
      images: this.#contents.size,
      restarts: this.#restarts,
      leasesChecked: this.#leasesChecked,
      renewals: this.#renewals,
      violations: this.#violations,
    };
  }

  #readDigests(): void {
    let step = 0;
    for (const event of this.#recording.events) {
      if (event.kind !== "mark") continue;
      const mark = JSON.parse(event.text) as Mark;
      if (mark.kind === "acknowledged") step = mark.step;
      else this.#digests.set(step, mark.digest);
    }
  }

  #read(mark: Mark): void {
    if (mark.kind === "content") {
      // Otherwise the recording lacks something, and the rest would prove nothing.
      if (this.#expected.at(-1) === mark.digest) return;
      this.#violations.push(
        `step ${this.#acknowledged}: the replay has another content than the recorded process`,
      );
      return;
    }
    this.#acknowledged = mark.step;
    // Earlier contents lack what was acknowledged now.
    this.#expected = this.#expected.slice(-1);
  }

  async #lose(kind: LossKind, image: Image, index: number): Promise<void> {
    this.#losses[kind] += 1;
    const { steps } = this.#recording;
    const count = this.#acknowledged;
    const now = (steps[count] ?? steps[count - 1])?.now ?? startSeconds;
    const hash = hashOf(image);
    const report = (text: string) => {
      const after = steps[count - 1]?.title ?? "nothing";
      const during = steps[count]?.title ?? "nothing";
      const where = `seed ${this.#options.seed}, call ${index}, ${kind}, after step ${count} (${after}), during: ${during}`;
      this.#violations.push(`${where}: ${text}`);
    };
    let digest = this.#contents.get(hash);
    if (digest === undefined) {
      try {
        digest = await this.#examiner.read(image, now);
      } catch (error) {
        report(String(error));
        return;
      }
      this.#contents.set(hash, digest);
    }
    if (kind === "everything" && this.#expected.at(-1) !== digest) this.#expected.push(digest);
    if (!this.#expected.includes(digest)) {
      report("the content is not that of the last acknowledged commit, nor of a later one");
    }
    // The step under way may have been committed. Then it counts.
    const isNextDone = count < steps.length && this.#digests.get(count + 1) === digest;
    const reached = isNextDone ? count + 1 : count;
    const trial = `${digest} ${reached}`;
    if (this.#tried.has(trial)) return;
    this.#tried.add(trial);
    const belief = beliefAfter(steps, reached);
    this.#restarts += 1;
    this.#leasesChecked += belief.given.length;
    this.#renewals += belief.leases.size;
    try {
      for (const missing of await this.#examiner.examine(image, now, belief)) report(missing);
    } catch (error) {
      report(String(error));
    }
  }
}

function hashOf(image: Image): string {
  const hash = createHash("sha1");
  for (const [path, content] of [...image].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${path} ${content.length}\n`).update(content);
  }
  return hash.digest("base64");
}
