/**
 * Cases for the admin API, which every platform must pass.
 *
 * @module
 */
import { describe, expect, test } from "vitest";
import { adminBodyOctetsMax, authFailuresMax } from "../../../src/limits.ts";
import { encodeHex } from "../../../src/wire/hex.ts";
import { parseIPv6 } from "../../../src/wire/ipv6-address.ts";
import { itemsOf, operatorBy } from "../../support/admin.ts";
import { askBy, postTo } from "../../support/allocator.ts";
import type { TestMessage } from "../../support/allocator.ts";
import { clientProfile, says } from "../../support/clients.ts";
import { requestAlone } from "../../support/request-alone.ts";
import type { AloneRequest } from "../../support/request-alone.ts";
import type { CaseDomains, CaseTarget } from "./target.ts";

/** Domains of these cases. The cases create everything else that they need. */
export const adminDomains = [
  {
    name: "evident",
    prefixes: ["2001:db8:5::/48"],
    serverIdentifier: "203.0.113.5",
    softwire: { borderRelays: ["2001:db8:ffff::1"] },
    pools: [
      { name: "evident-shared", kind: "shared", range: "192.0.2.112/31", psidOffset: 6, psidLength: 8 },
    ],
  },
  {
    name: "managed",
    prefixes: ["2001:db8:6::/48"],
    serverIdentifier: "203.0.113.6",
    pools: [{ name: "managed-full", kind: "full", range: "192.0.2.120/30" }],
  },
] as const satisfies CaseDomains;

const evident = (message: TestMessage) => ({
  ...message,
  linkAddress: "2001:db8:5::1",
  source: "2001:db8:5:100::1",
});

const shared = { domain: "managed", kind: "shared", psidLength: 6 };

