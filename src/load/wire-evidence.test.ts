import { describe, expect, test } from "vitest";
import { readEvidence } from "./wire-evidence.ts";
import { formatWireRecord, parseWireRecord } from "./wire-log.ts";
import type { WireRecord } from "./wire-log.ts";

const ack = (client: string, at: number, psid: number, fields: object = {}): WireRecord => ({
  is: "ack",
  client,
  at,
  sentAt: at - 10,
  address: 1,
  psidOffset: 0,
  psidLength: 6,
  psid,
  leaseSeconds: 100,
  ...fields,
});

describe("readEvidence()", () => {
  test("finds nothing where clients hold ports of their own", () => {
    const evidence = readEvidence([ack("a", 1000, 1), ack("b", 1000, 2), ack("a", 50_000, 1)]);
    expect(evidence).toMatchObject({ conflicts: [], broken: [], acks: 3 });
    expect(evidence.held.map(({ client, untilMs }) => [client, untilMs])).toEqual([
      ["a", 50_000 - 10 + 99_000],
      ["b", 1000 - 10 + 99_000],
    ]);
  });

  test("finds two clients with the same ports at one time", () => {
    const { conflicts } = readEvidence([ack("a", 1000, 1), ack("b", 99_000, 1)]);
    expect(conflicts.map(({ first, second }) => [first.client, second.client])).toEqual([["a", "b"]]);
  });

  test("a renewal makes a lease longer, so that a later client is in its way", () => {
    expect(
      readEvidence([ack("a", 1000, 1), ack("a", 60_000, 1), ack("b", 140_000, 1)]).conflicts,
    ).toHaveLength(1);
  });

  test.each([
    ["its time is over", []],
    ["it was released", [{ is: "release", client: "a", at: 2000 }]],
    ["it was refused", [{ is: "nak", client: "a", at: 2000 }]],
  ] as const)("says nothing of a pair that another gets when %s", (_, between) => {
    const at = between.length === 0 ? 100_000 : 3000;
    expect(readEvidence([ack("a", 1000, 1), ...between, ack("b", at, 1)]).conflicts).toEqual([]);
  });

  test("finds a running lease that is taken away by a NAK, or by another pair", () => {
    const records: WireRecord[] = [
      ...[ack("a", 1000, 1), ack("b", 1000, 2), ack("b", 2000, 3)],
      { is: "nak", client: "a", at: 2000 },
    ];
    expect(readEvidence(records).broken.map(({ lease }) => lease.client)).toEqual(["b", "a"]);
  });

  test("finds ports in common where an address is divided in two ways", () => {
    const full = { psidLength: 0 };
    expect(readEvidence([ack("a", 1000, 1), ack("b", 1000, 0, full)]).conflicts).toHaveLength(1);
    expect(readEvidence([ack("a", 1000, 1), ack("b", 1000, 1, { psidLength: 5 })]).conflicts).toEqual([]);
    expect(readEvidence([ack("a", 1000, 2), ack("b", 1000, 1, { psidLength: 5 })]).conflicts).toHaveLength(1);
  });
});

test("a wire log is read as it was written, and a line that is none is shown", () => {
  const record = ack("a", 1000, 1);
  expect(parseWireRecord(formatWireRecord(record).trim())).toEqual(record);
  expect(() => parseWireRecord('{"is":"ack"}')).toThrow(/found "\{"is":"ack"\}", expected a record/);
});
