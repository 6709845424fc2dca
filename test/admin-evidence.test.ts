/**
 * Runs `apportion admin` against an allocator: leases, look-ups, binding tables, statistics, metrics.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import pino from "pino";
import { expect, onTestFinished, test } from "vitest";
import { startAllocator } from "../src/runtime/node.ts";
import { adminToken, createTestAllocator, relayToken } from "./support/allocator.ts";
import { clientProfile, says } from "./support/clients.ts";
import { encodeHex } from "../src/wire/hex.ts";
import { commandLine } from "./support/command-line.ts";
import { temporaryFolder } from "./support/database.ts";
import { execute } from "./support/sql.ts";

/**
 * Starts an allocator on which clients 1 and 2 have leases. The lease of client 1 also has a softwire address.
 *
 * @returns A function that runs `apportion admin` against it.
 */
async function open() {
  const { database, store, ask } = await createTestAllocator({
    domains: [
      {
        name: "north",
        default: true,
        serverIdentifier: "203.0.113.1",
        softwire: { borderRelays: ["2001:db8:ffff::1"] },
        pools: [
          { name: "shared", kind: "shared", range: "192.0.2.0/31", psidLength: 6 },
          { name: "full", kind: "full", range: "198.51.100.0/31" },
        ],
      },
    ],
  });
  const clients = [clientProfile(1), clientProfile(2)];
  const offers = await ask(...clients.map((client) => says.discover(client)));
  await ask(...clients.map((client, index) => says.selecting(client, offers[index]!)));
  await execute(
    database,
    "UPDATE lease SET softwire = unhex('20010db8000000000000000000000001') WHERE slot = (SELECT min(slot) FROM lease)",
  );
  const listen = { host: "127.0.0.1", port: 0 };
  const secrets = { relayToken, adminToken };
  const log = pino({ level: "silent" });
  const allocator = await startAllocator(store, secrets, listen, log);
  onTestFinished(() => allocator.close());
  return commandLine({ APPORTION_URL: allocator.url, APPORTION_ADMIN_TOKEN: adminToken });
}

const at = () => new Date().toISOString().replace(/\.\d+/, "");

test("apportion admin leases: lists with filters and cursors, shows, moves and releases", async () => {
  const run = await open();
  const found = await run("leases", "list", "--address", "192.0.2.0", "--port", "1100");
  expect(found).toMatchObject({ code: 0, stderr: "" });
  const [heading, row, ...others] = found.stdout.trimEnd().split("\n");
  expect(heading).toMatch(/^ID +DOMAIN +POOL +STATE +CLIENTID +SOFTWIRE +EXPIRESAT +PENDING$/);
  expect(row).toMatch(/^192\.0\.2\.0-1 +north +shared +bound +ff[0-9a-f]+ +2001:db8::1 +20\d\d-/);
  expect(others).toEqual([]);
  const page = await run("leases", "list", "--limit", "1");
  const cursor = /^more with --cursor (\S+)$/m.exec(page.stdout)![1]!;
  const next = JSON.parse((await run("--json", "leases", "list", "--cursor", cursor)).stdout) as {
    items: { id: string }[];
  };
  expect(next.items.map(({ id }) => id)).toEqual(["192.0.2.1-1"]);
  expect((await run("leases", "show", "192.0.2.0-1")).stdout).toContain("state: bound");
  const moved = (await run("leases", "move", "192.0.2.0-1", "192.0.2.1-9")).stdout;
  expect(moved).toContain("id: 192.0.2.0-1");
  expect(moved).toContain("pending: 192.0.2.1-9");
  expect((await run("leases", "list", "--limit", "1")).stdout).toMatch(/bound .* 192\.0\.2\.1-9\n/);
  expect((await run("leases", "release", "192.0.2.0-1")).stdout).toContain("state: quarantined");
  const [kind, plural] = [
    await run("audit", "list", "--resource", "lease"),
    await run("audit", "list", "--resource", "leases"),
  ];
  expect(plural).toEqual(kind);
  expect(kind.stdout).toMatch(/release.*\n.*move/);
  const again = await run("leases", "release", "192.0.2.0-1");
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("expected bound or offered")]);
  const wrong = await run("leases", "list", "--port", "80");
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    expect.stringContaining("Cannot use --address: found nothing"),
  ]);
  expect((await run("leases", "move", "192.0.2.1-1", "everywhere")).code).toBe(2);
});

