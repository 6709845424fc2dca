/**
 * The way to several allocators, over real HTTP and TLS.
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
  const ask = async (...ids: number[]): Promise<void> => {
    for (const id of ids) await client.send(query(id), port);
  };
  return { ...service, ask, answered: async () => idOf((await client.received.next()).octets) };
}

test("a batch that an allocator did not take is answered by another, and the next ones too", async () => {
  const [first, second] = [await stageAllocator(), await stageAllocator()];
  const { ask, answered, logged } = await stage([first, second]);
  first.setReady(false);
  await ask(1);
  (await first.posts.next()).respond(503, { "retry-after": "30" });
  answerAll(await second.posts.next());
  expect(await answered()).toBe(1);
  expect(await logged("allocator unavailable: retrying after a pause")).toMatchObject({
    allocator: `${first.url}/`,
    detail: "Status is 503, expected 200",
    retryAfterMs: 30_000,
  });
  await ask(2);
  answerAll(await second.posts.next());
  expect(await answered()).toBe(2);
  expect(first.posts.size).toBe(0);
});

test("an allocator learns how long the oldest datagram of a POST has waited", async () => {
  const [first, second] = [await stageAllocator(), await stageAllocator()];
  const { ask, answered } = await stage([first, second]);
  first.setReady(false);
  await ask(1);
  const failed = await first.posts.next();
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

test("an allocator that is dead costs no datagram while there is another, and is used again when it is back", async () => {
  const [first, second] = [await stageAllocator(), await stageAllocator()];
  const { ask, answered, logged } = await stage([first, second]);
  await first.close();
  await ask(1);
  answerAll(await second.posts.next());
  expect(await answered()).toBe(1);

  const back = await stageAllocator(first.port);
  answerAlways(second);
  answerAlways(back);
  const isBack = async (): Promise<boolean> => {
    await ask(2);
    await answered();
    return back.inFlightMax() > 0;
  };
  await vi.waitUntil(isBack, { interval: 20, timeout: 20_000 });
  await logged("allocator available again");
});

test("POSTs in flight are counted over all allocators", async () => {
  const allocators = [await stageAllocator(), await stageAllocator(), await stageAllocator()];
  const { ask, answered } = await stage(allocators, { policy: "spread", postsInFlight: 2 });
  const waiting = (): number => allocators.reduce((sum, { posts }) => sum + posts.size, 0);
  for (const id of [1, 2]) {
    await ask(id);
    await vi.waitUntil(() => waiting() === id, { interval: 5, timeout: 10_000 });
  }
  await ask(3, 4);
  // They wait for a slot, and then go together; with a third POST one would have gone at once.
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

test("an allocator that is out of breath gets nothing until its Retry-After is over, and then one POST at a time", async () => {
  const allocator = await stageAllocator();
  const { ask, answered } = await stage([allocator]);
  await ask(1);
  (await allocator.posts.next()).respond(429, { "retry-after": "1" });
  const refusedAt = performance.now();
  await ask(2);
  const trial = await allocator.posts.next();
  expect(performance.now() - refusedAt).toBeGreaterThan(990);
  await ask(3, 4);
  answerAll(trial);
  expect(idsOf(trial)).toEqual([2]);
  expect(await answered()).toBe(2);
  answerAlways(allocator);
  expect([await answered(), await answered()].toSorted()).toEqual([3, 4]);
  expect(allocator.inFlightMax()).toBe(1);
});

const withoutOpenssl = whyWithout("openssl");

test.skipIf(withoutOpenssl !== "")(
  `TLS: the authority that is configured is trusted, and no other${withoutOpenssl}`,
  async () => {
    const folder = stageFolder();
    const ours = createAuthority(folder, "ours");
    const others = createAuthority(folder, "others");
    const { certificate: cert, key } = ours.certify("allocator");
    const allocator = await stageAllocator(0, { cert, key });

    const trusting = await stage([allocator], {}, { ca: ours.ca });
    await trusting.ask(1);
    answerAll(await allocator.posts.next());
    expect(await trusting.answered()).toBe(1);

    for (const secrets of [{ ca: others.ca }, {}]) {
      const wary = await stage([allocator], {}, secrets);
      await wary.ask(2);
      const { detail } = await wary.logged("allocator unavailable: retrying after a pause");
      expect(detail).toMatch(/certificate|self-signed|issuer/);
    }
    expect(allocator.posts.size).toBe(0);
  },
);

test.skipIf(withoutOpenssl !== "")(
  `TLS: the relay shows its certificate to an allocator that wants one${withoutOpenssl}`,
  async () => {
    const authority = createAuthority(stageFolder(), "ours");
    const { certificate: cert, key } = authority.certify("allocator");
    const { ca } = authority;
    const allocator = await stageAllocator(0, { cert, key, ca, requestCert: true, rejectUnauthorized: true });

    const known = await stage([allocator], {}, { ca, ...authority.certify("relay") });
    await known.ask(1);
    answerAll(await allocator.posts.next());
    expect(await known.answered()).toBe(1);

    const unknown = await stage([allocator], {}, { ca });
    await unknown.ask(2);
    await unknown.logged("allocator unavailable: retrying after a pause");
    expect(allocator.posts.size).toBe(0);
  },
);
