/**
 * Shortens a case that fails: fewer frames, fewer options, fewer octets, more zeros.
 *
 * @module
 */
import type { Case } from "./cases.ts";
import { copyTree, encodeTree, joinOctets, listsOf, messagesOf, parseMessage6 } from "./tree.ts";
import type { Item, Message6 } from "./tree.ts";

/** Runs a case, and returns the property that it breaks; undefined if it breaks none. */
export type Breaks = (one: Case) => Promise<string | undefined>;

/** Runs that may be spent on one case. */
const triesMax = 5000;

/**
 * Shortens a case.
 *
 * @param hasTime Whether there is time for another run: those of a batch take long.
 * @returns The shortest case that was found to break the same property; undefined if the case breaks none when it is
 *   run alone.
 */
export async function shrink(
  one: Case,
  breaks: Breaks,
  hasTime: () => boolean = () => true,
): Promise<Case | undefined> {
  const broken = await breaks(one);
  if (broken === undefined) return undefined;
  let tries = triesMax;
  const canTry = () => tries > 0 && hasTime();
  const stillBreaks = async (other: Case): Promise<boolean> =>
    canTry() && tries-- > 0 && (await breaks(other)) === broken;
  if (one.target !== "batch") {
    const octets = await shrinkOctets(one.octets, canTry, (shorter) =>
      stillBreaks({ ...one, octets: shorter }),
    );
    return { ...one, octets };
  }
  let frames = await shrinkList(one.frames, canTry, (fewer) =>
    stillBreaks({ target: "batch", frames: fewer }),
  );
  for (const at of frames.keys()) {
    const withFrame = (frame: Uint8Array) => frames.with(at, frame);
    const frame = await shrinkOctets(frames[at]!, canTry, (shorter) =>
      stillBreaks({ target: "batch", frames: withFrame(shorter) }),
    );
    frames = withFrame(frame);
  }
  return { target: "batch", frames };
}

/** Leaves out parts of a list: halves first, single elements last. */
async function shrinkList<T>(
  list: readonly T[],
  canTry: () => boolean,
  isEnough: (list: readonly T[]) => Promise<boolean>,
): Promise<T[]> {
  let kept = [...list];
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length && canTry();) {
      const fewer = kept.toSpliced(at, size);
      if (await isEnough(fewer)) kept = fewer;
      else at += size;
    }
  }
  return kept;
}

type IsEnough = (octets: Uint8Array) => Promise<boolean>;

async function shrinkOctets(
  octets: Uint8Array,
  canTry: () => boolean,
  isEnough: IsEnough,
): Promise<Uint8Array> {
  let kept = await dropOptions(octets, isEnough);
  const parts = await shrinkList(
    Array.from(kept, (octet) => Uint8Array.of(octet)),
    canTry,
    (fewer) => isEnough(joinOctets(fewer)),
  );
  kept = joinOctets(parts);
  for (const [at, octet] of kept.entries()) {
    if (!canTry()) break;
    const zeroed = kept.slice();
    zeroed[at] = 0;
    if (octet !== 0 && (await isEnough(zeroed))) kept = zeroed;
  }
  return kept;
}

const listsIn = (tree: Message6): Item[][] => messagesOf(tree).flatMap((message) => listsOf(message));

/** Leaves out whole options, so that the lengths around them stay right. */
async function dropOptions(octets: Uint8Array, isEnough: IsEnough): Promise<Uint8Array> {
  let tree = parseMessage6(octets);
  if (!(await isEnough(encodeTree(tree)))) return octets;
  const listCount = listsIn(tree).length;
  for (let list = 0; list < listCount; list++) {
    for (let at = (listsIn(tree)[list]?.length ?? 0) - 1; at >= 0; at--) {
      const shorter = copyTree(tree);
      listsIn(shorter)[list]?.splice(at, 1);
      if (await isEnough(encodeTree(shorter))) tree = shorter;
    }
  }
  return encodeTree(tree);
}
