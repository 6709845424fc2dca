/**
 * A disk that loses power. It has what was synced before. Of what was written since, it may have all, nothing, a part,
 * or later writes without earlier ones.
 *
 * Names are as strict as POSIX has them: a new file is found after a loss only if its folder was synced. Changes of
 * names happen in their order, as in a file system with a journal. Octets beside those that are written stay as they
 * were, which SQLite assumes as well (`SQLITE_POWERSAFE_OVERWRITE`).
 *
 * @module
 */
import type { Random } from "../support/random.ts";
import type { DiskEvent, FileNumber } from "./trace.ts";

/** What a disk has: the contents of each file, by path. */
export type Image = ReadonlyMap<string, Buffer>;

/** How much of what was not synced a loss leaves. */
export const lossKinds = [
  "everything",
  "nothing",
  "torn-512",
  "torn-4096",
  "torn-with-length",
  "one-write-missing",
  "one-file-behind",
  "some-sectors",
  "length-only",
  "names-behind",
] as const;
export type LossKind = (typeof lossKinds)[number];

/** What a loss left. */
export interface Loss {
  readonly kind: LossKind;
  readonly image: Image;
}

type Change = Extract<DiskEvent, { kind: "write" | "truncate" }>;
type NameChange = Extract<DiskEvent, { kind: "create" | "unlink" }>;

interface Pending<T> {
  /** Number of the event. */
  readonly index: number;
  readonly change: T;
}

interface StoredFile {
  /** Where it was created. */
  readonly path: string;
  durable: Buffer;
  pending: Pending<Change>[];
}

const sectorOctets = 512;

/** A disk, after as many events as were applied to it. */
export class Disk {
  readonly #files = new Map<FileNumber, StoredFile>();
  readonly #names = new Map<string, FileNumber>();
  #pendingNames: Pending<NameChange>[] = [];
  /** Files whose next syncs do nothing. */
  readonly #ignored = new Set<FileNumber>();
  readonly #liesAbout: string | undefined;

  /** @param liesAbout A disk that lies: it does the first sync of this path, and only reports those that follow. */
  constructor(liesAbout?: string) {
    this.#liesAbout = liesAbout;
  }

