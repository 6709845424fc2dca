/**
 * What a relay reports: metrics, status and captures.
 */
import { execFileSync } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { formatStatus, readStatus } from "../../relay/service/status.ts";
import { whyWithout } from "../support/tools.ts";
import { mirror } from "./scripted-allocator.ts";
import {
  answerAll,
  answerAlways,
  configOf,
  portsOf,
  query,
  stageAllocator,
  stageDaemon,
  stageFolder,
  stagePeer,
} from "./stage.ts";
import type { RelaySettingsInput } from "./stage.ts";

const metrics = { listen: "127.0.0.1:0" };

async function stage(input: RelaySettingsInput = {}) {
  const allocator = await stageAllocator();
  const config = configOf({ metrics, ...input, allocator: { urls: [allocator.url], ...input.allocator } });
  const service = await stageDaemon(config);
  const [port] = portsOf(await service.logged("relay listening")) as [number];
  const { address } = await service.logged("metrics listening");
  /** Scrapes the metrics: values by name and labels. */
  const scrape = async (): Promise<Readonly<Record<string, number>>> => {
    const response = await fetch(`${String(address)}/metrics`);
    expect(response.headers.get("content-type")).toContain("text/plain");
    const lines = (await response.text()).split("\n").filter((line) => line.startsWith("apportion"));
    return Object.fromEntries(
      lines.map((line) => {
        const [, name, value] = /^apportion_relay_(.*) (\S+)$/.exec(line)!;
        return [name!, Number(value)];
      }),
    );
  };
  return { allocator, ...service, port, client: await stagePeer(), scrape };
}

/** Sends a query and receives its answer. */
async function exchange({ allocator, client, port }: Awaited<ReturnType<typeof stage>>, id: number) {
  await client.send(query(id), port);
  answerAll(await allocator.posts.next());
  await client.received.next();
}

test("metrics count datagrams by type, drops by reason, batches, waits and POSTs", async () => {
  const staged = await stage();
  const { allocator, client, port, scrape } = staged;
  await exchange(staged, 1);
  await client.send(query(2).with(0, 200), port);
  await client.send(query(3), port);
  await client.send(query(4), port);
  const post = await allocator.posts.next();
  post.respond(500);
  await staged.logged("allocator unavailable: retrying after a pause");
  const url = `${allocator.url}/`;
  await vi.waitFor(async () => {
    const values = await scrape();
    expect(values).toMatchObject({
      'received_datagrams_total{type="dhcpv4-query"}': 3,
      'received_datagrams_total{type="type-200"}': 1,
      'sent_datagrams_total{type="dhcpv4-response"}': 1,
      'dropped_datagrams_total{reason="unserved-message-type"}': 1,
      'dropped_datagrams_total{reason="runt"}': 0,
      forwarded_frames_total: 3,
      answered_frames_total: 1,
      sources: 0,
      [`post_duration_seconds_count{allocator="${url}",outcome="answers"}`]: 1,
      [`post_duration_seconds_count{allocator="${url}",outcome="unavailable"}`]:
        values.batch_frames_count! - 1,
      batch_frames_sum: 3,
      queue_wait_seconds_count: values.batch_frames_count,
    });
    expect(values['dropped_datagrams_total{reason="allocator-unavailable"}']).toBe(2);
  });
});

test("metrics report the queue, and which allocator is quarantined", async () => {
  const { allocator, client, port, scrape, logged } = await stage();
  await client.send(query(1), port);
  const post = await allocator.posts.next();
  allocator.setReady(false);
  post.respond(503, { "retry-after": "30" });
  await logged("allocator unavailable: retrying after a pause");
  await client.send(query(2), port);
  const label = `{allocator="${allocator.url}/"}`;
  await vi.waitFor(async () => {
    const values = await scrape();
    expect(values).toMatchObject({
      queue_frames: 1,
      [`allocator_up${label}`]: 0,
      [`posts_in_flight${label}`]: 0,
    });
    expect(values.queue_bytes).toBeGreaterThan(0);
    expect(values.queue_oldest_seconds).toBeGreaterThan(0);
  });
});