test("apportion admin: --if-match refuses a stale ETag, and --force overrides a refusal", async () => {
  const run = await open();
  const etagOf = async (...what: string[]) => /^etag: (.+)\n$/.exec((await run(...what)).stderr)![1]!;
  for (const change of [["release"], ["move", "192.0.2.1-9"]]) {
    const [action, ...others] = change;
    const refused = await run("leases", action!, "192.0.2.0-1", ...others, "--if-match", '"1"');
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('found If-Match "1"')]);
  }
  const lease = await etagOf("leases", "get", "192.0.2.0-1");
  const moved = await run("leases", "move", "192.0.2.0-1", "192.0.2.1-9", "--if-match", lease);
  expect(moved.stdout).toContain("pending: 192.0.2.1-9");
  const stale = '"999"';
  for (const change of [
    ["pools", "drain", "full"],
    ["pools", "delete", "full"],
    ["pools", "patch", "full", "{}"],
    ["domains", "delete", "north"],
  ]) {
    expect((await run(...change, "--if-match", stale)).stderr).toContain('found If-Match "999"');
  }
  expect(
    (await run("pools", "delete", "full", "--if-match", await etagOf("pools", "get", "full"))).code,
  ).toBe(0);

  const folder = await temporaryFolder();
  const file = join(folder, "reservation.json");
  const clientIdentifier = encodeHex(clientProfile(2).clientIdentifier);
  await writeFile(
    file,
    JSON.stringify({ domain: "north", clientIdentifier, address: "192.0.2.0", psid: 40 }),
  );
  const unforced = await run("reservations", "put", "second", file);
  expect([unforced.code, unforced.stderr]).toEqual([
    1,
    expect.stringContaining("; --force moves the client"),
  ]);
  expect((await run("reservations", "put", "second", file, "--force")).code).toBe(0);
  expect((await run("reservations", "put", "second", file, "--new")).stderr).toContain("If-None-Match");
  expect((await run("domains", "delete", "north", "--force")).code).toBe(2);
  const declared = await etagOf("export");
  const state = join(folder, "state.json");
  await writeFile(state, (await run("--json", "export")).stdout);
  expect((await run("apply", state, "--if-match", declared)).code).toBe(0);
  expect((await run("apply", state, "--if-match", stale)).code).toBe(1);
});

test("apportion admin lookup: prints the subscriber, or nobody with a reason", async () => {
  const run = await open();
  const found = await run("lookup", "192.0.2.0", "1100", "--at", at(), "--tolerance", "5");
  expect(found).toMatchObject({ code: 0, stderr: "" });
  expect(found.stdout).toMatch(/^CERTAINTY +CLIENTID .*\n(certain|possible) +ff[0-9a-f]+ .*2001:db8::1 /);
  const nobody = await run("lookup", "192.0.2.0", "80", "--at", at());
  expect([nobody.code, nobody.stdout]).toEqual([0, expect.stringMatching(/^nobody \([a-z-]+\): .+\n$/)]);
  expect(JSON.parse((await run("--json", "lookup", "192.0.2.0", "80", "--at", at())).stdout)).toMatchObject({
    found: "nobody",
    holders: [],
  });
  expect((await run("lookup", "192.0.2.0", "--at", at())).stderr).toContain(
    "Cannot use <port>: found nothing",
  );
  expect((await run("lookup", "192.0.2.0", "80")).code).toBe(2);
});

test("apportion admin bindings: prints the whole table or the changes since a version, and refuses an old version", async () => {
  const run = await open();
  const whole = await run("bindings", "--format", "snabb", "--digest");
  expect(whole.code).toBe(0);
  expect(whole.stdout).toContain("2001:db8::1");
  expect(whole.stderr).not.toContain("left-out");
  expect(whole.stderr).toMatch(/^apportion-version: \d+\napportion-digest: sha-256=[0-9a-f]{64}\n$/);
  const version = /version: (\d+)/.exec(whole.stderr)![1]!;
  await run("leases", "release", "192.0.2.0-1");
  const changes = await run("bindings", "--since", version);
  expect([changes.code, JSON.stringify(JSON.parse(changes.stdout))]).toEqual([
    0,
    expect.stringContaining("2001:db8::1"),
  ]);
  const early = await run("bindings", "--since", "0");
  expect([early.code, early.stdout]).toEqual([1, ""]);
  expect(early.stderr).toContain("fetch the whole table");
  expect((await run("bindings", "--format", "word")).code).toBe(2);
});

test("E22 apportion admin statistics and metrics: print how full the pools are, and when they were counted", async () => {
  const run = await open();
  const began = Math.floor(Date.now() / 1000);
  const lines = (await run("statistics")).stdout.trimEnd().split("\n");
  const [, counted] = /^counted at (.+)$/.exec(lines.at(-1)!)!;
  expect(Date.parse(counted!) / 1000).toBeGreaterThanOrEqual(began);
  expect(lines.slice(0, -1).map((line) => line.split(/ +/))).toEqual([
    ["DOMAIN", "POOL", "TOTAL", "FREE", "OFFERED", "BOUND", "QUARANTINED", "RESERVED"],
    ["north", "shared", "126", "124", "0", "2", "0", "0"],
    ["north", "full", "2", "2", "0", "0", "0", "0"],
    ["north", "(all)", "128", "126", "0", "2", "0", "0"],
    ["(all)", "(all)", "128", "126", "0", "2", "0", "0"],
  ]);
  expect(JSON.parse((await run("--json", "statistics")).stdout)).toMatchObject({ asOf: counted, total: 128 });
  expect((await run("metrics")).stdout).toContain(
    'apportion_pool_slots{domain="north",pool="shared",state="bound"} 2',
  );
  const refused = await run("--token", "an-unknown-token-0", "metrics");
  expect([refused.code, refused.stdout]).toEqual([1, ""]);
});

test.each(["pools", "reservations", "leases"])(
  "apportion admin %s list: refuses an unknown domain",
  async (kind) => {
    const run = await open();
    expect(await run(kind, "list", "--domain", "nowhere")).toEqual({
      code: 1,
      stdout: "",
      stderr: 'Cannot find domain "nowhere"\n',
    });
    expect(await run(kind, "list", "--domain", "north")).toMatchObject({ code: 0, stderr: "" });
  },
);
