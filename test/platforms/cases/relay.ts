/**
 * Cases for the relay endpoint, which every platform must pass.
 *
 * @module
 */
import { expect, test, vi } from "vitest";
import { relayBodyOctetsMax, relayFramesMax } from "../../../src/limits.ts";
import { decodeFrames, encodeFrames } from "../../../src/wire/frames.ts";
import { askBy, postTo, wrap } from "../../support/allocator.ts";
import type { TestAnswer, TestMessage } from "../../support/allocator.ts";
import { clientProfile, fullProfile, says } from "../../support/clients.ts";
import { requestAlone } from "../../support/request-alone.ts";
import { vectorOctets } from "../../support/vectors.ts";
import type { CaseDomains, CaseTarget } from "./target.ts";
import { execute, queryNumber } from "../../support/sql.ts";

/** Domains of these cases. Cases that fill or change a domain have their own, so that they do not affect others. */
export const relayDomains = [
  {
    name: "usual",
    prefixes: ["2001:db8:1::/48"],
    serverIdentifier: "203.0.113.1",
    pools: [
      { name: "usual-shared", kind: "shared", range: "192.0.2.0/28", psidLength: 6 },
      { name: "usual-full", kind: "full", range: "198.51.100.0/28" },
    ],
  },
  {
    name: "scarce",
    prefixes: ["2001:db8:2::/48"],
    serverIdentifier: "203.0.113.2",
    pools: [{ name: "scarce-shared", kind: "shared", range: "192.0.2.64/32", psidLength: 6 }],
  },
  {
    name: "limited",
    prefixes: ["2001:db8:3::/48"],
    serverIdentifier: "203.0.113.3",
    siteLeasesMax: 3,
    pools: [{ name: "limited-shared", kind: "shared", range: "192.0.2.80/30", psidLength: 6 }],
  },
  {
    name: "changing",
    prefixes: ["2001:db8:4::/48"],
    serverIdentifier: "203.0.113.4",
    pools: [{ name: "changing-shared", kind: "shared", range: "192.0.2.96/30", psidLength: 6 }],
  },
] as const satisfies CaseDomains;

const at = (linkAddress: string) => (message: TestMessage) => ({ ...message, linkAddress });
const usual = at("2001:db8:1::1");
const scarce = at("2001:db8:2::1");
const limited = at("2001:db8:3::1");
const changing = at("2001:db8:4::1");

const pairText = ({ address, portParams }: TestAnswer) => `${address} ${portParams?.psid ?? "full"}`;

