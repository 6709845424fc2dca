import { describe, expect, test } from "vitest";
import { createWitness } from "./wire-evidence.ts";
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

/** What a whole log proves. */
function readEvidence(records: readonly WireRecord[]) {
  const witness = createWitness();
  for (const record of records) witness.add(record);
  return witness.settle(Infinity);
}

describe("a witness", () => {
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

  test("finds no conflict when a client gets the pair of its ended lease again, after another client had it", () => {
    const between: WireRecord[] = [ack("b", 101_000, 1), { is: "release", client: "b", at: 110_000 }];
    const records = [ack("a", 1000, 1), ...between, ack("a", 120_000, 1)];
    expect(readEvidence(records).conflicts).toEqual([]);
    const later = [...records, ack("b", 130_000, 1)];
    expect(readEvidence(later).conflicts.map(({ first }) => first.fromMs)).toEqual([120_000]);
  });

  test("keeps only running leases when it settles, and counts on", () => {
    const witness = createWitness();
    for (const [client, psid] of [
      ["a", 1],
      ["b", 2],
    ] as const)
      witness.add(ack(client, 1000 * psid, psid));
    expect(witness.settle(100_500)).toMatchObject({ held: [{ client: "a" }, { client: "b" }], acks: 2 });
    expect(witness.settle(100_500).held.map(({ client }) => client)).toEqual(["b"]);
    witness.add(ack("c", 100_600, 2));
    witness.add({ is: "nak", client: "b", at: 100_700 });
    const { conflicts, broken, acks } = witness.settle(100_800);
    expect(conflicts.map(({ first, second }) => first.client + second.client)).toEqual(["bc"]);
    expect([broken.map(({ lease }) => lease.client), acks]).toEqual([["b"], 3]);
    expect(witness.settle(100_900)).toMatchObject({ conflicts: [], broken: [] });
  });

  test("finds a running lease that a NAK or another pair took away", () => {
    const records: WireRecord[] = [
      ...[ack("a", 1000, 1), ack("b", 1000, 2), ack("b", 2000, 3)],
      { is: "nak", client: "a", at: 2000 },
    ];
    expect(readEvidence(records).broken.map(({ lease }) => lease.client)).toEqual(["b", "a"]);
  });

  test.each([
    ["the same pair", 1],
    ["another pair", 2],
  ])("allows that a lease ended while its renewal waited, and that the client then got %s", (_, psid) => {
    const late = ack("a", 102_000, psid, { sentAt: 99_000 });
    const release: WireRecord = { is: "release", client: "b", at: 101_500 };
    expect(readEvidence([ack("a", 1000, 1), late]).broken).toEqual([]);
    expect(readEvidence([ack("a", 1000, 1), ack("b", 101_000, 1), release, late]).conflicts).toEqual([]);
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
