/**
 * Connections to an allocator on Deno that do not speak HTTP as they should. What Deno itself refuses, such as a bad
 * request line, gets a response without a body.
 */
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { prepareDatabase, temporaryFolder } from "../support/database.ts";
import { deno, filePermissions, serveOnDeno } from "../support/deno.ts";
import { halfSentRequests, openConnection } from "../support/raw-connection.ts";

const skipped = deno === undefined ? " (skipped: no deno)" : "";
const relayToken = "a-token-of-the-platform-tests";

async function open() {
  const folder = await temporaryFolder();
  const url = `file:${join(folder, "apportion.db")}`;
  (await prepareDatabase({ url })).close();
  const server = await serveOnDeno(
    { APPORTION_DATABASE_URL: url, APPORTION_RELAY_TOKEN: relayToken },
    filePermissions(folder),
  );
  onTestFinished(() => server.close());
  return server;
}

async function send(url: string, octets: string): Promise<Socket> {
  const socket = await openConnection(url, octets);
  onTestFinished(() => {
    socket.destroy();
  });
  return socket;
}

test.skipIf(deno === undefined)(
  `T24 on Deno, a bad Host is answered with a problem document, and changes no path${skipped}`,
  async () => {
    const { url } = await open();
    for (const host of ["a b", "a/healthz?", "a@b", "a:99999", "[::1", "a?b", "a#b", "a\\b", ""]) {
      const socket = await send(url, `GET /x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      const answer = await text(socket);
      expect(answer, host).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer.toLowerCase(), host).toContain("content-type: application/problem+json");
    }
    for (const host of ["a.example", "127.0.0.1:8467", "[::1]:8467", "localhost"]) {
      const socket = await send(url, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      expect(await text(socket), host).toMatch(/^HTTP\/1\.1 200 /);
    }
  },
);

test.skipIf(deno === undefined)(
  `T18 on Deno, half-sent requests do not keep a process alive after SIGTERM${skipped}`,
  async () => {
    const { url, signal, ended } = await open();
    for (const half of halfSentRequests(relayToken)) await send(url, half);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    signal("SIGTERM");
    await ended;
  },
);
