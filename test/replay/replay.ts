/**
 * Replays bodies of POSTs through the real pipeline and the real store, with the clock pinned.
 *
 * @module
 */
import { relayFramesMax } from "../../src/limits.ts";
import { decodeFrames, encodeFrames } from "../../src/wire/frames.ts";
import { openWorld, worldBegins } from "../fuzz/world.ts";
import type { World } from "../fuzz/world.ts";
import { query } from "../support/sql.ts";
import type { RecordedPost, Recording } from "./recording.ts";

/** A POST that is still to be answered. */
export type Post = Omit<RecordedPost, "answers">;

/** A recording, and what it took. */
export interface Replayed extends Recording {
  readonly messages: number;
  /** CPU time of this process while it served. */
  readonly cpuMs: number;
}

/** An allocator that answers one POST after the other. */
export class ReplayedAllocator {
  readonly #clock = { nowMs: worldBegins * 1000 };
  readonly #posts: RecordedPost[] = [];
  #world!: World;
  #messages = 0;
  #cpuMs = 0;

  static async open(): Promise<ReplayedAllocator> {
    const allocator = new ReplayedAllocator();
    allocator.#world = await openWorld(allocator.#clock);
    return allocator;
  }

  /** @returns The answers, in the order of their octets. */
  async post({ atMs, ageMs, body }: Post): Promise<readonly Uint8Array[]> {
    const frames = decodeFrames(new Uint8Array(Buffer.from(body, "base64")), relayFramesMax);
    this.#clock.nowMs = atMs;
    const before = process.cpuUsage();
    const served = await this.#world.serve(frames, ageMs);
    const { user, system } = process.cpuUsage(before);
    this.#cpuMs += (user + system) / 1000;
    this.#messages += frames.length;
    const answers = served.sort((a, b) => Buffer.compare(a, b));
    this.#posts.push({ atMs, ageMs, body, answers: Buffer.from(encodeFrames(answers)).toString("base64") });
    return answers;
  }

  /** @returns All that was answered, and what the database has then. */
  async end(): Promise<Replayed> {
    const { database, errors } = this.#world;
    if (errors.length > 0) throw new Error(`Cannot replay: the allocator logs ${errors[0]}`);
    const leases = await query(database, "SELECT * FROM lease ORDER BY slot");
    const history = await query(
      database,
      "SELECT slot, domain_id, client_id, since, until, source, softwire, site, relay_path, first_relay_path FROM history ORDER BY slot, since, until",
    );
    this.#world.close();
    return {
      posts: this.#posts,
      leases: leases.map(textOf),
      history: history.map(textOf),
      messages: this.#messages,
      cpuMs: this.#cpuMs,
    };
  }
}

/** @returns What the posts of a recording give now. */
export async function replay({ posts }: Pick<Recording, "posts">): Promise<Replayed> {
  const allocator = await ReplayedAllocator.open();
  for (const post of posts) await allocator.post(post);
  return allocator.end();
}

const textOf = (row: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(row, (_name, value: unknown) =>
    value instanceof Uint8Array || value instanceof ArrayBuffer
      ? Buffer.from(value as Uint8Array).toString("hex")
      : value,
  );
