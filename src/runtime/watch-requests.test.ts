import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { httpTurnsMax, loopGapMs } from "../limits.ts";
import { startHttpServer } from "./http-server.ts";
import { watchRequests } from "./watch-requests.ts";

const quiet = () => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

/** A process that stands still for a second. The test moves its turns and its time. */
function setUp() {
  let nowMs = 0;
  let turn: (() => void) | undefined;
  const watch = watchRequests({
    nowMs: () => nowMs,
    soon: (run) => (turn = run),
    later: () => quiet,
  });
  const endTurn = (ms: number): void => {
    const run = turn;
    turn = undefined;
    run?.();
    nowMs += ms;
  };
  for (let idle = 0; idle < 3; idle++) endTurn(0);
  nowMs += 1000;
  return { watch, endTurn, ageMs: () => nowMs - watch.arrivedMs() };
}

test("T4 requests that come without pause on open connections do not keep a gap from ending", () => {
  const { endTurn, ageMs } = setUp();
  const ages = Array.from({ length: 4 }, () => {
    const age = ageMs();
    endTurn(loopGapMs);
    return age;
  });
  // The turn that began before the gap and the one after it, and then those that began after it.
  expect(ages).toEqual([1000, 1000 + loopGapMs, 2 * loopGapMs, 2 * loopGapMs]);
});

test("T4 a gap lasts while connections that waited are accepted, one in each turn, and their requests are read", () => {
  const { watch, endTurn, ageMs } = setUp();
  watch.recordConnection();
  endTurn(1);
  for (let read = 1; read < 8; read++) {
    watch.recordConnection();
    expect(ageMs()).toBe(1000 + read);
    endTurn(1);
  }
  expect(ageMs()).toBe(1008);
});

test("T4 connections that come without pause keep a gap from ending for no more turns than may wait", () => {
  const { watch, endTurn, ageMs } = setUp();
  for (let turn = 0; turn < 2 * httpTurnsMax; turn++) {
    watch.recordConnection();
    expect(ageMs()).toBe(turn <= httpTurnsMax ? 1000 + turn : httpTurnsMax + 1);
    endTurn(1);
  }
});

test("T4 startHttpServer() tells of each connection, not of each request", async () => {
  let connections = 0;
  const listen = { host: "127.0.0.1", port: 0 };
  const onConnection = (): void => {
    connections++;
  };
  const server = await startHttpServer(() => new Response("served"), { listen, log, onConnection });
  onTestFinished(() => server.close());
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => {
    agent.destroy();
  });
  for (let count = 0; count < 3; count++) {
    const sent = request({ host: "127.0.0.1", port: server.address.port, agent }).end();
    const [answer] = (await once(sent, "response")) as [NodeJS.ReadableStream];
    await once(answer.resume(), "end");
  }
  expect(connections).toBe(1);
});

test("T4 startHttpServer() tells of connections that are too many, behind which others may wait", async () => {
  let connections = 0;
  const onConnection = (): void => {
    connections++;
  };
  const listen = { host: "127.0.0.1", port: 0 };
  const server = await startHttpServer(() => new Response(), {
    listen,
    log,
    onConnection,
    connectionsMax: 1,
  });
  onTestFinished(() => server.close());
  const sockets = [0, 1].map(() => connect(server.address.port, "127.0.0.1"));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  await Promise.race(sockets.map((socket) => once(socket, "close")));
  expect(connections).toBe(2);
});
