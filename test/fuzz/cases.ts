/**
 * Cases: what the fuzzer gives to the code under test, so that it can be run again, shortened and kept in a file.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { decodeQuery } from "../../src/lease/query.ts";
import { reasons } from "../../src/lease/reasons.ts";
import { answerGrowthOctetsMax, messageOctetsMax } from "../../src/limits.ts";
import { encodeRelayReply } from "../../src/wire/dhcpv6/relay.ts";
import { decodeHex, encodeHex } from "../../src/wire/hex.ts";
import { AllocatorTarget } from "./allocator-target.ts";
import { checkCodecs } from "./codecs.ts";
import { ensure, same } from "./property.ts";
import { Random } from "../support/random.ts";
import { origins, relaySettings } from "./relay-settings.ts";
import { RelayTarget } from "./relay-target.ts";
import type { Down, Up } from "./relay-answers.ts";

/** A message for decoders, which they judge at once. */
export type Decoded =
  /** A datagram to all codecs. */
  | { readonly target: "codecs"; readonly octets: Uint8Array }
  /** A frame to the decoder of the allocator. */
  | { readonly target: "frame"; readonly octets: Uint8Array };

/** One message, and what it is given to. */
export type Single = Up | Down | Decoded;

/** Frames of one POST to the allocator. */
export interface Batch {
  readonly target: "batch";
  readonly frames: readonly Uint8Array[];
}

export type Case = Single | Batch;

/**
 * Gives a message to decoders.
 *
 * @returns The outcome, in words that the fuzzer counts.
 * @throws {PropertyError} When a property does not hold; any other error is one that the code should not have thrown.
 */
export function runDecoded({ target, octets }: Decoded): string {
  if (target === "frame") return judgeFrame(octets);
  checkCodecs(octets);
  return "checked";
}

/** The frame before the decoder had it. */
const kept = new Uint8Array(0x1_1000);
/** The longest answer that a query may get. */
const longestAnswer = new Uint8Array(answerGrowthOctetsMax);
/** A frame below this length leaves room for any answer: each level of an answer is at most as long as its question's. */
const roomyOctetsMax = messageOctetsMax - answerGrowthOctetsMax;

function judgeFrame(frame: Uint8Array): string {
  kept.set(frame);
  const result = decodeQuery(frame);
  ensure(
    same(frame, kept.subarray(0, frame.length)),
    () => "Decoders leave their input alone: the octets have changed",
  );
  if (result.kind === "drop") {
    ensure(Object.hasOwn(reasons, result.reason), () => `Drops have a known reason: found ${result.reason}`);
    return result.reason;
  }
  if (frame.length > roomyOctetsMax) {
    const { length } = encodeRelayReply(result.query.path, longestAnswer);
    ensure(
      length <= messageOctetsMax,
      () => `Each query that is accepted can be answered: found ${length} octets`,
    );
  }
  return "query";
}

/** Runs a case alone. A batch is served twice by a new allocator, because a repeat must not do harm either. */
export async function runCase(one: Case): Promise<void> {
  if (one.target === "batch") {
    const target = await AllocatorTarget.open(new Random(1));
    try {
      await target.serve(one.frames);
      await target.serve(one.frames);
    } finally {
      target.close();
    }
  } else if (one.target === "up" || one.target === "down") {
    const relay = await RelayTarget.open(new Random(1), () => undefined);
    relay.give(one);
    await relay.close();
  } else runDecoded(one);
}

/** A case as a file has it. */
const caseFile = v.object({
  /** What was wrong. */
  why: v.string(),
  target: v.picklist(["up", "down", "codecs", "frame", "batch"]),
  origin: v.optional(v.number()),
  setting: v.optional(v.number()),
  /** In hexadecimal; only a batch has several. */
  messages: v.array(v.pipe(v.string(), v.regex(/^([\da-f]{2})*$/))),
});

export function formatCase(one: Case, why: string): string {
  const { target } = one;
  const messages = (one.target === "batch" ? one.frames : [one.octets]).map(encodeHex);
  const numbers = {
    ...("origin" in one && { origin: one.origin }),
    ...("setting" in one && { setting: one.setting }),
  };
  return `${JSON.stringify({ why, target, ...numbers, messages } satisfies v.InferOutput<typeof caseFile>, null, 2)}\n`;
}

/** @throws {SyntaxError} When the text is not a case. */
export function parseCase(text: string): Case {
  const parsed: unknown = JSON.parse(text);
  if (!v.is(caseFile, parsed)) throw new SyntaxError("Cannot parse case: found no target or no messages");
  const { target, origin = 0, setting = 0, messages } = parsed;
  const octets = messages.map((message) => decodeHex(message));
  const [first] = octets;
  if (target === "batch") return { target, frames: octets };
  if (first === undefined || !(origin in origins) || !(setting in relaySettings)) {
    throw new SyntaxError(
      `Cannot parse case: found target ${JSON.stringify(target)} with ${messages.length} messages`,
    );
  }
  return { target, origin, setting, octets: first };
}

const foundFolder = join(import.meta.dirname, "found");

/** @returns The cases that were found once, by name of their file. */
export function foundCases(): ReadonlyMap<string, Case> {
  const files = readdirSync(foundFolder).filter((file) => file.endsWith(".json"));
  return new Map(
    files.sort().map((file) => [file, parseCase(readFileSync(join(foundFolder, file), "utf8"))]),
  );
}
