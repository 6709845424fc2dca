/**
 * Connections that do not speak HTTP as they should, against an allocator on Node with real sockets: what it cannot
 * read, and what never arrives whole.
 */
import { once } from "node:events";
import { Server } from "node:net";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { startHttpServer } from "../src/runtime/http-server.ts";
import type { HttpServerOptions } from "../src/runtime/http-server.ts";
import { encodeFrames } from "../src/wire/frames.ts";
import { startService } from "./bench/service.ts";
import { createTestAllocator, relayToken, wrap } from "./support/allocator.ts";
import { clientProfile, says } from "./support/clients.ts";
import { temporaryFolder, vectorDomain } from "./support/database.ts";
import { halfSentRequests, openConnection } from "./support/raw-connection.ts";

/** Starts an HTTP server of an allocator in this process. */
async function open(
  times: Pick<HttpServerOptions, "graceMs" | "headersMs" | "requestMs" | "connectionsMax"> = {},
) {
  const allocator = await createTestAllocator(vectorDomain);
  const failures: string[] = [];
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (_: object, message: string) => void failures.push(message),
  };
  const running = new Set<Promise<Response>>();
  const fetch = (...args: Parameters<typeof allocator.app.fetch>) => {
    const response = Promise.resolve(allocator.app.fetch(...args));
    running.add(response);
    return response;
  };
  const server = await startHttpServer(fetch, {
    listen: { host: "127.0.0.1", port: 0 },
    log,
    ...times,
  });
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= server.close());
  onTestFinished(close);
  /** Waits for all requests that the allocator has begun to serve. */
  const served = () => Promise.all(running);
  return { ...allocator, port: server.address.port, close, served, failures };
}

/** Opens a connection and sends a text. */
async function send(port: number, what: string | Uint8Array): Promise<Socket> {
  const socket = await openConnection(`http://127.0.0.1:${port}`, what);
  onTestFinished(() => {
    socket.destroy();
  });
  return socket;
}

/** Reads responses until the server ends the connection. */
async function readResponses(socket: Socket) {
  const all = await text(socket);
  return all
    .split(/(?=HTTP\/1\.1 \d{3} )/)
    .filter((each) => !each.startsWith("HTTP/1.1 100"))
    .map((each) => {
      const [head = "", ...rest] = each.split("\r\n\r\n");
      const body = rest.join("\r\n\r\n");
      return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]), head: head.toLowerCase(), body };
    });
}

/** Starts an allocator in a process of its own. */
async function startAllocatorProcess() {
  const service = await startService({
    name: "allocator",
    script: [join(import.meta.dirname, "../src/cli/main.ts"), "allocator", "--http", "127.0.0.1:0"],
    environment: {
      APPORTION_DATABASE_URL: `file:${join(await temporaryFolder(), "apportion.db")}`,
      APPORTION_RELAY_TOKEN: relayToken,
    },
    readyMessage: "allocator listening",
  });
  onTestFinished(service.kill);
  return service;
}

const requestOf = (line: string, ...headers: string[]) =>
  `${[line, ...headers, "Connection: close"].join("\r\n")}\r\n\r\n`;

/** What makes Node hand out a socket, or answer on it itself. */
const resets = [
  "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  "GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
  "POST /v1/relay HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\nContent-Length: 9\r\n\r\n",
  "nonsense\r\n\r\n",
  "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n",
];