  /** @param index Number of the event. */
  apply(event: DiskEvent, index: number): void {
    if (event.kind === "create") {
      this.#files.set(event.file, { path: event.path, durable: Buffer.alloc(0), pending: [] });
      this.#pendingNames.push({ index, change: event });
    } else if (event.kind === "unlink") {
      this.#pendingNames.push({ index, change: event });
    } else if (event.kind === "write" || event.kind === "truncate") {
      this.#files.get(event.file)!.pending.push({ index, change: event });
    } else if (event.kind === "sync" && !this.#ignored.has(event.file)) {
      const stored = this.#files.get(event.file)!;
      if (stored.path === this.#liesAbout) this.#ignored.add(event.file);
      stored.durable = contentOf(
        stored.durable,
        stored.pending.filter(({ index: at }) => at < event.from).map(changeOf),
      );
      stored.pending = stored.pending.filter(({ index: at }) => at >= event.from);
    } else if (event.kind === "sync-folder") {
      for (const { index: at, change } of this.#pendingNames)
        if (at < event.from) rename(this.#names, change);
      this.#pendingNames = this.#pendingNames.filter(({ index: at }) => at >= event.from);
    }
  }

  /** What the disk has if all that was written reaches it: as after the end of a process. */
  everything(): Image {
    return this.#image(({ pending }) => pending.map(changeOf));
  }

  /** @returns Losses that may happen now, without those of {@link everything}. Some are chosen at random. */
  losses(random: Random): Loss[] {
    const losses: Loss[] = [];
    const add = (kind: LossKind, survivors: (file: StoredFile) => readonly Change[], names?: number) => {
      losses.push({ kind, image: this.#image(survivors, names) });
    };
    const all = ({ pending }: StoredFile) => pending.map(changeOf);
    const behind = this.#pendingNames.length;
    if (behind > 0) add("names-behind", all, random.below(behind));
    const open = [...this.#files.values()].filter(({ pending }) => pending.length > 0);
    if (open.length === 0) return losses;
    add("nothing", () => [], 0);
    if (open.length > 1) {
      const late = random.pick(open);
      add("one-file-behind", (file) => (file === late ? [] : all(file)));
    }
    const file = open.reduce((a, b) => (a.pending.at(-1)!.index > b.pending.at(-1)!.index ? a : b));
    const instead = (changes: readonly Change[]) => (each: StoredFile) =>
      each === file ? changes : all(each);
    for (const loss of lossesOf(file, random)) add(loss.kind, instead(loss.changes));
    return losses;
  }

  #image(survivors: (file: StoredFile) => readonly Change[], names = this.#pendingNames.length): Image {
    const found = new Map(this.#names);
    for (const { change } of this.#pendingNames.slice(0, names)) rename(found, change);
    return new Map(
      [...found].map(([path, number]) => {
        const file = this.#files.get(number)!;
        return [path, contentOf(file.durable, survivors(file))];
      }),
    );
  }
}

/** Ways in which changes of one file can be lost. The last of them was under way. */
function lossesOf({ pending, durable }: StoredFile, random: Random) {
  const losses: { readonly kind: LossKind; readonly changes: readonly Change[] }[] = [];
  const changes = pending.map(changeOf);
  const before = changes.slice(0, -1);
  const last = changes.at(-1)!;
  if (last.kind === "write") {
    for (const [kind, octets] of [
      ["torn-512", 512],
      ["torn-4096", 4096],
    ] as const) {
      const [cut] = cutsOf(last, octets, random);
      if (cut === undefined) continue;
      const head = { ...last, data: last.data.subarray(0, cut) };
      losses.push({ kind, changes: [...before, head] });
      const data = Buffer.from(last.data).fill(0, cut);
      const isAtEnd = last.offset >= contentOf(durable, before).length;
      if (isAtEnd) losses.push({ kind: "torn-with-length", changes: [...before, { ...last, data }] });
    }
  }
  if (changes.length > 1) {
    const missing = random.below(changes.length - 1);
    losses.push({ kind: "one-write-missing", changes: changes.filter((_, index) => index !== missing) });
  }
  losses.push({ kind: "some-sectors", changes: someSectors(changes, random) });
  const length = contentOf(durable, changes).length;
  if (length !== durable.length) {
    losses.push({ kind: "length-only", changes: [{ kind: "truncate", file: last.file, length }] });
  }
  return losses;
}

/** @returns A random offset inside a write where a sector begins; empty if no sector begins there. */
function cutsOf(
  { offset, data }: Extract<Change, { kind: "write" }>,
  octets: number,
  random: Random,
): number[] {
  const cuts: number[] = [];
  for (let cut = octets - (offset % octets); cut < data.length; cut += octets) cuts.push(cut);
  return cuts.length === 0 ? [] : [random.pick(cuts)];
}

/** Each sector of each write is there or not. */
function someSectors(changes: readonly Change[], random: Random): Change[] {
  return changes.flatMap((change): Change[] => {
    if (change.kind === "truncate") return random.below(2) === 0 ? [change] : [];
    const { offset, data } = change;
    const sectors: Change[] = [];
    for (let at = 0; at < data.length;) {
      const end = Math.min(data.length, at + sectorOctets - ((offset + at) % sectorOctets));
      if (random.below(2) === 0)
        sectors.push({ ...change, offset: offset + at, data: data.subarray(at, end) });
      at = end;
    }
    return sectors;
  });
}

/** @returns The octets of a file after some changes. A gap has zeros. */
function contentOf(before: Buffer, changes: readonly Change[]): Buffer {
  if (changes.length === 0) return before;
  const ends = changes.map((change) =>
    change.kind === "write" ? change.offset + change.data.length : change.length,
  );
  const content = Buffer.alloc(Math.max(before.length, ...ends));
  before.copy(content);
  let length = before.length;
  for (const change of changes) {
    if (change.kind === "write") {
      change.data.copy(content, change.offset);
      length = Math.max(length, change.offset + change.data.length);
    } else {
      content.fill(0, Math.min(length, change.length));
      length = change.length;
    }
  }
  return content.subarray(0, length);
}

function changeOf({ change }: Pending<Change>): Change {
  return change;
}

function rename(names: Map<string, FileNumber>, change: NameChange): void {
  if (change.kind === "create") names.set(change.path, change.file);
  else names.delete(change.path);
}