/** Registers the cases of the relay endpoint. */
export function relayCases(target: CaseTarget): void {
  const ask = (...messages: TestMessage[]) => askBy(post)(...messages);
  const post = (body: Uint8Array, headers?: Record<string, string>) =>
    postTo(target().url, target().relayToken)(body, headers);

  async function boundOf(address: string): Promise<number> {
    return queryNumber(
      target().database,
      `SELECT count(*) FROM lease JOIN pool ON pool.id = lease.pool_id
        WHERE state = 2 AND ? BETWEEN first_address AND last_address`,
      address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0),
    );
  }

  test("/healthz and /readyz answer 200", async () => {
    for (const path of ["/healthz", "/readyz"]) {
      expect((await fetch(`${target().url}${path}`)).status).toBe(200);
    }
  });

  test("a client obtains, renews and releases a lease, and its ACK comes after the commit", async () => {
    const client = clientProfile(1);
    const [offer] = await ask(usual(says.discover(client)));
    expect(offer).toMatchObject({ type: "offer", portParams: { psidOffset: 0, psidLength: 6 } });
    const before = await boundOf("192.0.2.0");
    const [ack] = await ask(usual(says.selecting(client, offer!)));
    expect([ack!.type, pairText(ack!)]).toEqual(["ack", pairText(offer!)]);
    expect(await boundOf("192.0.2.0")).toBe(before + 1);
    const [renewed] = await ask(usual(says.renew(client, ack!)));
    expect([renewed!.type, pairText(renewed!)]).toEqual(["ack", pairText(offer!)]);
    // A process that was kept from running does not know when a RELEASE came, so this one may be too old to end the lease.
    await vi.waitFor(
      async () => {
        expect(await ask(usual(says.release(client, ack!)))).toEqual([undefined]);
        expect(await boundOf("192.0.2.0")).toBe(before);
      },
      { timeout: 10_000 },
    );
  });

  test("a message that is sent again gets the same answer", async () => {
    const client = clientProfile(2);
    const [offer] = await ask(usual(says.discover(client)));
    expect(pairText((await ask(usual(says.discover(client))))[0]!)).toBe(pairText(offer!));
    const [first] = await ask(usual(says.selecting(client, offer!)));
    const [second] = await ask(usual(says.selecting(client, offer!)));
    expect([second!.type, pairText(second!)]).toEqual([first!.type, pairText(first!)]);
  });

  test("a client that can't share ports gets a full address", async () => {
    const client = fullProfile(3);
    const [offer] = await ask(usual(says.discover(client)));
    const [ack] = await ask(usual(says.selecting(client, offer!)));
    expect(ack).toMatchObject({ type: "ack", portParams: undefined });
    expect(ack!.address).toMatch(/^198\.51\.100\./);
  });

  test("a REQUEST for the pair of another client is refused", async () => {
    const [offer] = await ask(usual(says.discover(clientProfile(4))));
    const [ack] = await ask(usual(says.selecting(clientProfile(4), offer!)));
    await ask(usual(says.discover(clientProfile(5))));
    const [answer] = await ask(usual(says.reboot(clientProfile(5), ack!)));
    expect(answer!.type).toBe("nak");
  });

  test("a client of no domain gets no answer", async () => {
    expect(await ask(at("2001:db8:99::1")(says.discover(clientProfile(6))))).toEqual([undefined]);
  });

  test("one POST of 256 new clients gives each client its own pair", async () => {
    const clients = Array.from({ length: 256 }, (_, index) => clientProfile(1000 + index));
    const offers = await ask(...clients.map((client) => usual(says.discover(client))));
    const acks = await ask(...clients.map((client, index) => usual(says.selecting(client, offers[index]!))));
    expect(new Set(acks.map((ack) => ack?.type))).toEqual(new Set(["ack"]));
    expect(new Set(acks.map((ack) => pairText(ack!))).size).toBe(256);
  });

  test("parallel POSTs lease each pair of a pool once, and the remaining clients get no answer", async () => {
    const batches = Array.from({ length: 8 }, (_, batch) =>
      Array.from({ length: 16 }, (_, index) => clientProfile(2000 + batch * 16 + index)),
    );
    const offers = (
      await Promise.all(
        batches.map((clients) => ask(...clients.map((client) => scarce(says.discover(client))))),
      )
    ).flat();
    const given = offers.filter((offer) => offer !== undefined);
    expect(given).toHaveLength(63);
    expect(new Set(given.map(pairText)).size).toBe(63);
  });

  test("R7618-10-02: parallel POSTs don't exceed the limit of a site", async () => {
    const clients = Array.from({ length: 12 }, (_, index) => clientProfile(3000 + index));
    const offers = await Promise.all(
      clients.map((client) => ask({ ...limited(says.discover(client)), source: "2001:db8:3:100::1" })),
    );
    expect(offers.flat().filter((offer) => offer !== undefined)).toHaveLength(3);
  });

  test("a change of the configuration applies to the next message", async () => {
    const client = clientProfile(7);
    const secondsOf = (answer: TestAnswer) =>
      new DataView(answer.message.options.get(51)!.slice().buffer).getUint32(0);
    const [before] = await ask(changing(says.discover(client)));
    await execute(
      target().database,
      `UPDATE domain SET settings = replace(settings, '"default":3600', '"default":7200') WHERE name = 'changing'`,
    );
    const [after] = await ask(changing(says.discover(client)));
    expect([secondsOf(before!), secondsOf(after!)]).toEqual([3600, 7200]);
  });

  test("a malformed frame does not affect other frames", async () => {
    const answers = await ask(
      usual(vectorOctets("bad-two-option87")),
      usual(says.discover(clientProfile(8))),
      usual({ octets: new Uint8Array() }),
    );
    expect(answers.map((answer) => answer?.type)).toEqual([undefined, "offer", undefined]);
  });

  test("an empty body is an empty batch", async () => {
    const response = await post(new Uint8Array());
    expect(response.status).toBe(200);
    expect(decodeFrames(new Uint8Array(await response.arrayBuffer()), 1)).toEqual([]);
  });

  /** Posts on its own connection, because the server closes the connection when it refuses to read the body. */
  const postAlone = (body: Uint8Array) =>
    requestAlone(`${target().url}/v1/relay`, {
      method: "POST",
      body,
      headers: {
        authorization: `Bearer ${target().relayToken}`,
        "content-type": "application/octet-stream",
      },
    });
  const whole = () => encodeFrames([wrap(usual(says.discover(clientProfile(9))), 0)]);
  test.each([
    ["no token", 401, () => post(whole(), { authorization: "" })],
    ["another token", 401, () => post(whole(), { authorization: "Bearer another-token-altogether" })],
    ["another content type", 415, () => post(whole(), { "content-type": "application/json" })],
    ["a body that ends within a frame", 400, () => post(Uint8Array.of(...whole(), 0, 9, 1))],
    ["too many frames", 413, () => post(encodeFrames(Array(relayFramesMax + 1).fill(new Uint8Array(1))))],
    ["an unknown path", 404, () => fetch(`${target().url}/v2/relay`, { method: "POST" })],
    ["too large a body", 413, () => postAlone(new Uint8Array(relayBodyOctetsMax + 1))],
  ] as const)("%s: problem+json with %i", async (_, status, send) => {
    const response = await send();
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ status });
  });
}
