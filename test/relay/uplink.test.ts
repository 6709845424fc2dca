/**
 * Several allocators, over real HTTP and TLS.
 */
import { expect, test, vi } from "vitest";
import type { Secrets } from "../../relay/config/secrets.ts";
import { whyWithout } from "../support/tools.ts";
import { createAuthority } from "./certificates.ts";
import type { ScriptedAllocator } from "./scripted-allocator.ts";
import {
  answerAll,
  answerAlways,
  configOf,
  idOf,
  idsOf,
  portsOf,
  query,
  stageAllocator,
  stageDaemon,
  stageFolder,
  stagePeer,
} from "./stage.ts";
import type { RelaySettingsInput } from "./stage.ts";

/** A relay, a client, and allocators. */
async function stage(
  allocators: readonly ScriptedAllocator[],
  input: RelaySettingsInput["allocator"] = {},
  secrets: Partial<Secrets> = {},
) {
  const urls = allocators.map(({ url }) => url);
  const service = await stageDaemon(configOf({ allocator: { urls, ...input } }, secrets));
  const [port] = portsOf(await service.logged("relay listening")) as [number];
  const client = await stagePeer();
  const send = async (...ids: number[]): Promise<void> => {
    for (const id of ids) await client.send(query(id), port);
  };
  return { ...service, send, answered: async () => idOf((await client.received.next()).octets) };
}

test("if one allocator fails a batch, another answers it and the batches after it", async () => {
  const [first, second] = [await stageAllocator(), await stageAllocator()];
  const { send, answered, logged } = await stage([first, second]);
  await send(1);
  const failed = await first.posts.next();
  first.setReady(false);
  failed.respond(503, { "retry-after": "30" });
  answerAll(await second.posts.next());
  expect(await answered()).toBe(1);
  expect(await logged("allocator unavailable: retrying after a pause")).toMatchObject({
    allocator: `${first.url}/`,
    detail: "Status is 503, expected 200",
    retryAfterMs: 30_000,
  });
  await send(2);
  answerAll(await second.posts.next());
  expect(await answered()).toBe(2);
  expect(first.posts.size).toBe(0);
});

test("each POST states how long its oldest datagram has waited", async () => {
  const [first, second] = [await stageAllocator(), await stageAllocator()];
  const { send, answered } = await stage([first, second]);
  await send(1);
  const failed = await first.posts.next();
  first.setReady(false);
  failed.respond(503, { "retry-after": "30" });
  const taken = await second.posts.next();
  answerAll(taken);
  await answered();
  const ages = [failed, taken]
    .map(({ request }) => request)
    .map(({ headers }) => headers["apportion-age-ms"]);
  for (const age of ages) expect(age).toMatch(/^\d{1,5}$/);
  expect(Number(ages[1])).toBeGreaterThanOrEqual(Number(ages[0]));
});

test("a dead allocator loses no datagram if there is another, and is used again once it is back", async () => {
  const [first, second] = [await stageAllocator(), await stageAllocator()];
  const { send, answered, logged } = await stage([first, second]);
  await first.close();
  await send(1);
  answerAll(await second.posts.next());
  expect(await answered()).toBe(1);

  const back = await stageAllocator(first.port);
  answerAlways(second);
  answerAlways(back);
  const isBack = async (): Promise<boolean> => {
    await send(2);
    await answered();
    return back.inFlightMax() > 0;
  };
  await vi.waitUntil(isBack, { interval: 20, timeout: 20_000 });
  await logged("allocator available again");
});

test("the limit of POSTs in flight applies over all allocators", async () => {
  const allocators = [await stageAllocator(), await stageAllocator(), await stageAllocator()];
  const { send, answered } = await stage(allocators, { policy: "spread", postsInFlight: 2 });
  const waiting = (): number => allocators.reduce((sum, { posts }) => sum + posts.size, 0);
  for (const id of [1, 2]) {
    await send(id);
    await vi.waitUntil(() => waiting() === id, { interval: 5, timeout: 10_000 });
  }
  await send(3, 4);
  // They wait for a slot, then go in one POST. If a third POST were allowed, one of them would have gone at once.
  const first = allocators.find(({ posts }) => posts.size > 0)!;
  answerAll(await first.posts.next());
  await answered();
  await vi.waitUntil(() => waiting() === 2, { interval: 5, timeout: 10_000 });
  const others = await Promise.all(
    allocators.filter(({ posts }) => posts.size > 0).map(({ posts }) => posts.next()),
  );
  expect(others.map((post) => idsOf(post).length).toSorted()).toEqual([1, 2]);
  for (const post of others) answerAll(post);
  await Promise.all([answered(), answered(), answered()]);
});

test("an overloaded allocator gets no POST until its Retry-After is over, and then one at a time", async () => {
  const allocator = await stageAllocator();
  const { send, answered } = await stage([allocator]);
  await send(1);
  (await allocator.posts.next()).respond(429, { "retry-after": "1" });
  const refusedAt = performance.now();
  await send(2);
  const trial = await allocator.posts.next();
  expect(performance.now() - refusedAt).toBeGreaterThan(990);
  await send(3, 4);
  answerAll(trial);
  expect(idsOf(trial)).toEqual([2]);
  expect(await answered()).toBe(2);
  answerAlways(allocator);
  expect([await answered(), await answered()].toSorted()).toEqual([3, 4]);
  expect(allocator.inFlightMax()).toBe(1);
});

const withoutOpenssl = whyWithout("openssl");

test.skipIf(withoutOpenssl !== "")(
  `TLS: only the configured authority is trusted${withoutOpenssl}`,
  async () => {
    const folder = stageFolder();
    const ours = createAuthority(folder, "ours");
    const others = createAuthority(folder, "others");
    const { certificate: cert, key } = ours.certify("allocator");
    const allocator = await stageAllocator(0, { cert, key });

    const trusted = await stage([allocator], {}, { ca: ours.ca });
    await trusted.send(1);
    answerAll(await allocator.posts.next());
    expect(await trusted.answered()).toBe(1);

    for (const secrets of [{ ca: others.ca }, {}]) {
      const untrusted = await stage([allocator], {}, secrets);
      await untrusted.send(2);
      const { detail } = await untrusted.logged("allocator unavailable: retrying after a pause");
      expect(detail).toMatch(/certificate|self-signed|issuer/);
    }
    expect(allocator.posts.size).toBe(0);
  },
);

test.skipIf(withoutOpenssl !== "")(
  `TLS: the relay presents its certificate to an allocator that requires one${withoutOpenssl}`,
  async () => {
    const authority = createAuthority(stageFolder(), "ours");
    const { certificate: cert, key } = authority.certify("allocator");
    const { ca } = authority;
    const allocator = await stageAllocator(0, { cert, key, ca, requestCert: true, rejectUnauthorized: true });

    const known = await stage([allocator], {}, { ca, ...authority.certify("relay") });
    await known.send(1);
    answerAll(await allocator.posts.next());
    expect(await known.answered()).toBe(1);

    const unknown = await stage([allocator], {}, { ca });
    await unknown.send(2);
    await unknown.logged("allocator unavailable: retrying after a pause");
    expect(allocator.posts.size).toBe(0);
  },
);

test("the log of a failed POST has the trace id that the allocator got", async () => {
  const allocator = await stageAllocator();
  const { send, logged } = await stage([allocator]);
  await send(1);
  const { request, respond } = await allocator.posts.next();
  respond(503);
  const { traceId } = await logged("allocator unavailable: retrying after a pause");
  expect(request.headers.traceparent).toMatch(new RegExp(`^00-${String(traceId)}-[0-9a-f]{16}-00$`));
});
