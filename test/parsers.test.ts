/**
 * One parser for each thing, wherever it is read: query strings, bodies, files, flags and variables. The tables of what
 * each parser reads are beside the parsers: `src/wire/parsers.test.ts`, `src/declaration/canonical.test.ts`.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { readConfigFile } from "../relay/config/config-file.ts";
import { readSecrets } from "../relay/config/secrets.ts";
import { removeEmptyVariables } from "../src/environment.ts";
import { readConfig } from "../src/runtime/config.ts";
import { withCredentials } from "../src/runtime/credentials.ts";
import { openDatabase, prepareStore } from "../src/runtime/node.ts";
import { databaseKey, filePathOf, showDatabaseUrl } from "../src/store/database/database-url.ts";
import { verifyDatabase } from "../src/store/evidence/verify.ts";
import { openStore } from "../src/store/store.ts";
import { operator } from "./support/admin.ts";
import { adminToken, createTestAllocator, relayToken } from "./support/allocator.ts";
import { clientProfile, says } from "./support/clients.ts";
import { commandLine } from "./support/command-line.ts";
import { temporaryFolder } from "./support/database.ts";
import { startProgram } from "./support/processes.ts";
import { execute } from "./support/sql.ts";

const shared = { name: "shared", kind: "shared", range: "192.0.2.0/24", psidLength: 6 } as const;
const isp = { name: "isp", default: true, serverIdentifier: "203.0.113.1", pools: [shared] } as const;

async function open() {
  const allocator = await createTestAllocator({ domains: [{ ...isp, pools: [{ ...shared }] }] });
  return { ...allocator, call: operator(allocator.app) };
}

const impossible = "2026-02-30T00:00:00Z";

describe("E1 a date that does not exist is 400", () => {
  test.each([
    ["GET", `/lookup?address=192.0.2.1&port=1024&at=${impossible}`, undefined],
    ["GET", `/audit?since=${impossible}`, undefined],
    ["GET", `/audit?until=${impossible}`, undefined],
    ["GET", `/leases?expiresBefore=${impossible}`, undefined],
    ["PUT", "/tokens/reader", { scope: "read", expiresAt: impossible }],
    ["POST", "/pools/shared/drain", { until: impossible }],
    ["PATCH", "/pools/shared", { drainUntil: impossible }],
    ["PUT", "/config?dryRun=true", { domains: [{ ...isp, pools: [{ ...shared, drainUntil: impossible }] }] }],
  ])("%s %s", async (method, path, body) => {
    const { call } = await open();
    const answer = await call(method, path, body);
    expect([answer.status, answer.body.detail]).toEqual([
      400,
      expect.stringContaining("expected a date such as"),
    ]);
  });
});

test("E1 a date is kept and shown in one form, whatever its zone", async () => {
  const { call } = await open();
  const pool = await call("PATCH", "/pools/shared", { drainUntil: "2031-01-01T01:30:00.7+01:30" });
  expect(pool.body.drainUntil).toBe("2031-01-01T00:00:00Z");
  const token = await call("PUT", "/tokens/reader", { scope: "read", expiresAt: "2031-01-01t00:00:00z" });
  expect(token.body.expiresAt).toBe("2031-01-01T00:00:00Z");
  const at = encodeURIComponent("2026-01-01T01:00:00+01:00");
  expect((await call("GET", `/lookup?address=192.0.2.1&port=1024&at=${at}`)).body.at).toBe(
    "2026-01-01T00:00:00Z",
  );
});

test.each([
  ["/pools?limit=010", "?limit"],
  ["/pools?limit=1e2", "?limit"],
  ["/pools?limit=%2B1", "?limit"],
  ["/pools?limit=0x10", "?limit"],
  ["/pools?limit=%EF%BC%91", "?limit"],
  ["/leases?port=080", "?port"],
  ["/leases?address=192.0.2.010", "?address"],
  ["/leases?softwire=fe80::1%25eth0", "?softwire"],
  ["/lookup?address=192.0.2.1&port=1024&at=2026-01-01T00:00:00Z&toleranceSeconds=1.0", "?toleranceSeconds"],
])("E1 a number or an address in a query string has one form: %s", async (path, field) => {
  const { call } = await open();
  const answer = await call("GET", path);
  expect([answer.status, (answer.body.errors as { path: string }[])[0]!.path]).toEqual([400, field]);
});

describe("E11 another spelling of the same changes nothing", () => {
  const one = {
    default: true,
    serverIdentifier: "203.0.113.1",
    prefixes: ["2001:db8:1::/48"],
    lines: [{ linkAddress: "2001:db8::1", interfaceId: "ab" }],
    softwire: { borderRelays: ["2001:db8::a"], bindPrefix: "2001:db8:2::/48" },
    options: { other: [{ code: 224, hex: "0a" }] },
  };
  const other = {
    ...one,
    prefixes: ["2001:DB8:1:0::/48"],
    lines: [{ linkAddress: "2001:0DB8::0001", interfaceId: "hex:6162" }],
    softwire: { borderRelays: ["2001:DB8:0::A"], bindPrefix: "2001:DB8:2::0/48" },
    options: { other: [{ code: 224, hex: "0A" }] },
  };

  test("of a domain: PUT needs no If-Match, PATCH makes no new version, and a plan is unchanged", async () => {
    const { call } = await open();
    const first = await call("PUT", "/domains/isp", one, { "if-match": "*" });
    expect(first.status).toBe(200);
    const again = await call("PUT", "/domains/isp", other);
    expect([again.status, again.etag, again.body]).toEqual([200, first.etag, first.body]);
    expect((await call("PATCH", "/domains/isp", { prefixes: other.prefixes })).etag).toBe(first.etag);
    const plan = await call("PUT", "/config?dryRun=true", {
      domains: [{ name: "isp", ...other, pools: [shared] }],
    });
    expect((plan.body.steps as { change: string }[]).map(({ change }) => change)).toEqual([
      "unchanged",
      "unchanged",
    ]);
  });

  test("of a pool and a reservation", async () => {
    const { call } = await open();
    const body = { ...shared, domain: "isp", range: "192.0.2.0-192.0.2.255", reservedPorts: ["0-1023"] };
    expect((await call("PUT", "/pools/shared", body)).status).toBe(200);
    const seven = { domain: "isp", clientIdentifier: "ff00:00AB", address: "192.0.2.9", psid: 40 };
    expect((await call("PUT", "/reservations/seven", seven)).body.clientIdentifier).toBe("ff0000ab");
    expect(
      (await call("PUT", "/reservations/seven", { ...seven, clientIdentifier: "FF0000ab" })).status,
    ).toBe(200);
  });

  test("of a domain that an earlier release stored as it was written", async () => {
    const { call, database } = await open();
    await call("PUT", "/domains/isp", one, { "if-match": "*" });
    const written = JSON.stringify({
      prefixes: other.prefixes,
      lines: other.lines,
      softwire: other.softwire,
    });
    await execute(database, `UPDATE domain SET settings = json_patch(settings, '${written}')`);
    expect((await call("PUT", "/domains/isp", one)).status).toBe(200);
    expect((await call("GET", "/domains/isp")).body.prefixes).toEqual(one.prefixes);
  });
});

describe("E12 addresses that no client can use", () => {
  test.each([
    ["PUT", "/pools/zero", { domain: "isp", kind: "full", range: "0.0.0.0/32" }, "range"],
    ["PUT", "/pools/loop", { domain: "isp", kind: "full", range: "127.0.0.0/24" }, "range"],
    ["POST", "/pools:plan", { kind: "full", range: "224.0.0.0/24" }, "range"],
    ["PATCH", "/domains/isp", { serverIdentifier: "0.0.0.0" }, "serverIdentifier"],
    ["PATCH", "/domains/isp", { softwire: { borderRelays: ["::"] } }, "softwire.borderRelays.0"],
    ["PATCH", "/domains/isp", { softwire: { borderRelays: ["::192.0.2.1"] } }, "softwire.borderRelays.0"],
    [
      "PATCH",
      "/domains/isp",
      { softwire: { borderRelays: ["2001:db8::1", "2001:DB8::0:1"] } },
      "softwire.borderRelays",
    ],
    ["PATCH", "/domains/isp", { softwire: { bindPrefix: "ff00::/8" } }, "softwire.bindPrefix"],
    ["PATCH", "/domains/isp", { softwire: { bindPrefix: "fec0::/64" } }, "softwire.bindPrefix"],
    ["PATCH", "/domains/isp", { prefixes: ["fe80::/10"] }, "prefixes.0"],
    ["PATCH", "/domains/isp", { options: { "dns-servers": ["0.0.0.0"] } }, "options.dns-servers"],
  ])("%s %s of %j is 400", async (method, path, body, field) => {
    const { call } = await open();
    const answer = await call(method, path, body);
    expect([answer.status, (answer.body.errors as { path: string }[])[0]!.path]).toEqual([400, field]);
    expect(answer.body.detail).toMatch(/found .+, expected .+/);
  });

  test("a pool with the server identifier of its domain is refused, by whichever of both comes later", async () => {
    const { call } = await open();
    const range = "203.0.113.0/24";
    const pool = await call("PUT", "/pools/second", { domain: "isp", kind: "full", range });
    expect([pool.status, pool.body.errors]).toEqual([409, [expect.objectContaining({ path: "range" })]]);
    expect(pool.body.detail).toContain(
      "expected a range without 203.0.113.1, the server identifier of the domain",
    );
    const domain = await call("PATCH", "/domains/isp", { serverIdentifier: "192.0.2.77" });
    expect([domain.status, domain.body.detail]).toEqual([409, expect.stringContaining('pool "shared"')]);
    // The pool is not named here, and stays.
    const plan = await call("PUT", "/config?dryRun=true", {
      domains: [{ ...isp, serverIdentifier: "192.0.2.77", pools: [] }],
    });
    expect(JSON.stringify(plan.body.steps ?? plan.body)).toContain("192.0.2.77");
    expect(JSON.stringify(plan.body)).toContain("refuse");
    expect((await call("PATCH", "/domains/isp", { serverIdentifier: "192.0.3.1" })).status).toBe(200);
  });

  test("a database of an earlier release has some, serves its clients, and verify and the start name them", async () => {
    const { call, database, ask, store } = await open();
    await call("PATCH", "/domains/isp", { options: { "host-name": "cpe" } });
    const bad = JSON.stringify({
      serverIdentifier: "192.0.2.1",
      prefixes: ["fe80::/10"],
      softwire: { borderRelays: ["2001:db8::1", "2001:DB8::0:1"], bindPrefix: "fec0::/10" },
      options: {
        "captive-portal": "javascript:x",
        other: [82, 224, 224].map((code) => ({ code, hex: "00" })),
      },
    });
    await execute(database, `UPDATE domain SET settings = json_patch(settings, '${bad}')`);
    await execute(database, "UPDATE configuration SET revision = revision + 1");
    const [offer] = await ask(says.discover(clientProfile(1)));
    expect(offer?.type).toBe("offer");
    const { faults } = await verifyDatabase(database);
    expect(faults).toEqual([
      'unusable-configuration: domain "isp": prefixes.0: found "fe80::/10", expected a global or unique local prefix: it is link-local',
      expect.stringContaining(
        'domain "isp": options.captive-portal: found "javascript:x", expected an https',
      ),
      expect.stringContaining('domain "isp": options.other.0.code: found 82'),
      expect.stringContaining('domain "isp": options.other: found code 224 twice'),
      expect.stringContaining('domain "isp": softwire.borderRelays: found "2001:db8::1" twice'),
      expect.stringContaining('domain "isp": softwire.bindPrefix: found "fec0::/10"'),
      expect.stringContaining('pool "shared": range: found 192.0.2.0/24, expected a range without 192.0.2.1'),
    ]);
    expect(await store.maintenance.findUnusable()).toHaveLength(7);
    // Other fields can be changed, these only to what is usable.
    expect((await call("PATCH", "/domains/isp", { rapidCommit: true })).status).toBe(200);
    expect((await call("PATCH", "/domains/isp", { prefixes: ["ff00::/8"] })).status).toBe(400);
    expect((await call("PATCH", "/pools/shared", { drainUntil: "2031-01-01T00:00:00Z" })).status).toBe(200);
  });
});

test.each([
  {
    other: [
      { code: 224, hex: "01" },
      { code: 224, hex: "02" },
    ],
  },
  { other: [{ code: 82, hex: "0101" }] },
  { "captive-portal": "javascript:alert(1)" },
])("E13 %j is 400, in a domain and in a pool", async (options) => {
  const { call } = await open();
  for (const path of ["/domains/isp", "/pools/shared"]) {
    const answer = await call("PATCH", path, { options });
    expect([answer.status, (answer.body.errors as { path: string }[])[0]!.path]).toEqual([
      400,
      expect.stringMatching(/^options\./),
    ]);
  }
});

describe("E16 one parser for the URL of a database", () => {
  test.each([
    ["file:/x/a%20b.db", "/x/a b.db"],
    ["file:/x/a b.db", "/x/a b.db"],
    ["file:///x/f.db", "/x/f.db"],
    ["file://localhost/x/f.db", "/x/f.db"],
    ["FILE://LOCALHOST/x/f.db", "/x/f.db"],
    ["file:data/f.db", "data/f.db"],
    ["file:./f.db", "./f.db"],
    ["file:%3F%23%25.db", "?#%.db"],
    ["file:file:x", "./file:x"],
    ["file:Z%C3%BCrich.db", "Zürich.db"],
  ])("filePathOf() of %s is %s", (url, path) => {
    expect(filePathOf(url)).toBe(path);
  });

  test.each([
    ["file:/x/f.db?mode=ro", /a \? or #/],
    ["file:/x/f.db?authToken=s3cret", /a \? or #/],
    ["file:/x/f.db#s3cret", /a \? or #/],
    ["file://elsewhere/x/f.db", /name of a host/],
    ["file://f.db", /name of a host/],
    ["file:/x/100%", /%25/],
    ["file:/x/%zz", /%25/],
    ["file:/x/%00", /control character/],
    ["file:x.db\n", /control character/],
    ["file: x.db", /space at an end/],
    ["file:/x/", /path of a file/],
    ["file:", /path of a file/],
    ["file://", /path of a file/],
    ["file::memory:", /path of a file/],
    ["data/f.db", /libsql/],
    ["ftp://me:s3cret@host/", /libsql/],
    ["ws://me:s3cret@host/", /libsql/],
    ["https://me:s3cret@host/ x", /white space/],
    ["https://me:s3cret@ho\nst/", /white space/],
    ["libsql://host:80?tls=0&tls=1", /twice/],
    ["", /libsql/],
  ])("%j is refused, and no secret is shown", (url, why) => {
    expect(() => databaseKey(url)).toThrow(why);
    expect(() => databaseKey(url)).not.toThrow(/s3cret/);
    const environment = { APPORTION_RELAY_TOKEN: relayToken, APPORTION_DATABASE_URL: url };
    expect(() => readConfig(environment)).toThrow(/APPORTION_DATABASE_URL: found /);
    expect(() => readConfig(environment)).not.toThrow(/s3cret/);
  });

  test.each([
    ["file:/x//a%20b.db", "FILE://localhost/x/./a b.db"],
    ["libsql://DB.example", "https://me:pass%40@db.example:443/"],
    ["libsql://db.example:8080?tls=0", "HTTP://db.example:8080"],
    ["http://db.example", "http://db.example:80/?authToken=s3cret"],
  ])("%s and %s are one database", (one, other) => {
    expect(databaseKey(one)).toBe(databaseKey(other));
    expect(databaseKey(other) + showDatabaseUrl(other)).not.toMatch(/s3cret|pass/);
  });

  test("every spelling opens the same file, once", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "a b.db");
    const urls = [
      `file:${folder}/a%20b.db`,
      `file:///${folder}/a b.db`,
      `FILE://localhost${folder}/a%20b.db`,
    ];
    for (const url of urls) (await openDatabase({ url })).close();
    expect(existsSync(path)).toBe(true);
    expect(existsSync(join(folder, "a%20b.db"))).toBe(false);
    let opened = 0;
    const store = await openStore({ url: urls[0]!, placements: { north: { url: urls[1]! } } }, (access) => {
      opened++;
      return openDatabase(access);
    });
    store.close();
    expect(opened).toBe(1);
  });

  test("a file has one connection, whichever path of the file system the setting takes", async () => {
    const folder = await temporaryFolder();
    const [path, link, other] = ["x.db", "link.db", "y.db"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await mkdir(join(folder, "sub"));
    await symlink("sub/..", join(folder, "up"));
    await symlink("x.db", link);
    const urls = [
      ...[relative(".", path), `./${relative(".", path)}`, path, link],
      ...["sub/../x.db", "up/x.db", "./sub/../up/x.db"].map((each) => `${folder}/${each}`),
    ].map((each) => `file:${each}`);
    for (const main of urls) {
      for (const end of ["", "-wal", "-shm"]) await rm(path + end, { force: true });
      const places = [...urls, `file:${other}`, `file:${folder}/sub/../y.db`].map((url, at) => [
        `d${at}`,
        { url },
      ]);
      const store = await prepareStore({
        url: main,
        placements: Object.fromEntries(places) as Record<string, { url: string }>,
      });
      expect(store.partitions, main).toHaveLength(2);
      store.close();
    }
  });

  test("a database that an earlier release named by the text of its URL is not replaced by an empty one", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "a%20b.db"), "");
    await expect(openDatabase({ url: `file:${folder}/a%20b.db` })).rejects.toThrow(
      /rename the file, or write %25/,
    );
    (await openDatabase({ url: `file:${folder}/a%2520b.db` })).close();
    expect((await readFile(join(folder, "a%20b.db"))).length).toBeGreaterThan(0);
  });
});

describe("E17 a byte order mark", () => {
  test("before a JSON body is ignored (RFC 8259 §8.1), in every request", async () => {
    const { app } = await open();
    const send = (method: string, path: string, body: unknown, type = "application/json") =>
      app.request(`/admin/v1${path}`, {
        method,
        body: `\ufeff${JSON.stringify(body)}`,
        headers: { authorization: `Bearer ${adminToken}`, "content-type": type, "if-match": "*" },
      });
    expect((await send("PUT", "/config", { domains: [isp] })).status).toBe(200);
    expect(
      (await send("PATCH", "/domains/isp", { rapidCommit: true }, "application/merge-patch+json")).status,
    ).toBe(200);
    expect((await send("POST", "/pools:plan", { kind: "full", range: "10.0.0.0/24" })).status).toBe(200);
  });

  test("before the settings of a relay is ignored, and UTF-16 is refused", async () => {
    const folder = await temporaryFolder();
    const file = join(folder, "relay.toml");
    await writeFile(file, '\ufefflog.level = "warn"\n');
    expect(readConfigFile(file).input).toEqual({ log: { level: "warn" } });
    await writeFile(file, Buffer.from('\ufefflog.level = "warn"\n', "utf16le"));
    expect(() => readConfigFile(file)).toThrow(/relay\.toml: found UTF-16, expected UTF-8/);
  });
});

describe("E18 an empty variable is unset", () => {
  const empty = {
    APPORTION_ADMIN_TOKEN: "",
    APPORTION_DATABASE_TOKEN: "",
    APPORTION_PLACEMENTS: "",
    APPORTION_TRUSTED_PROXIES: "",
    APPORTION_HISTORY_DAYS: "",
    APPORTION_BINDING_LOG_DAYS: "",
    APPORTION_HOUSEKEEPING_MINUTES: "",
    APPORTION_ALLOCATOR_URL: "",
    CREDENTIALS_DIRECTORY: "",
    NOTIFY_SOCKET: "",
    LOG_LEVEL: "",
    DEBUG: "",
  };
  const url = "file:data/x.db";

  test("in the settings of the allocator, as on Workers and Deno", () => {
    const set = { APPORTION_RELAY_TOKEN: relayToken, APPORTION_DATABASE_URL: url };
    expect(readConfig({ ...set, ...empty })).toEqual(readConfig(set));
    expect(() => readConfig({ ...empty, APPORTION_RELAY_TOKEN: "", APPORTION_DATABASE_URL: "" })).toThrow(
      /APPORTION_DATABASE_URL: found nothing, expected "file:PATH".*\n.*APPORTION_RELAY_TOKEN: found nothing/s,
    );
  });

  test("in credentials, and in the secrets of a relay", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "relay-token"), relayToken);
    const environment = { CREDENTIALS_DIRECTORY: folder, APPORTION_RELAY_TOKEN: "" };
    expect(withCredentials(environment).APPORTION_RELAY_TOKEN).toBe(relayToken);
    expect(readSecrets({ allocator: {} }, environment).token).toBe(relayToken);
    expect(() => readSecrets({ allocator: {} }, { APPORTION_RELAY_TOKEN: "" })).toThrow(
      /found nothing, expected/,
    );
  });

  test("removeEmptyVariables() leaves what is not ours", () => {
    const environment: Record<string, string | undefined> = { ...empty, PATH: "", APPORTION_URL: "x" };
    removeEmptyVariables(environment);
    expect(environment).toEqual({ PATH: "", APPORTION_URL: "x" });
  });

  test.each([
    ["APPORTION_HISTORY_DAYS", "0", "expected 1 to 36500 days"],
    ["APPORTION_HISTORY_DAYS", "1e3", "expected 1 to 36500 days"],
    ["APPORTION_TRUSTED_PROXIES", "10.0.0.1/8", "expected 10.0.0.0/8"],
    ["APPORTION_PLACEMENTS", "{}x", "expected JSON"],
    ["APPORTION_PLACEMENTS", '{"No!": {"url": "file:x"}}', "expected 1 to 63 of a-z"],
    ["APPORTION_PLACEMENTS", '{"north": {"url": "x"}}', 'expected "file:PATH"'],
  ])("a wrong %s is named with what is allowed", (name, value, expected) => {
    const set = { APPORTION_RELAY_TOKEN: relayToken, APPORTION_DATABASE_URL: url };
    expect(() => readConfig({ ...set, [name]: value })).toThrow(new RegExp(`${name}.*${expected}`, "s"));
  });

  test("the allocator starts with all of them empty, on a file with a byte order mark, and reads flags", async () => {
    const folder = await temporaryFolder();
    const config = join(folder, "state.json");
    await writeFile(config, `\ufeff${JSON.stringify({ domains: [isp] })}`);
    const database = `file://localhost${folder}/a%20b.db`;
    const args = ["allocator", "--http", "127.0.0.1:0", "--database", database, "--config", config];
    const program = startProgram("apportion", args, {
      ...empty,
      APPORTION_RELAY_TOKEN: relayToken,
      APPORTION_DATABASE_URL: "",
    });
    const listening = await program.logged("allocator listening");
    expect(existsSync(join(folder, "a b.db"))).toBe(true);
    const run = commandLine({ APPORTION_URL: String(listening.url), APPORTION_ADMIN_TOKEN: adminToken });
    const wrong = [
      await run("clock", "accept", "1e3"),
      await run("tokens", "rotate", "x", "--overlap", "1h"),
      await run("leases", "move", "192.0.2.1-5", "192.0.2.1-007"),
    ];
    expect(
      wrong.map(({ code, stdout, stderr }) => [code, stdout, /found ".*", expected|is invalid/.test(stderr)]),
    ).toEqual([
      [2, "", true],
      [2, "", true],
      [2, "", true],
    ]);
  });
});
