/**
 * A process that answers as an allocator does, but serves only a fixed number of frames a second. With a known
 * capacity, the measured goodput depends on the relay alone.
 *
 *     tsx test/bench/paced-allocator.ts FRAMES_PER_SECOND
 *
 * @module
 */
import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { relayFramesMax } from "../../src/limits.ts";
import { decodeFrames, encodeFrames } from "../../src/wire/frames.ts";
import { framesType, mirror } from "../relay/scripted-allocator.ts";

const framesPerMs = Number(process.argv[2]) / 1000;

/** Time at which all accepted frames will have been served. */
let freeAtMs = 0;

async function answer(request: IncomingMessage): Promise<Uint8Array> {
  const frames = decodeFrames(new Uint8Array(await buffer(request)), relayFramesMax);
  const nowMs = performance.now();
  freeAtMs = Math.max(freeAtMs, nowMs) + frames.length / framesPerMs;
  const body = encodeFrames(frames.map((frame) => mirror(frame, (message) => message.with(0, 21))));
  await new Promise((resolve) => setTimeout(resolve, freeAtMs - nowMs));
  return body;
}

const server = createServer((request, response) => {
  if (request.method !== "POST") {
    response.end();
    return;
  }
  void answer(request).then((body) => response.writeHead(200, { "content-type": framesType }).end(body));
});

server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.stderr.write(
    `${JSON.stringify({ msg: "allocator listening", url: `http://127.0.0.1:${port}` })}\n`,
  );
});

process.once("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
