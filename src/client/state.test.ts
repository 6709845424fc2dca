import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientStateOctetsMax } from "../limits.ts";
import { parseIPv4 } from "../wire/ipv4-address.ts";
import { parseIPv6 } from "../wire/ipv6-address.ts";
import { formatState, loadState, parseState, prepareState, storeLease } from "./state.ts";
import type { KeptLease } from "./state.ts";

const shared: KeptLease = {
  lease: {
    address: parseIPv4("192.0.2.18"),
    portParams: { psidOffset: 0, psidLength: 6, psid: 18 },
    serverIdentifier: parseIPv4("198.51.100.1"),
    leaseSeconds: 3600,
    renewalSeconds: 1800,
    rebindingSeconds: 3150,
  },
  obtainedAt: new Date("2026-01-02T03:04:05.678Z"),
  softwire: parseIPv6("2001:db8:1234:5600:0:c000:212:12"),
  source: "fe80::5eff:fe10:1",
};
const full: KeptLease = {
  ...shared,
  lease: { ...shared.lease, portParams: undefined },
  softwire: undefined,
};
const state = new Map([
  ["ff000000010003000102005e100001", shared],
  ["ff000000010003000102005e100002", full],
]);

describe("formatState() and parseState()", () => {
  test("round-trip shared and full leases", () => {
    expect(parseState(formatState(state))).toEqual(state);
  });

  test("write addresses in dotted decimal", () => {
    expect(formatState(state)).toContain('"address": "192.0.2.18"');
  });

  test.each([
    ["text that is not JSON", "{"],
    ["an unknown field", '{"leases": {}, "other": 1}'],
    ["a PSID offset above 15", formatState(state).replace('"psidOffset": 0', '"psidOffset": 16')],
    ["an invalid address", formatState(state).replace("192.0.2.18", "192.0.2.256")],
    ["an invalid time", formatState(state).replace("2026-01-02", "yesterday")],
  ])("reject %s", (_what, text) => {
    expect(() => parseState(text)).toThrow(SyntaxError);
  });

  test("name the faulty field of a state file", () => {
    const text = formatState(new Map([["ff", shared]])).replace("3600", "-1");
    expect(() => parseState(text)).toThrow("at leases.ff.leaseSeconds");
  });
});

describe("loadState() and storeLease()", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "client-state-"));
  });
  afterAll(async () => {
    await rm(directory, { recursive: true });
  });

  test("round-trip leases, create the directory, and leave no other file", async () => {
    const path = join(directory, "new", "leases.json");
    await prepareState(path);
    for (const [client, kept] of state) await storeLease(path, client, kept);
    expect(await loadState(path)).toEqual(state);
    expect(await readdir(join(directory, "new"))).toEqual(["leases.json"]);
  });

  test("keep the leases of clients that store them at the same time", async () => {
    const path = join(directory, "shared.json");
    const [kept] = state.values();
    const clients = Array.from({ length: 8 }, (_, client) => `0${client}`);
    await Promise.all(clients.map((client) => storeLease(path, client, kept)));
    expect([...(await loadState(path)).keys()].toSorted()).toEqual(clients);
    await Promise.all(clients.slice(1).map((client) => storeLease(path, client, undefined)));
    expect([...(await loadState(path)).keys()]).toEqual(["00"]);
  });

  test("ignore the lock of a process that was killed", { timeout: 30_000 }, async () => {
    const path = join(directory, "locked.json");
    await mkdir(`${path}.lock`);
    await storeLease(path, "ff", shared);
    expect((await loadState(path)).size).toBe(1);
    expect(await readdir(directory)).not.toContain("locked.json.lock");
  });

  test.each(["/proc/nowhere/leases.json", "/dev/full/leases.json"])(
    "say why a file cannot be written: %s",
    async (path) => {
      await expect(storeLease(path, "ff", shared)).rejects.toThrow(
        /^Cannot store the lease in --state \S+: found .+, expected a file that this user may write$/,
      );
    },
  );

  test("return no leases when the file is missing", async () => {
    expect(await loadState(join(directory, "absent.json"))).toEqual(new Map());
  });

  test("reject a file above the size limit without reading it", async () => {
    const path = join(directory, "large.json");
    await writeFile(path, "");
    await truncate(path, clientStateOctetsMax + 1);
    await expect(loadState(path)).rejects.toThrow(`expected at most ${clientStateOctetsMax}`);
  });
});
