import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { exitCodes } from "../../src/failure.ts";
import { readStatus } from "./status.ts";

test.each<[string, string, (response: ServerResponse) => void]>([
  ["no answer", "no answer in 0.1 s", () => undefined],
  ["a part of an answer", "no answer in 0.1 s", (response) => void response.write("{")],
  ["an empty object", "an answer of another form", (response) => void response.end("{}")],
  ["null", "an answer of another form", (response) => void response.end("null")],
  ["text", "an answer that is no JSON", (response) => void response.end("<p>")],
  [
    "an answer without an end",
    "more than \\d+ octets",
    (response) => {
      const octets = Buffer.alloc(1024 * 1024, " ");
      const more = (): void => {
        while (!response.destroyed && response.write(octets));
        response.once("drain", more);
      };
      more();
    },
  ],
])("readStatus() refuses %s", async (_, found, answer) => {
  const folder = mkdtempSync(join(tmpdir(), "apportion-status-"));
  const socket = join(folder, "status.sock");
  const server = createServer((_request, response) => {
    answer(response);
  }).listen(socket);
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });
  // Only the servers that never finish are cut off.
  const answerMsMax = found.startsWith("no answer") ? 100 : 60_000;
  const reading = readStatus(socket, answerMsMax);
  await expect(reading).rejects.toThrow(
    new RegExp(
      `^Cannot read the status of the relay at ${socket}: found ${found}, expected a relay that runs`,
    ),
  );
  await expect(reading).rejects.toMatchObject({ exitCode: exitCodes.unreachable });
});
