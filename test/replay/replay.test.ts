import { expect, test } from "vitest";
import { unwrap } from "../support/allocator.ts";
import { decodeFrames } from "../../src/wire/frames.ts";
import { readRecording } from "./recording.ts";
import { replay } from "./replay.ts";

const recording = readRecording();

test("recorded POSTs get the recorded answers and leave the recorded rows", async () => {
  const { cpuMs, messages, ...replayed } = await replay(recording);
  console.log(`${messages} messages, ${((cpuMs * 1000) / messages).toFixed(1)} us CPU a message`);
  for (const [index, { answers }] of recording.posts.entries())
    expect(replayed.posts[index]!.answers, `POST ${index}`).toBe(answers);
  expect(replayed.leases).toEqual(recording.leases);
  expect(replayed.history).toEqual(recording.history);
});

test("the recording has all kinds of answers", () => {
  const kinds = new Map<string, number>();
  for (const { answers } of recording.posts)
    for (const frame of decodeFrames(Buffer.from(answers, "base64"), 1024)) {
      const type = unwrap(frame).type!;
      kinds.set(type, (kinds.get(type) ?? 0) + 1);
    }
  for (const type of ["offer", "ack", "nak"]) expect(kinds.get(type)).toBeGreaterThan(50);
});