test.runIf(process.platform === "linux")(
  "metrics report the datagrams that the kernel dropped, and the requested and granted receive buffer",
  async () => {
    const { client, port, scrape, allocator } = await stage({ queue: { receiveBufferOctets: 4096 } });
    answerAlways(allocator);
    // The kernel receives all of them before this process reads the first.
    const sent = Array.from({ length: 100 }, (_, id) => client.send(query(id), port));
    await Promise.all(sent);
    const values = await scrape();
    const label = `{listener="[::1]:${port}"}`;
    const dropped = values[`kernel_dropped_datagrams_total{endpoint="[::1]:${port}"}`]!;
    expect(dropped).toBeGreaterThan(0);
    expect(dropped + values['received_datagrams_total{type="dhcpv4-query"}']!).toBe(100);
    expect(values[`receive_buffer_wanted_bytes${label}`]).toBe(4096);
    expect(values[`receive_buffer_bytes${label}`]).toBeGreaterThanOrEqual(4096);
  },
);

test("the log warns if the kernel grants a smaller receive buffer than requested", async () => {
  const wanted = 256 * 1024 * 1024;
  const { logged } = await stageDaemon(configOf({ queue: { receiveBufferOctets: wanted } }));
  const { wanted: loggedWanted, granted } = await logged(
    "receive buffer is smaller than requested: raise net.core.rmem_max",
  );
  expect(loggedWanted).toBe(wanted);
  expect(granted).toBeLessThan(wanted);
});

test("datagrams beyond a source's rate are dropped, unless the source is trusted", async () => {
  const staged = await stage({ storm: { sourceRate: 1, sourceBurst: 5 } });
  const { client, port, scrape, allocator } = staged;
  answerAlways(allocator);
  for (let id = 0; id < 20; id++) await client.send(query(id), port);
  for (let id = 0; id < 5; id++) await client.received.next();
  await vi.waitFor(async () => {
    expect(await scrape()).toMatchObject({ 'dropped_datagrams_total{reason="source-rate"}': 15, sources: 1 });
  });

  const storm = { sourceRate: 1, sourceBurst: 5, unlimitedSources: ["::1/128"] };
  await staged.reload(configOf({ allocator: { urls: [allocator.url] }, metrics, storm }));
  await staged.logged("relay reconfigured");
  for (let id = 0; id < 20; id++) await client.send(query(id), port);
  for (let id = 0; id < 20; id++) await client.received.next();
});

test("a duplicate of a waiting datagram is dropped", async () => {
  const { allocator, client, port, scrape } = await stage({ allocator: { postsInFlight: 1 } });
  await client.send(query(1), port);
  const first = await allocator.posts.next();
  for (const id of [2, 3, 2, 2]) await client.send(query(id), port);
  await vi.waitFor(async () => {
    expect(await scrape()).toMatchObject({
      'dropped_datagrams_total{reason="duplicate"}': 2,
      queue_frames: 2,
    });
  });
  answerAll(first);
  expect((await allocator.posts.next()).frames.length).toBe(2);
});

test("the status socket reports the same as JSON and as text", async () => {
  const socket = join(stageFolder(), "status.sock");
  const staged = await stage({ status: { socket } });
  await exchange(staged, 1);
  await staged.client.send(Uint8Array.of(1), staged.port);
  await vi.waitFor(async () => {
    expect((await readStatus(socket)).counters.dropped).toEqual({ runt: 1 });
  });
  const report = await readStatus(socket);
  expect(report).toMatchObject({
    pid: process.pid,
    allocators: [{ url: `${staged.allocator.url}/`, state: "serving", posts: 1, postsFailed: 0 }],
    queue: { frames: 0, octets: 0, oldestMs: 0 },
    counters: { received: 2, sent: 1 },
  });
  expect(statSync(socket).mode & 0o777).toBe(0o660);
  const lines = formatStatus(report);
  expect(lines).toContain("2 datagrams received, 1 sent; the kernel dropped 0");
  expect(lines.some((line) => line.includes(`${staged.allocator.url}/  serving`))).toBe(true);
  expect(lines.at(-1)).toMatch(/^runt +1 {2}The datagram is shorter than/);
});

test("the status socket of a killed relay is taken over, that of a running relay is not", async () => {
  const socket = join(stageFolder(), "status.sock");
  await stage({ status: { socket } });
  await expect(stage({ status: { socket } })).rejects.toThrow(`Cannot listen on ${socket}`);
  expect((await readStatus(socket)).pid).toBe(process.pid);

  const stale = join(stageFolder(), "stale.sock");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(stale, resolve));
  // A stale socket file: the server closes, and a copy of its socket file takes over the name.
  execFileSync("cp", ["-a", "--attributes-only", stale, `${stale}.copy`]);
  await new Promise((resolve) => server.close(resolve));
  execFileSync("mv", [`${stale}.copy`, stale]);
  await stage({ status: { socket: stale } });
  expect((await readStatus(stale)).pid).toBe(process.pid);
});

