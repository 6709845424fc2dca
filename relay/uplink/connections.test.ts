/** HTTP connections against servers that break off, dawdle, and answer in pieces. */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { relayBodyOctetsMax } from "../../src/limits.ts";
import { openConnections } from "./connections.ts";

const post = { method: "POST", path: "/v1/relay", headers: {}, body: Uint8Array.of(1, 2, 3) } as const;
const longMs = 60_000;

/**
 * A server that plays `answer` for each request.
 *
 * @param answer Gets the connection, and the number of the request, from 0.
 */
async function setUp(answer: (socket: Socket, number: number) => void, postsInFlight = 1) {
  const sockets = new Set<Socket>();
  let requests = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", () => {
      answer(socket, requests++);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const connections = openConnections({
    url: new URL(`http://127.0.0.1:${port}`),
    secrets: {},
    postsInFlight,
    connectTimeoutMs: longMs,
  });
  onTestFinished(async () => {
    await connections.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { ...connections, requests: () => requests };
}

const head = (octets: number, status = "200 OK"): string =>
  `HTTP/1.1 ${status}\r\ncontent-type: application/octet-stream\r\ncontent-length: ${octets}\r\n\r\n`;

/** Writes a part, and the next one when the other side has had time to read it. */
function inParts(socket: Socket, ...parts: readonly string[]): void {
  const [first, ...rest] = parts;
  if (first === undefined) return;
  socket.write(first, () => {
    setImmediate(() => {
      inParts(socket, ...rest);
    });
  });
}

test.each<[string, readonly string[]]>([
  ["at once", [`${head(4)}abcd`]],
  ["in pieces", ["HTTP/1.1 200", ` OK\r\ncontent-length: 4\r\n`, "\r\nab", "c", "d"]],
  ["in chunks", ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n", "2\r\ncd\r\n0\r\n\r\n"]],
  ["after 103 Early Hints", ["HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n", `${head(4)}abcd`]],
])("an answer is read as a whole when it comes %s", async (_, parts) => {
  const { request } = await setUp((socket) => {
    inParts(socket, ...parts);
  });
  const { status, body } = await request(post, longMs);
  expect([status, Buffer.from(body).toString()]).toEqual([200, "abcd"]);
  expect(Object.getPrototypeOf(body)).toBe(Uint8Array.prototype);
});

test("only the body of an answer with status 200 is kept", async () => {
  const { request } = await setUp((socket, number) => {
    inParts(socket, number === 0 ? `${head(4, "503 Service Unavailable")}abcd` : `${head(2)}ok`);
  });
  const refused = await request(post, longMs);
  expect([refused.status, refused.body.length]).toEqual([503, 0]);
  expect(refused.headers["content-length"]).toBe("4");
  expect((await request(post, longMs)).body.length).toBe(2);
});

test.each<[string, readonly string[]]>([
  ["before the answer", []],
  ["within the head", ["HTTP/1.1 200 OK\r\ncontent-le"]],
  ["within the body", [`${head(9)}abcd`]],
  ["within a chunk", ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nabcd"]],
])("a connection that ends %s is a failure, and the next request has another one", async (_, parts) => {
  const { request } = await setUp((socket, number) => {
    if (number === 0) socket.end(parts.join(""));
    else inParts(socket, `${head(2)}ok`);
  });
  await expect(request(post, longMs)).rejects.toThrow();
  expect((await request(post, longMs)).status).toBe(200);
});

test("an answer that is longer than a relay accepts is a failure", async () => {
  const { request } = await setUp((socket) => {
    socket.write(head(relayBodyOctetsMax + 1));
    socket.end(Buffer.alloc(relayBodyOctetsMax + 1));
  });
  await expect(request(post, longMs)).rejects.toThrow();
});

test("an answer that comes too late is not that of the next request", async () => {
  let late: Socket | undefined;
  const { request } = await setUp((socket, number) => {
    if (number === 0) late = socket;
    else {
      late!.write(`${head(4)}late`);
      inParts(socket, `${head(2)}ok`);
    }
  });
  await expect(request(post, 20)).rejects.toThrow("No answer within 20 ms");
  expect(Buffer.from((await request(post, longMs)).body).toString()).toBe("ok");
});

test("a request that waits for a connection fails in time, and is never sent", async () => {
  const held: Socket[] = [];
  const { request, requests } = await setUp((socket) => {
    held.push(socket);
  });
  // One connection for a POST, and one for a probe.
  const first = [request(post, longMs), request(post, longMs)];
  await expect(request(post, 20)).rejects.toThrow("No answer within 20 ms");
  for (const socket of held) socket.write(`${head(2)}ok`);
  expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);
  const next = request(post, longMs);
  await expect.poll(requests).toBe(3);
  held.at(-1)!.write(`${head(2)}ok`);
  expect((await next).status).toBe(200);
  expect(requests()).toBe(3);
});