/** Registers the cases of the admin API. */
export function adminCases(target: CaseTarget): void {
  const as = (token: string) => operatorBy((path, init) => fetch(`${target().url}${path}`, init), token);
  const call: ReturnType<typeof as> = (...args) => as(target().adminToken)(...args);
  /** Calls on its own connection, because the server closes the connection when it refuses to read the body. */
  const callAlone: typeof call = (...args) =>
    operatorBy(
      (path, init) => requestAlone(`${target().url}${path}`, init as AloneRequest),
      target().adminToken,
    )(...args);
  const ask = (...messages: TestMessage[]) =>
    askBy((body, headers) => postTo(target().url, target().relayToken)(body, headers))(...messages);
  const makeToken = async (name: string, fields: object) => {
    const { status, body } = await call("PUT", `/tokens/${name}`, fields);
    expect(status).toBe(201);
    return body.secret as string;
  };

  /** @returns The names in a list, read page by page through the links to the next page. */
  async function namesOf(path: string): Promise<unknown[]> {
    const names: unknown[] = [];
    for (let next: string | undefined = path; next !== undefined;) {
      const page = await call("GET", next);
      names.push(...itemsOf(page).map(({ name }) => name));
      next = /^<\/admin\/v1([^>]+)>; rel="next"$/.exec(page.headers.get("link") ?? "")?.[1];
      expect(next === undefined).toBe(page.body.next === null);
    }
    return names;
  }

  describe("a resource is created, read, listed, changed only with its ETag, and deleted", () => {
    const pool = (name: string, range: string) => ({ path: `/pools/${name}`, body: { ...shared, range } });
    test.each([
      {
        list: "/domains",
        path: "/domains/made",
        body: { serverIdentifier: "203.0.113.9" },
        other: { rapidCommit: true },
        wrong: { leaseSeconds: { default: 5 } },
        at: "leaseSeconds.default",
      },
      {
        list: "/pools?domain=managed",
        ...pool("made", "10.1.0.0/24"),
        other: { options: { mtu: 1400 } },
        wrong: { psidLength: 17 },
        at: "psidLength",
      },
      {
        list: "/reservations?domain=managed",
        path: "/reservations/made",
        body: { domain: "managed", clientIdentifier: "ff00000007", address: "192.0.2.121" },
        other: { address: "192.0.2.122" },
        wrong: { address: "192.0.2.300" },
        at: "address",
      },
    ])("$path", async ({ list, path, body, other, wrong, at }) => {
      const invalid = await call("PUT", path, { ...body, ...wrong });
      expect(invalid.headers.get("content-type")).toBe("application/problem+json");
      expect([invalid.status, invalid.body.errors]).toEqual([
        400,
        expect.arrayContaining([expect.objectContaining({ path: at })]),
      ]);
      expect((await call("GET", path)).status).toBe(404);
      const created = await call("PUT", path, body);
      expect([created.status, created.headers.get("location")]).toEqual([201, `/admin/v1${path}`]);
      const read = await call("GET", path);
      expect([read.status, read.etag, read.body]).toEqual([200, created.etag, created.body]);
      expect((await call("PUT", path, body)).etag).toBe(created.etag);
      expect((await call("PUT", path, body, { "if-none-match": "*" })).status).toBe(412);
      expect(await namesOf(`${list}${list.includes("?") ? "&" : "?"}limit=1`)).toContain("made");

      const replaced = { ...body, ...other };
      expect((await call("PUT", path, replaced)).status).toBe(428);
      expect((await call("PUT", path, replaced, { "if-match": '"99"' })).status).toBe(412);
      const changed = await call("PUT", path, replaced, { "if-match": created.etag! });
      expect([changed.status, changed.body]).toEqual([200, expect.objectContaining(other)]);
      expect(changed.etag).not.toBe(created.etag);
      expect((await call("PATCH", path, {}, { "if-match": created.etag! })).status).toBe(412);
      const patch = await call("PATCH", path, other, {
        "if-match": changed.etag!,
        "content-type": "application/merge-patch+json",
      });
      expect([patch.status, patch.etag]).toEqual([200, changed.etag]);
      expect((await call("DELETE", path, undefined, { "if-match": created.etag! })).status).toBe(412);
      expect((await call("DELETE", path, undefined, { "if-match": changed.etag! })).status).toBe(204);
      expect((await call("GET", path)).status).toBe(404);
      const [, resource] = path.split("/");
      const audit = await call("GET", `/audit?resource=${resource!.slice(0, -1)}&name=made`);
      const actions = itemsOf(audit).map(({ action }) => action);
      expect([actions[0], actions.at(-1)]).toEqual(["delete", "create"]);
      expect(actions).toContain("change");
    });
  });

  test("the pages of a list contain each item once, in order", async () => {
    const names = ["page-1", "page-2", "page-3"];
    for (const [index, name] of names.entries()) {
      expect((await call("PUT", `/pools/${name}`, { ...shared, range: `10.2.${index}.0/24` })).status).toBe(
        201,
      );
    }
    expect(await namesOf("/pools?domain=managed&kind=shared&limit=2")).toEqual(names);
    expect((await call("GET", "/pools?cursor=nonsense")).body.errors).toMatchObject([{ path: "?cursor" }]);
    for (const name of names) expect((await call("DELETE", `/pools/${name}`)).status).toBe(204);
  });

  test("a pool is planned and drained, and an overlapping pool is refused with the name of the other", async () => {
    const range = "10.3.0.0/24";
    const plan = await call("POST", "/pools:plan", { ...shared, range, reservedPorts: ["0-1023", "5060"] });
    expect([plan.status, plan.body]).toEqual([
      200,
      expect.objectContaining({ sharingRatio: 64, lostPsidsCount: 2, overlaps: null }),
    ]);
    expect((await call("GET", "/pools/planned")).status).toBe(404);
    expect((await call("PUT", "/pools/planned", { ...shared, range })).status).toBe(201);
    const overlapping = await call("PUT", "/pools/other", { ...shared, range: "10.3.0.128/25" });
    expect([overlapping.status, overlapping.body]).toEqual([
      409,
      expect.objectContaining({
        detail: expect.stringContaining('"planned" (10.3.0.0/24)') as string,
        errors: [expect.objectContaining({ path: "range", found: '"10.3.0.128/25"' })],
      }),
    ]);
    const until = "2099-01-01T00:00:00Z";
    expect((await call("POST", "/pools/planned/drain", { until })).body.drainUntil).toBe(until);
    expect((await call("DELETE", "/pools/planned")).status).toBe(204);
  });

  test("of 64 overlapping pools that are created at once, one for each range succeeds", async () => {
    const wanted = Array.from({ length: 64 }, (_, index) => ({
      path: `/pools/rival-${index}`,
      range: `10.4.${index % 8}.0/24`,
    }));
    const answers = await Promise.all(
      wanted.map(({ path, range }) => call("PUT", path, { ...shared, range })),
    );
    const created = answers.filter(({ status }) => status === 201);
    expect(new Set(created.map(({ body }) => body.range)).size).toBe(8);
    expect(created).toHaveLength(8);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(56);
    const left = await namesOf("/pools?domain=managed&kind=shared&limit=5");
    expect(left).toHaveLength(8);
    for (const name of left) expect((await call("DELETE", `/pools/${String(name)}`)).status).toBe(204);
  });

  test("a lease is listed, looked up, in the binding table and counted, and an operator can release it", async () => {
    const client = clientProfile(50);
    const softwire = parseIPv6("2001:db8:5:100::1");
    const early = await call("GET", "/bindings?domain=evident");
    const [offer] = await ask(evident(says.discover(client)));
    const [ack] = await ask(evident(says.selecting(client, offer!, softwire)));
    expect(ack!.type).toBe("ack");
    const clientId = encodeHex(client.clientIdentifier);
    const { psid } = ack!.portParams!;
    const id = `${ack!.address}-${psid}`;

    for (const query of [`clientId=${clientId}`, "softwire=2001:db8:5:100::1", `address=${ack!.address}`]) {
      const found = await call("GET", `/leases?${query}`);
      expect(itemsOf(found)).toMatchObject([
        { id, domain: "evident", pool: "evident-shared", state: "bound", clientId, psid },
      ]);
    }
    const { body: lease } = await call("GET", `/leases/${id}`);
    const [{ first: port }] = lease.ports as [{ first: number }];
    const at = lease.since as string;
    expect((await call("GET", `/lookup?address=${ack!.address}&port=${port}&at=${at}`)).body).toMatchObject({
      found: "subscriber",
      reason: null,
      holders: [{ certainty: "certain", clientId, psid, source: "2001:db8:5:100::1" }],
    });
    expect((await call("GET", `/lookup?address=${ack!.address}&port=80&at=${at}`)).body).toMatchObject({
      found: "nobody",
      reason: { id: "excluded-port" },
    });

    const row = {
      "binding-ipv6info": "2001:db8:5:100::1",
      "binding-ipv4-addr": ack!.address,
      "port-set": { "psid-offset": 6, "psid-len": 8, psid },
      "br-ipv6-addr": "2001:db8:ffff::1",
    };
    const table = await call("GET", "/bindings?domain=evident&digest=true");
    expect(table.headers.get("apportion-digest")).toMatch(/^sha-256=[0-9a-f]{64}$/);
    expect(table.body).toMatchObject({
      "ietf-softwire-br:br-instances": {
        binding: { "bind-instance": [{ name: "evident", "binding-table": { "binding-entry": [row] } }] },
      },
    });
    const since = async (version: string) =>
      (await call("GET", `/bindings?domain=evident&since=${version}`)).body["bind-instance"];
    expect(await since(early.headers.get("apportion-version")!)).toMatchObject([
      { name: "evident", added: [row], removed: [] },
    ]);

    expect((await call("GET", "/statistics")).body.domains).toContainEqual(
      expect.objectContaining({ domain: "evident", total: 512, bound: 1, free: 511 }),
    );
    const metrics = await fetch(`${target().url}/metrics`, {
      headers: { authorization: `Bearer ${target().adminToken}` },
    });
    expect(await metrics.text()).toContain(
      'apportion_pool_slots{domain="evident",pool="evident-shared",state="bound"} 1',
    );

    const released = await call("POST", `/leases/${id}/release`);
    expect([released.status, released.body.state]).toEqual([200, "quarantined"]);
    expect((await call("POST", `/leases/${id}/release`)).status).toBe(409);
    expect(itemsOf(await call("GET", `/audit?resource=lease&name=${id}`))).toMatchObject([
      {
        action: "release",
        actor: "environment",
        before: { state: "bound" },
        after: { state: "quarantined" },
      },
    ]);
    expect(await since(table.headers.get("apportion-version")!)).toMatchObject([
      { added: [], removed: ["2001:db8:5:100::1"] },
    ]);
  });

  test("a token permits only what its scope permits", async () => {
    const reader = as(await makeToken("a-reader", { scope: "read" }));
    const relay = await makeToken("a-relay", { scope: "relay" });
    const plan = { kind: "full", range: "203.0.113.0/24" };
    const statuses = async (caller: typeof call) => [
      (await caller("GET", "/domains/managed")).status,
      (await caller("POST", "/pools:plan", plan)).status,
      (await caller("PATCH", "/domains/managed", { rapidCommit: true })).status,
    ];
    expect(await statuses(reader)).toEqual([200, 200, 403]);
    expect(await statuses(as(relay))).toEqual([403, 403, 403]);
    expect(await statuses(as("an-unknown-token-0"))).toEqual([401, 401, 401]);
    expect((await postTo(target().url, relay)(new Uint8Array())).status).toBe(200);
    const refused = await fetch(`${target().url}/admin/v1/domains`);
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      401,
      'Bearer realm="apportion"',
    ]);
    expect((await call("GET", "/domains/managed")).body.rapidCommit).toBe(false);
  });

  test("a token for one domain can neither read nor change another domain", async () => {
    const caller = as(await makeToken("managed-only", { scope: "admin", domain: "managed" }));
    expect(itemsOf(await caller("GET", "/domains")).map(({ name }) => name)).toEqual(["managed"]);
    expect(itemsOf(await caller("GET", "/pools")).map(({ name }) => name)).toEqual(["managed-full"]);
    expect((await caller("GET", "/statistics")).body.domains).toMatchObject([{ domain: "managed" }]);
    expect(itemsOf(await caller("GET", "/leases")).filter(({ domain }) => domain !== "managed")).toEqual([]);
    expect((await caller("GET", "/pools/evident-shared")).status).toBe(404);
    expect((await caller("PATCH", "/domains/evident", { rapidCommit: true })).status).toBe(404);
    expect((await caller("GET", "/tokens")).status).toBe(403);
    expect((await caller("GET", "/config")).status).toBe(403);
    expect((await caller("PATCH", "/pools/managed-full", { options: { mtu: 1400 } })).status).toBe(200);
  });

  test("a token is listed without its secret, and after a rotation its old secret is valid for the overlap", async () => {
    const first = await makeToken("rotating", { scope: "read" });
    const { body: list } = await call("GET", "/tokens");
    expect(list.items).toContainEqual(expect.objectContaining({ name: "rotating", scope: "read" }));
    expect(JSON.stringify(list)).not.toContain(first);
    const rotate = async (overlapSeconds: number) =>
      (await call("POST", "/tokens/rotating/rotate", { overlapSeconds })).body.secret as string;
    const status = async (token: string) => (await as(token)("GET", "/domains/managed")).status;
    const second = await rotate(600);
    expect([await status(first), await status(second)]).toEqual([200, 200]);
    // Neither secret is used before both rotations, because an allocator caches tokens for a while.
    const third = await rotate(600);
    const fourth = await rotate(0);
    expect([await status(third), await status(fourth)]).toEqual([401, 200]);
    expect((await call("PATCH", "/tokens/rotating", { expiresAt: "2099-01-01T00:00:00Z" })).status).toBe(200);
    expect((await call("DELETE", "/tokens/rotating")).status).toBe(204);
    expect((await call("GET", "/tokens/rotating")).status).toBe(404);
  });

  // Only Linux can call from other addresses than 127.0.0.1 without setup.
  test.skipIf(process.platform !== "linux")(
    "T13 a client that guesses tokens has to wait, and neither other clients nor good tokens do",
    async () => {
      const present = async (token: string, localAddress: string, claimed: string) => {
        const headers = {
          authorization: `Bearer ${token}`,
          // Cloudflare sets this header on Workers. On other platforms the allocator ignores it.
          "cf-connecting-ip": localAddress.replace("127.0.0.", "198.51.100."),
          // No proxy is trusted, so what the client writes here counts nowhere.
          "x-forwarded-for": claimed,
          forwarded: `for=${claimed}`,
        };
        return (await requestAlone(`${target().url}/admin/v1/domains`, { localAddress, headers })).status;
      };
      const guess = (number: number, localAddress: string) =>
        present(`a-guess-of-a-token-${number}`, localAddress, `203.0.113.${number}`);
      const good = await makeToken("good-beside-guesses", { scope: "read" });
      for (let number = 0; number < authFailuresMax; number++) {
        expect(await guess(number, "127.0.0.2")).toBe(401);
      }
      expect(await guess(authFailuresMax, "127.0.0.2")).toBe(429);
      expect(await guess(authFailuresMax, "127.0.0.3")).toBe(401);
      expect(await present(good, "127.0.0.2", "203.0.113.1")).toBe(200);
    },
  );

  test("the declared state that GET returns changes nothing when it is sent back", async () => {
    const { body: declared } = await call("GET", "/config");
    for (const [query, applied] of [
      ["?dryRun=true", false],
      ["", true],
      ["", true],
    ] as const) {
      const { status, body } = await call("PUT", `/config${query}`, declared);
      expect([status, body.applied]).toEqual([200, applied]);
      const changes = (body.steps as { change: string }[]).map(({ change }) => change);
      expect(new Set(changes)).toEqual(new Set(["unchanged"]));
    }
    const more = { name: "wished", serverIdentifier: "203.0.113.8", pools: [] };
    const wished = { domains: [...(declared.domains as object[]), more] };
    expect((await call("PUT", "/config?dryRun=true", wished)).body.steps).toContainEqual({
      what: "domain",
      name: "wished",
      domain: "wished",
      change: "create",
    });
    expect((await call("GET", "/domains/wished")).status).toBe(404);
    const yaml = await call("GET", "/config", undefined, { accept: "application/yaml" });
    expect(yaml.body.text).toMatch(/^domains:\n/);
  });

  test("the OpenAPI document and its page are served, and the page needs no script and no other host", async () => {
    const document = await (await fetch(`${target().url}/openapi.json`)).json();
    expect(document).toMatchObject({ openapi: expect.stringMatching(/^3\./) as string });
    expect(Object.keys((document as { paths: object }).paths)).toEqual(
      expect.arrayContaining(["/admin/v1/pools/{name}", "/admin/v1/lookup", "/admin/v1/config"]),
    );
    const page = await fetch(`${target().url}/docs`);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    const text = await page.text();
    expect(text).toContain("/admin/v1/pools/{name}");
    expect(text).not.toMatch(/<script|<link|(src|href)="(https?:)?\/\//);
  });

  test.each([
    ["malformed JSON", 400, () => call("PUT", "/pools/x", "{")],
    ["another content type", 415, () => call("PUT", "/pools/x", "a: 1", { "content-type": "text/plain" })],
    ["an unknown query parameter", 400, () => call("GET", "/pools?colour=red")],
    ["an unknown path", 404, () => call("GET", "/nowhere")],
    ["a resource that does not exist", 404, () => call("GET", "/domains/nowhere")],
    ["a body that is too large", 413, () => callAlone("PUT", "/pools/x", "x".repeat(adminBodyOctetsMax + 1))],
  ] as const)("%s: the operator gets problem+json with %i", async (_, status, send) => {
    const answer = await send();
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect([answer.status, answer.body.status]).toEqual([status, status]);
  });
}
