/**
 * What a disk may have after a loss of power.
 */
import { expect, test } from "vitest";
import { Random } from "../support/random.ts";
import { Disk } from "./disk.ts";
import type { Image, LossKind } from "./disk.ts";
import type { DiskEvent } from "./trace.ts";

const [path, file] = ["/data/apportion.db", 0];

const create: DiskEvent = { kind: "create", path, file };
const write = (offset: number, length: number, octet: number): DiskEvent => ({
  kind: "write",
  file,
  offset,
  data: Buffer.alloc(length, octet),
});
const sync = (from: number): DiskEvent => ({ kind: "sync", file, from });
const syncFolder = (from: number): DiskEvent => ({ kind: "sync-folder", from });

/** The losses after some events, for many seeds: lengths of equal octets, such as `512×1 88×0`. */
function lossesAfter(...events: DiskEvent[]): Map<LossKind, Set<string>> {
  const found = new Map<LossKind, Set<string>>();
  const disk = new Disk();
  for (const [index, event] of events.entries()) disk.apply(event, index);
  for (let seed = 0; seed < 50; seed++) {
    for (const { kind, image } of disk.losses(new Random(seed))) {
      found.set(kind, (found.get(kind) ?? new Set()).add(show(image)));
    }
  }
  return found;
}

function show(image: Image): string {
  const content = image.get(path);
  if (content === undefined) return "no file";
  const runs: { octet: number; length: number }[] = [];
  for (const octet of content) {
    const last = runs.at(-1);
    if (last?.octet === octet) last.length += 1;
    else runs.push({ octet, length: 1 });
  }
  return runs.map(({ octet, length }) => `${length}×${octet}`).join(" ");
}

test("Disk.losses() leaves what was synced, and may lose what was written since", () => {
  const losses = lossesAfter(create, syncFolder(1), write(0, 512, 1), sync(3), write(512, 512, 2));
  expect(losses.get("nothing")).toEqual(new Set(["512×1"]));
  expect(losses.get("length-only")).toEqual(new Set(["512×1 512×0"]));
  expect(losses.get("some-sectors")).toEqual(new Set(["512×1", "512×1 512×2"]));
});

test("Disk.losses() has none when all is synced", () => {
  expect(lossesAfter(create, syncFolder(1), write(0, 512, 1), sync(3))).toEqual(new Map());
});

test("Disk.losses() may lose what was written while a sync ran", () => {
  const losses = lossesAfter(create, syncFolder(1), write(0, 512, 1), write(512, 512, 2), sync(3));
  expect(losses.get("nothing")).toEqual(new Set(["512×1"]));
});

test("Disk.losses() tears the last write where a sector of the file begins", () => {
  const losses = lossesAfter(create, syncFolder(1), write(0, 100, 1), sync(3), write(100, 1000, 2));
  expect(losses.get("torn-512")).toEqual(new Set(["100×1 412×2", "100×1 924×2"]));
  expect(losses.get("torn-with-length")).toEqual(new Set(["100×1 412×2 588×0", "100×1 924×2 76×0"]));
  expect(losses.has("torn-4096")).toBe(false);
});

test("Disk.losses() may lose a write and keep a later one", () => {
  const losses = lossesAfter(create, syncFolder(1), write(0, 512, 1), write(512, 512, 2));
  expect(losses.get("one-write-missing")).toEqual(new Set(["512×0 512×2"]));
});

test("Disk.losses() may lose the name of a file whose folder was not synced", () => {
  const losses = lossesAfter(create, write(0, 512, 1), sync(2));
  expect(losses).toEqual(new Map([["names-behind", new Set(["no file"])]]));
});

test("Disk.losses() may undo the deletion of a file", () => {
  const losses = lossesAfter(create, syncFolder(1), write(0, 512, 1), sync(3), { kind: "unlink", path });
  expect(losses.get("names-behind")).toEqual(new Set(["512×1"]));
});
