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
  test("finds no conflict when every client holds different ports", () => {
    const evidence = readEvidence([ack("a", 1000, 1), ack("b", 1000, 2), ack("a", 50_000, 1)]);
    expect(evidence).toMatchObject({ conflicts: [], broken: [], acks: 3 });
    expect(evidence.held.map(({ client, untilMs }) => [client, untilMs])).toEqual([
      ["a", 50_000 - 10 + 99_000],
      ["b", 1000 - 10 + 99_000],
    ]);
  });

  test("finds two clients that held the same ports at the same time", () => {
    const { conflicts } = readEvidence([ack("a", 1000, 1), ack("b", 99_000, 1)]);
    expect(conflicts.map(({ first, second }) => [first.client, second.client])).toEqual([["a", "b"]]);
  });

  test("finds a conflict with a lease that a renewal extended", () => {
    expect(
      readEvidence([ack("a", 1000, 1), ack("a", 60_000, 1), ack("b", 140_000, 1)]).conflicts,
    ).toHaveLength(1);
  });

  test.each([
    ["the lease has expired", []],
    ["the lease was released", [{ is: "release", client: "a", at: 2000 }]],
    ["the client got a NAK", [{ is: "nak", client: "a", at: 2000 }]],
  ] as const)("finds no conflict when another client gets the pair after %s", (_, between) => {
    const at = between.length === 0 ? 100_000 : 3000;
    expect(readEvidence([ack("a", 1000, 1), ...between, ack("b", at, 1)]).conflicts).toEqual([]);
  });

  test("finds a running lease that a NAK or another pair took away", () => {
    const records: WireRecord[] = [
      ...[ack("a", 1000, 1), ack("b", 1000, 2), ack("b", 2000, 3)],
      { is: "nak", client: "a", at: 2000 },
    ];
    expect(readEvidence(records).broken.map(({ lease }) => lease.client)).toEqual(["b", "a"]);
  });

  test("finds common ports when leases of an address have different PSID-lengths", () => {
    const full = { psidLength: 0 };
    expect(readEvidence([ack("a", 1000, 1), ack("b", 1000, 0, full)]).conflicts).toHaveLength(1);
    expect(readEvidence([ack("a", 1000, 1), ack("b", 1000, 1, { psidLength: 5 })]).conflicts).toEqual([]);
    expect(readEvidence([ack("a", 1000, 2), ack("b", 1000, 1, { psidLength: 5 })]).conflicts).toHaveLength(1);
  });
});

test("wire log records round-trip, and an invalid line is rejected and shown", () => {
  const record = ack("a", 1000, 1);
  expect(parseWireRecord(formatWireRecord(record).trim())).toEqual(record);
  expect(() => parseWireRecord('{"is":"ack"}')).toThrow(/found "\{"is":"ack"\}", expected a wire log record/);
});