describe("T24 what is not HTTP is answered with a problem document", () => {
  test.each([
    ["a Host with a space", requestOf("GET /healthz HTTP/1.1", "Host: a b"), 400],
    ["a Host with a path", requestOf("GET /healthz HTTP/1.1", "Host: a/b"), 400],
    ["a Host with a user", requestOf("GET /healthz HTTP/1.1", "Host: a@b"), 400],
    ["a Host with a bad port", requestOf("GET /healthz HTTP/1.1", "Host: a:99999"), 400],
    ["a Host that is no address", requestOf("GET /healthz HTTP/1.1", "Host: [::1"), 400],
    ["an empty Host", requestOf("GET /healthz HTTP/1.1", "Host:"), 400],
    ["no Host", requestOf("GET /healthz HTTP/1.1"), 400],
    ["a target that is no path", requestOf("GET healthz HTTP/1.1", "Host: a"), 400],
    ["a bad absolute target", requestOf("GET http://[/ HTTP/1.1", "Host: a"), 400],
    ["a target of *", requestOf("OPTIONS * HTTP/1.1", "Host: a"), 400],
    ["a bad request line", "nonsense\r\n\r\n", 400],
    ["an unknown method", requestOf("BREW /healthz HTTP/1.1", "Host: a"), 400],
    ["another protocol", Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 13, 10, 13, 10), 400],
    ["an unknown version", requestOf("GET /healthz HTTP/9.9", "Host: a"), 400],
    ["HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
    ["a header without a colon", requestOf("GET /healthz HTTP/1.1", "Host: a", "nonsense"), 400],
    ["a header with a control character", requestOf("GET /healthz HTTP/1.1", "Host: a", "X-A: \x01"), 400],
    [
      "two lengths",
      requestOf("POST /v1/relay HTTP/1.1", "Host: a", "Content-Length: 1", "Content-Length: 2"),
      400,
    ],
    [
      "a length and chunks",
      requestOf("POST /v1/relay HTTP/1.1", "Host: a", "Content-Length: 1", "Transfer-Encoding: chunked"),
      400,
    ],
    ["a bad length", requestOf("POST /v1/relay HTTP/1.1", "Host: a", "Content-Length: -1"), 400],
    ["the method CONNECT", requestOf("CONNECT example.net:443 HTTP/1.1", "Host: a"), 400],
    [
      "an unknown expectation",
      requestOf("POST /v1/relay HTTP/1.1", "Host: a", "Expect: wonders", "Content-Length: 0"),
      417,
    ],
    ["one large header", requestOf("GET /healthz HTTP/1.1", "Host: a", `X-A: ${"a".repeat(20_000)}`), 431],
    ["a large target", requestOf(`GET /${"a".repeat(20_000)} HTTP/1.1`, "Host: a"), 431],
    ["a large Host", requestOf("GET /healthz HTTP/1.1", `Host: ${"a".repeat(20_000)}`), 431],
    [
      "a megabyte of headers",
      requestOf(
        "GET /healthz HTTP/1.1",
        "Host: a",
        ...Array.from({ length: 10_000 }, () => `X: ${"a".repeat(100)}`),
      ),
      431,
    ],
  ])("T24 %s", async (_, octets, status) => {
    const { port, logged } = await open();
    const [response, ...others] = await readResponses(await send(port, octets));
    expect(others).toEqual([]);
    expect([response!.status, response!.head]).toEqual([
      status,
      expect.stringContaining("content-type: application/problem+json"),
    ]);
    const problem = JSON.parse(response!.body) as Record<string, unknown>;
    expect(problem).toMatchObject({
      type: "about:blank",
      status,
      detail: expect.stringMatching(/^Cannot .+/) as string,
    });
    expect(problem.title).toMatch(/\w/);
    expect(response!.body.length).toBeLessThan(500);
    expect(logged).toEqual([]);
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  });

  test("T24 a bad chunk of a body, after which the client gets no other answer", async () => {
    const { port, logged, served } = await open();
    const head = [
      "POST /v1/relay HTTP/1.1",
      "Host: a",
      `Authorization: Bearer ${relayToken}`,
      "Content-Type: application/octet-stream",
      "Transfer-Encoding: chunked",
    ].join("\r\n");
    const socket = await send(port, `${head}\r\n\r\n1\r\na\r\n`);
    socket.write("nonsense\r\n\r\n");
    const responses = await readResponses(socket);
    await served();
    expect(
      responses.map(({ status, head: received }) => [status, received.includes("problem+json")]),
    ).toEqual([[400, true]]);
    expect(logged).toEqual([]);
  });

  test("T24 connections that are reset, whatever they asked for, leave the process running", async () => {
    const service = await startAllocatorProcess();
    const { port } = new URL(String(service.ready.url));
    for (const octets of resets) {
      const sockets = await Promise.all(Array.from({ length: 8 }, () => send(Number(port), octets)));
      for (const socket of sockets) socket.resetAndDestroy();
      expect((await fetch(`${String(service.ready.url)}/healthz`)).status).toBe(200);
      const answered = await send(Number(port), octets);
      await once(answered, "data");
      answered.resetAndDestroy();
      expect((await fetch(`${String(service.ready.url)}/healthz`)).status).toBe(200);
    }
    expect(await service.stop()).toMatchObject({ msg: "allocator stopped" });
  });

  test.each([
    ["headers that do not end", "GET /healthz HTTP/1.1\r\nHo"],
    ["nothing at all", ""],
    [
      "a body that does not end",
      `POST /v1/relay HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${relayToken}\r\n` +
        "Content-Type: application/octet-stream\r\nContent-Length: 100\r\n\r\nhalf",
    ],
  ])("T24 %s: 408", async (_, half) => {
    const { port, logged, served } = await open({ headersMs: 50, requestMs: 50 });
    const responses = await readResponses(await send(port, half));
    expect(responses.map(({ status, head }) => [status, head.includes("problem+json")])).toEqual([
      [408, true],
    ]);
    await served();
    expect(logged).toEqual([]);
  });

  test("T24 headers that a client sends whole before it reads an answer", async () => {
    const { port } = await open();
    const socket = await send(port, "GET /healthz HTTP/1.1\r\nHost: a\r\n");
    for (let each = 0; each < 200; each++) {
      const line = `X-${each}: ${"a".repeat(60_000)}\r\n`;
      await new Promise<void>((resolve, reject) => {
        socket.write(line, (error) => {
          if (error === undefined || error === null) resolve();
          else reject(error);
        });
      });
    }
    const [response] = await readResponses(socket);
    expect(response!.status).toBe(431);
  });

  test("T24 a whole request before the fault is answered first", async () => {
    const { port } = await open();
    const socket = await send(port, "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n");
    const [first] = await readResponses(socket);
    expect([first!.status, first!.body]).toEqual([200, '{"status":"ready"}']);
  });
});

