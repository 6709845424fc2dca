import { expect, test } from "vitest";
import type { WireRecord } from "../../src/load/wire-log.ts";
import { createPassedOn } from "./passed-on.ts";

const ack = (client: string, psid: number): WireRecord => ({
  is: "ack",
  client,
  at: 1,
  sentAt: 0,
  address: 1,
  psidOffset: 0,
  psidLength: 6,
  psid,
  leaseSeconds: 60,
});

test("ports that go to another client are counted by how the lease before ended", () => {
  const { add, counts } = createPassedOn();
  for (const record of [ack("a", 1), ack("b", 2), ack("a", 1)]) add(record);
  expect(counts).toEqual({ afterEnd: 0, afterRelease: 0 });
  add({ is: "release", client: "a", at: 2 });
  add(ack("c", 1));
  expect(counts).toEqual({ afterEnd: 0, afterRelease: 1 });
  add(ack("d", 1));
  add(ack("c", 3));
  add({ is: "release", client: "c", at: 3 });
  add(ack("e", 1));
  expect(counts).toEqual({ afterEnd: 2, afterRelease: 1 });
});