test("readStatus() reports that no relay is running", async () => {
  await expect(readStatus("/no/such.sock")).rejects.toThrow(
    "Cannot read the status of the relay at /no/such.sock: ",
  );
});

/** Reads a capture with tshark: one line per packet, with the given fields. */
function readCapture(file: string, fields: readonly string[], options: readonly string[] = []): string[] {
  const wanted = fields.flatMap((field) => ["-e", field]);
  const output = execFileSync("tshark", ["-n", "-r", file, ...options, "-T", "fields", ...wanted], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return output.trimEnd().split("\n");
}

const withoutTshark = whyWithout("tshark");

test.skipIf(withoutTshark !== "")(
  `Wireshark decodes both sides of an exchange in a capture${withoutTshark}`,
  async () => {
    const file = join(stageFolder(), "relay.pcapng");
    const staged = await stage({ capture: { file } });
    const { client, port } = staged;
    await exchange(staged, 1);
    await staged.daemon.close();
    const decode = ["-d", `udp.port==${port},dhcpv6`, "-o", "udp.check_checksum:TRUE"];
    const fields = ["frame.interface_name", "udp.srcport", "udp.dstport", "udp.checksum.status"];
    expect(readCapture(file, [...fields, "dhcpv6.msgtype"], decode)).toEqual([
      `datagrams\t${client.port}\t${port}\t1\t20`,
      "allocators\t547\t547\t1\t12,20",
      "allocators\t547\t547\t1\t13,21",
      `datagrams\t${port}\t${client.port}\t1\t21`,
    ]);
    expect(readCapture(file, ["ipv6.src", "ipv6.dst"])).toEqual([
      "::1\t::1",
      "100::547\t100::1",
      "100::1\t100::547",
      "::1\t::1",
    ]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  },
);

test.skipIf(withoutTshark !== "")(
  `a capture contains the datagrams to and from DHCPv6 servers${withoutTshark}`,
  async () => {
    const file = join(stageFolder(), "relay.pcapng");
    const server = await stagePeer();
    const servers = { destinations: [`[::1]:${server.port}`], sourceAddress: "::1" };
    const { client, port, daemon } = await stage({ capture: { file }, servers });
    const solicit = Uint8Array.of(1, 0xab, 0xcd, 0xef);
    await client.send(solicit, port);
    const up = await server.received.next();
    await server.send(
      mirror(up.octets, () => solicit.with(0, 2)),
      up.port,
    );
    await client.received.next();
    await daemon.close();
    const decode = ["-d", `udp.port==${port},dhcpv6`, "-d", `udp.port==${server.port},dhcpv6`];
    const fields = ["frame.interface_name", "udp.srcport", "udp.dstport", "dhcpv6.msgtype"];
    expect(readCapture(file, fields, decode)).toEqual([
      `datagrams\t${client.port}\t${port}\t1`,
      `datagrams\t${up.port}\t${server.port}\t12,1`,
      `datagrams\t${server.port}\t${up.port}\t13,2`,
      `datagrams\t${port}\t${client.port}\t2`,
    ]);
  },
);

test.skipIf(withoutTshark !== "")(
  `a capture stays within its octets, and keeps its newest packets${withoutTshark}`,
  async () => {
    const file = join(stageFolder(), "relay.pcapng");
    writeFileSync(file, Uint8Array.of(0x0a, 0x0d, 0x0d, 0x0a));
    const octets = 1024 * 1024;
    const staged = await stage({ capture: { file, octets } });
    const { client, port, allocator } = staged;
    answerAlways(allocator);
    const large = (id: number) => Uint8Array.of(...query(id), ...new Uint8Array(9000));
    for (let id = 0; id < 200; id++) {
      await client.send(large(id), port);
      await client.received.next();
    }
    await staged.daemon.close();
    const sizes = [file, `${file}.1`].map((each) => statSync(each).size);
    for (const size of sizes) expect(size).toBeLessThanOrEqual(octets / 2);
    expect(sizes[1]).toBeGreaterThan(octets / 2 - 10_000);
    expect(existsSync(`${file}.2`)).toBe(false);
    expect(readCapture(file, ["udp.srcport"]).at(-1)).toBe(String(port));
  },
);