test("T18 a connection too many is closed, the others are served, and there is room when one ends", async () => {
  const { port } = await open({ connectionsMax: 2 });
  const first = await send(port, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  await once(first, "data");
  const second = await send(port, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  await once(second, "data");
  expect(await text(await send(port, "GET /healthz HTTP/1.1\r\n")).catch(() => "")).toBe("");
  first.write(requestOf("GET /healthz HTTP/1.1", "Host: a"));
  expect((await readResponses(first)).map(({ status }) => status)).toEqual([200]);
  await expect
    .poll(async () => readResponses(await send(port, requestOf("GET /healthz HTTP/1.1", "Host: a"))))
    .toMatchObject([{ status: 200 }]);
});

test("T18 faults of a server that listens are logged once per interval, and do not end the process", async () => {
  const servers: Server[] = [];
  const listened = vi.spyOn(Server.prototype, "listen").mockImplementation(function (this: Server, ...args) {
    servers.push(this);
    listened.mockRestore();
    return this.listen(...args);
  });
  const { failures } = await open();
  for (let each = 0; each < 3; each++) servers[0]!.emit("error", new Error("accept EMFILE"));
  expect(failures).toEqual(["cannot accept connections"]);
});

describe("T18 an allocator that stops", () => {
  const halves = halfSentRequests(relayToken);

  test("T18 ends although requests were half sent, and with connections that send nothing", async () => {
    const { port, close, logged, served } = await open({ graceMs: 50 });
    const sockets = await Promise.all(halves.map((half) => send(port, half)));
    // Once this is answered, the server has seen the others.
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    await close();
    await Promise.all(sockets.map((socket) => text(socket).catch(() => "")));
    await served();
    expect(logged).toEqual([]);
  });

  test("T18 finishes a request whose body is being sent", async () => {
    const { port, close } = await open();
    const body = encodeFrames([wrap(says.discover(clientProfile(1)), 0)]);
    const head = [
      "POST /v1/relay HTTP/1.1",
      "Host: a",
      `Authorization: Bearer ${relayToken}`,
      "Content-Type: application/octet-stream",
      `Content-Length: ${body.length}`,
    ].join("\r\n");
    const socket = await send(port, `${head}\r\n\r\n`);
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    const closed = close();
    socket.write(body);
    const [response] = await readResponses(socket);
    expect([response!.status, response!.body.length > 100]).toEqual([200, true]);
    await closed;
  });

  test("T18 answers what is already on its way, and closes the connection after it", async () => {
    const { port, close } = await open();
    const socket = await send(port, "GET /healthz HTTP/1.1\r\nHo");
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    const closed = close();
    socket.write("st: a\r\n\r\n");
    const responses = await readResponses(socket);
    expect(responses.map(({ status }) => status)).toEqual([200]);
    expect(responses[0]!.head).toContain("connection: close");
    await closed;
  });

  test("T18 the process ends after SIGTERM, within its grace time", async () => {
    const service = await startAllocatorProcess();
    const { port } = new URL(String(service.ready.url));
    for (const half of halves) await send(Number(port), half);
    expect((await fetch(`${String(service.ready.url)}/healthz`)).status).toBe(200);
    expect(await service.stop()).toMatchObject({ msg: "allocator stopped" });
  });
});
