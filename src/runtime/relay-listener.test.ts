import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test, vi } from "vitest";
import { openConnection } from "../../test/support/raw-connection.ts";
import { temporaryDatabase, vectorDomain } from "../../test/support/database.ts";
import { clientProfile, says } from "../../test/support/clients.ts";
import { wrap } from "../../test/support/allocator.ts";
import { createCounters } from "../allocator/counters.ts";
import { createService } from "../http/app.ts";
import type { Database } from "../store/database/database.ts";
import { DatabaseError } from "../store/database/database.ts";
import { createStore } from "../store/store.ts";
import { encodeFrames } from "../wire/frames.ts";
import { startHttpServer } from "./http-server.ts";

const relayToken = "secret-of-the-relays";
const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };

/** A server, and what of it went to the application. */
async function openServer(replace: (database: Database) => Database = (database) => database) {
  const database = replace(await temporaryDatabase(vectorDomain));
  const store = createStore({ main: database, placed: new Map() });
  const { app, relay } = createService({ store, relayToken, log, counters: createCounters() });
  const fetch = vi.fn((request: Request) => app.fetch(request));
  const { address, close } = await startHttpServer(fetch, {
    listen: { host: "127.0.0.1", port: 0 },
    log,
    relay,
  });
  onTestFinished(close);
  const url = `http://127.0.0.1:${address.port}`;
  /** @returns Status line, headers without the date, and body. */
  const send = async (head: readonly string[], body: Uint8Array | string = "", host = "Host: a.example") => {
    const octets = Buffer.concat([
      Buffer.from([`POST /v1/relay HTTP/1.1`, host, ...head, "Connection: close", "", ""].join("\r\n")),
      Buffer.from(body),
    ]);
    const answer = await text(await openConnection(url, octets));
    return answer.replace(/^date:.*\r\n/im, "").toLowerCase();
  };
  return { url, app, fetch, send };
}

const body = encodeFrames([wrap(says.discover(clientProfile(1)), 0)]);
const authorized = `Authorization: Bearer ${relayToken}`;
const frames = "Content-Type: application/octet-stream";
const length = `Content-Length: ${body.length}`;

test("an ordinary POST of a relay is served without the application", async () => {
  const { send, fetch } = await openServer();
  const answer = await send([authorized, frames, length], body);
  expect(answer).toMatch(/^http\/1\.1 200 ok\r\n/);
  expect(answer).toMatch(/^content-type: application\/octet-stream\r$/m);
  expect(answer).toMatch(/^apportion-clock-ms: \d+\r$/m);
  expect(fetch).not.toHaveBeenCalled();
});

test.each<[string, string, string[], Uint8Array | string, string?]>([
  ["without a token", "401 unauthorized", [frames, length], body],
  ["with an unknown token", "401 unauthorized", ["Authorization: Bearer guess", frames, length], body],
  ["of another content type", "415 unsupported", [authorized, "Content-Type: text/plain", length], body],
  ["with parameters of its content type", "200 ok", [authorized, `${frames}; a=b`, length], body],
  [
    "in chunks",
    "200 ok",
    [authorized, frames, "Transfer-Encoding: chunked"],
    Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n0\r\n\r\n")]),
  ],
  ["without octets", "200 ok", [authorized, frames, "Content-Length: 0"], ""],
  ["that is too long", "413 payload too large", [authorized, frames, "Content-Length: 1048577"], ""],
  ["with a Host that is none", "400 bad request", [authorized, frames, length], body, "Host: a/b"],
  ["with a port that is none", "400 bad request", [authorized, frames, length], body, "Host: a:99999"],
  ["with two tokens", "401 unauthorized", [authorized, "Authorization: Bearer x", frames, length], body],
  ["of two types", "415 unsupported", [authorized, frames, "Content-Type: text/plain", length], body],
])("a POST %s goes to the application", async (_name, status, head, octets, host) => {
  const { send, fetch } = await openServer();
  expect(await send(head, octets, host)).toContain(`http/1.1 ${status}`);
  expect(fetch.mock.calls.length).toBe(host === undefined ? 1 : 0);
});

test.each([
  ["a body that ends within a frame", [authorized, frames, "Content-Length: 3"], "\0\u0009a", 400],
  ["an age that is none", [authorized, frames, length, "Apportion-Age-Ms: -1"], body, 400],
  ["a time that is none", [authorized, frames, length, "Apportion-Arrival-Ms: now"], body, 400],
] as const)("%s is refused as the application does", async (_name, head, octets, status) => {
  const { app, send, fetch } = await openServer();
  const headers = Object.fromEntries(head.map((line) => line.split(": ") as [string, string]));
  const response = await app.request("/v1/relay", { method: "POST", headers, body: octets as string });
  const answer = await send(head, octets);
  expect(response.status).toBe(status);
  expect(answer).toContain(`http/1.1 ${status} `);
  expect(answer.split("\r\n\r\n")[1]).toBe((await response.text()).toLowerCase());
  expect(answer).toContain("content-type: application/problem+json");
  expect(fetch).not.toHaveBeenCalled();
});

test("a database that is away is 503 with Retry-After", async () => {
  const { send } = await openServer((database) => ({
    ...database,
    write: () => Promise.reject(new DatabaseError("away")),
  }));
  const answer = await send([authorized, frames, length], body);
  expect(answer).toMatch(/^http\/1\.1 503 service unavailable\r\n/);
  expect(answer).toContain("retry-after: ");
});

test("a body that comes in pieces is put together, and one that is not finished is forgotten", async () => {
  const { url, send } = await openServer();
  const head = [
    "POST /v1/relay HTTP/1.1",
    "Host: a",
    authorized,
    frames,
    length,
    "Connection: close",
    "",
    "",
  ];
  const socket = await openConnection(url, head.join("\r\n"));
  socket.write(body.subarray(0, 7));
  await new Promise(setImmediate);
  socket.write(body.subarray(7));
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 OK/);
  const unfinished = await openConnection(url, `${head.join("\r\n")}abc`);
  unfinished.resetAndDestroy();
  await once(unfinished, "close");
  expect(await send([authorized, frames, length], body)).toContain("200 ok");
});
