/**
 * `apportion admin` against a started allocator: leases, look-ups, binding tables, statistics, metrics.
 */
import pino from "pino";
import { expect, onTestFinished, test } from "vitest";
import { startAllocator } from "../src/runtime/node.ts";
import { onlyDatabase } from "../src/store/databases.ts";
import { adminToken, createTestAllocator, relayToken } from "./support/allocator.ts";
import { clientProfile, says } from "./support/clients.ts";
import { commandLine } from "./support/command-line.ts";

/** An allocator on a socket, whose clients 1 and 2 have leases; the first a softwire address, too. */
async function open() {
  const { database, ask } = await createTestAllocator({
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
  await database.execute(
    "UPDATE lease SET softwire = unhex('20010db8000000000000000000000001') WHERE slot = (SELECT min(slot) FROM lease)",
  );
  const listen = { host: "127.0.0.1", port: 0 };
  const secrets = { relayToken, adminToken };
  const allocator = await startAllocator(onlyDatabase(database), secrets, listen, pino({ level: "silent" }));
  onTestFinished(() => allocator.close());
  return commandLine({ APPORTION_URL: allocator.url, APPORTION_ADMIN_TOKEN: adminToken });
}

const at = () => new Date().toISOString().replace(/\.\d+/, "");

test("apportion admin leases: lists by what is known, shows, moves and releases", async () => {
  const run = await open();
  const found = await run("leases", "list", "--address", "192.0.2.0", "--port", "1100");
  expect(found).toMatchObject({ code: 0, stderr: "" });
  const [heading, row, ...others] = found.stdout.trimEnd().split("\n");
  expect(heading).toMatch(/^ID +DOMAIN +POOL +STATE +CLIENTID +SOFTWIRE +EXPIRESAT$/);
  expect(row).toMatch(/^192\.0\.2\.0-1 +north +shared +bound +ff[0-9a-f]+ +2001:db8::1 +20\d\d-/);
  expect(others).toEqual([]);
  const page = await run("leases", "list", "--limit", "1");
  const cursor = /^more with --cursor (\S+)$/m.exec(page.stdout)![1]!;
  const next = JSON.parse((await run("--json", "leases", "list", "--cursor", cursor)).stdout) as {
    items: { id: string }[];
  };
  expect(next.items.map(({ id }) => id)).toEqual(["192.0.2.1-1"]);
  expect((await run("leases", "show", "192.0.2.0-1")).stdout).toContain("state: bound");
  expect((await run("leases", "move", "192.0.2.0-1", "192.0.2.1-9")).stdout).toContain("id: 192.0.2.1-9");
  expect((await run("leases", "release", "192.0.2.1-9")).stdout).toContain("state: quarantined");
  expect((await run("audit", "list", "--resource", "lease")).stdout).toMatch(/release.*\n.*move/);
  const again = await run("leases", "release", "192.0.2.1-9");
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("expected one that is bound")]);
  const wrong = await run("leases", "list", "--port", "80");
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("?address: found nothing")]);
  expect((await run("leases", "move", "192.0.2.1-1", "everywhere")).code).toBe(2);
});

test("apportion admin lookup: names the subscriber, or says nobody and why", async () => {
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
  expect((await run("lookup", "192.0.2.0", "--at", at())).stderr).toContain("?port: found nothing");
  expect((await run("lookup", "192.0.2.0", "80")).code).toBe(2);
});

test("apportion admin bindings: whole, since a version, and refused", async () => {
  const run = await open();
  const whole = await run("bindings", "--format", "snabb", "--digest");
  expect(whole.code).toBe(0);
  expect(whole.stdout).toContain("2001:db8::1");
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
  expect(early.stderr).toContain("take the whole table");
  expect((await run("bindings", "--format", "word")).code).toBe(2);
});

test("apportion admin statistics and metrics: how full the pools are", async () => {
  const run = await open();
  expect(
    (await run("statistics")).stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ +/)),
  ).toEqual([
    ["DOMAIN", "POOL", "TOTAL", "FREE", "OFFERED", "BOUND", "QUARANTINED", "RESERVED"],
    ["north", "shared", "126", "124", "0", "2", "0", "0"],
    ["north", "full", "2", "2", "0", "0", "0", "0"],
    ["north", "(all)", "128", "126", "0", "2", "0", "0"],
    ["(all)", "(all)", "128", "126", "0", "2", "0", "0"],
  ]);
  expect(JSON.parse((await run("--json", "statistics")).stdout)).toMatchObject({ total: 128 });
  expect((await run("metrics")).stdout).toContain(
    'apportion_pool_slots_by_state{domain="north",pool="shared",state="bound"} 2',
  );
  const refused = await run("--token", "a-token-of-nobody", "metrics");
  expect([refused.code, refused.stdout]).toEqual([1, ""]);
});
