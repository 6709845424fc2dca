/**
 * Reloads of a running relay: no datagram is lost, and no invalid setting is applied.
 */
import { expect, test, vi } from "vitest";
import { ConfigError } from "../../relay/config/config-error.ts";
import {
  answerAll,
  answerAlways,
  configOf,
  freePort,
  idOf,
  portsOf,
  query,
  reply,
  stageAllocator,
  stageDaemon,
  stagePeer,
  token,
} from "./stage.ts";

/** Starts a relay with one listener, and returns a function that creates settings with other ports. */
async function stage() {
  const allocator = await stageAllocator();
  const urls = [allocator.url];
  const service = await stageDaemon(configOf({ allocator: { urls } }));
  const [port] = portsOf(await service.logged("relay listening")) as [number];
  const onPorts = (...ports: number[]) =>
    configOf({ listeners: ports.map((each) => ({ address: "::1", port: each })), allocator: { urls } });
  // A reload keeps a listener whose configured address and port are unchanged. Here the configured port is 0.
  return { allocator, ...service, port, onPorts, client: await stagePeer() };
}

test("a pending answer is delivered from its listener after a reload removes the listener", async () => {
  const { allocator, client, port, reload, logged, onPorts } = await stage();
  await client.send(query(1), port);
  const post = await allocator.posts.next();
  const spare = await freePort();
  await reload(onPorts(spare));
  expect(portsOf(await logged("relay reconfigured"))).toEqual([spare]);
  answerAll(post);
  expect(await client.received.next()).toEqual({ octets: reply(query(1)), port });
  // The old listener still accepts datagrams, because some may have been in its buffer.
  await client.send(query(2), port);
  answerAll(await allocator.posts.next());
  expect(await client.received.next()).toEqual({ octets: reply(query(2)), port });
  await client.send(query(3), spare);
  answerAll(await allocator.posts.next());
  expect(await client.received.next()).toEqual({ octets: reply(query(3)), port: spare });
});

test("a removed listener closes once no answer can be pending", async () => {
  const allocator = await stageAllocator();
  const input = { allocator: { urls: [allocator.url] }, queue: { deadlineMs: 300 } };
  const { reload, logged } = await stageDaemon(configOf(input));
  const [port] = portsOf(await logged("relay listening")) as [number];
  await reload(configOf({ ...input, listeners: [{ address: "::1", port: await freePort() }] }));
  const onSamePort = () => stageDaemon(configOf({ ...input, listeners: [{ address: "::1", port }] }));
  await expect(onSamePort()).rejects.toThrow("EADDRINUSE");
  // The port can be bound by another relay once it is closed.
  await vi.waitFor(onSamePort, { interval: 50, timeout: 20_000 });
});

test("every query of a load is answered while the settings change repeatedly", async () => {
  const { allocator, client, port, reload, onPorts, logged } = await stage();
  answerAlways(allocator);
  const count = 2000;
  const sending = (async () => {
    for (let id = 0; id < count; id++) await client.send(query(id), port);
  })();
  const spare = await freePort();
  for (let turn = 0; turn < 10; turn++) {
    await reload(turn % 2 === 0 ? onPorts(spare, 0) : onPorts(0));
    await logged("relay reconfigured");
  }
  await sending;
  const answered = new Set<number>();
  while (answered.size < count) answered.add(idOf((await client.received.next()).octets));
});

test("settings with faults change nothing, and the log lists the faults", async () => {
  const { allocator, client, port, reload, logged } = await stage();
  await reload(
    new ConfigError([{ name: "queue.length", problem: "found 0, expected a whole number of 1 to 262144" }]),
  );
  expect(await logged("reload rejected: keeping the current settings")).toMatchObject({
    faults: ["queue.length: found 0, expected a whole number of 1 to 262144"],
  });
  await client.send(query(1), port);
  answerAll(await allocator.posts.next());
  expect((await client.received.next()).port).toBe(port);
});

test("if one listener can't be opened, nothing changes and no new socket stays open", async () => {
  const { allocator, client, port, reload, logged, onPorts } = await stage();
  const spare = await freePort();
  const taken = await stagePeer();
  await reload(onPorts(spare, taken.port));
  const { faults } = await logged("reload rejected: keeping the current settings");
  expect(faults).toEqual([expect.stringContaining(`Cannot listen on [::1]:${taken.port}`)]);
  await client.send(query(1), port);
  answerAll(await allocator.posts.next());
  expect((await client.received.next()).port).toBe(port);
  await stageDaemon(onPorts(spare));
});

test("a new token is used from the next POST on, and no token is logged", async () => {
  const { allocator, client, port, reload, logged, allLines } = await stage();
  const next = "fedcba9876543210";
  const posted = async (id: number): Promise<string | undefined> => {
    await client.send(query(id), port);
    const post = await allocator.posts.next();
    answerAll(post);
    await client.received.next();
    return post.request.headers.authorization;
  };
  expect(await posted(1)).toBe(`Bearer ${token}`);
  await reload(configOf({ allocator: { urls: [allocator.url] } }, { token: next }));
  await logged("relay reconfigured");
  expect(await posted(2)).toBe(`Bearer ${next}`);
  for (const secret of [token, next]) expect(allLines.join("")).not.toContain(secret);
});

test("answers of the previously configured allocators are still delivered", async () => {
  const { allocator, client, port, reload, logged } = await stage();
  await client.send(query(1), port);
  const post = await allocator.posts.next();
  const next = await stageAllocator();
  await reload(configOf({ allocator: { urls: [next.url] } }));
  await logged("relay reconfigured");
  await client.send(query(2), port);
  answerAll(await next.posts.next());
  expect(idOf((await client.received.next()).octets)).toBe(2);
  answerAll(post);
  expect(idOf((await client.received.next()).octets)).toBe(1);
});

test("metrics and status follow the settings, and stay where they were if another endpoint can't be opened", async () => {
  const allocator = await stageAllocator();
  const input = { allocator: { urls: [allocator.url] } };
  const metrics = { listen: "127.0.0.1:0" };
  const { reload, logged } = await stageDaemon(configOf(input));
  await reload(configOf({ ...input, metrics }));
  const { address } = await logged("metrics listening");
  const status = async () => (await fetch(`${String(address)}/metrics`)).status;
  expect(await status()).toBe(200);
  await reload(configOf({ ...input, metrics, status: { socket: "/no/such/folder/status.sock" } }));
  await logged("reload rejected: keeping the current settings");
  expect(await status()).toBe(200);
  await reload(configOf(input));
  await expect(status()).rejects.toThrow("fetch failed");
});
