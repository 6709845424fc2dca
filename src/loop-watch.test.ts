import { createSocket } from "node:dgram";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
import { datagramsPerTurnMax, datagramTurnsMax, loopBeatMs, loopGapMs } from "./limits.ts";
import { LoopWatch } from "./loop-watch.ts";
import { systemTiming } from "./timing.ts";

const options = { beatMs: loopBeatMs, gapMs: loopGapMs, readsPerTurnMax: 3, turnsMax: 10 };

/** A loop whose turns and time the test moves. */
function setUp() {
  let nowMs = 1000;
  let turn: (() => void) | undefined;
  let beat: (() => void) | undefined;
  const watch = new LoopWatch(options, {
    nowMs: () => nowMs,
    soon: (run) => (turn = run),
    later: (run) => {
      beat = run;
      return () => (beat = undefined);
    },
  });
  const stop = watch.start();
  const endTurn = (): void => {
    const run = turn;
    turn = undefined;
    run?.();
  };
  /** Lets the loop be idle for so long. */
  const idle = (ms: number): void => {
    for (const endMs = nowMs + ms; nowMs < endMs;) {
      nowMs += Math.min(loopBeatMs, endMs - nowMs);
      beat?.();
      while (turn !== undefined) endTurn();
    }
  };
  /** Reads messages, and says how old each may be. */
  const read = (count = 1, socket = 0): number[] =>
    Array.from({ length: count }, () => {
      watch.recordRead(socket);
      return nowMs - watch.arrivedMs(socket);
    });
  const stand = (ms: number): void => void (nowMs += ms);
  return { watch, stop, idle, read, endTurn, stand, hasTurn: () => turn !== undefined, hasBeat: () => beat };
}

test("LoopWatch takes what an idle loop reads for new", () => {
  const { idle, read, stand } = setUp();
  idle(500);
  stand(loopGapMs);
  expect(read()).toEqual([0]);
});

test("T4 LoopWatch takes what is read after a gap for as old as the gap", () => {
  const { idle, read, stand } = setUp();
  idle(500);
  stand(110);
  expect(read()).toEqual([110]);
});

test("T4 LoopWatch takes what is read after a gap for old even if a beat came first", () => {
  const { idle, read, stand, watch, endTurn } = setUp();
  idle(500);
  stand(110);
  watch.watchTurns();
  expect(read()).toEqual([110]);
  endTurn();
  expect(read()).toEqual([110]);
});

test("T4 LoopWatch takes everything of a socket for old until a turn has emptied it", () => {
  const { idle, read, stand, endTurn } = setUp();
  idle(500);
  stand(110);
  for (let turn = 0; turn < 5; turn++) {
    expect(read(3, 9)).toEqual(Array.from({ length: 3 }, () => 110 + turn * 30));
    endTurn();
    stand(30);
  }
  // In this turn the socket is emptied, so what is read later arrived after it began.
  read(2, 9);
  endTurn();
  stand(50);
  expect(read(1, 9)).toEqual([80]);
});

test("T4 LoopWatch takes what a quiet socket gets for new while another one is never empty", () => {
  const { idle, read, stand, endTurn } = setUp();
  idle(500);
  stand(110);
  expect([read(3, 9), read(1, 8)]).toEqual([[110, 110, 110], [110]]);
  endTurn();
  for (let turn = 1; turn <= 5; turn++) {
    stand(15);
    expect(read(3, 9)[0]).toBe(110 + turn * 15);
    if (turn > 2) expect([read(1, 8)[0], read(1, 4)[0]]).toEqual([30, 30]);
    endTurn();
  }
});

test("T4 LoopWatch takes nothing for older than the turns in which a socket is surely read", () => {
  const { idle, read, stand, endTurn } = setUp();
  idle(500);
  stand(110);
  for (let turn = 0; turn < 50; turn++) {
    // What waited when turn 1 began, which was after the gap, has been read when turn 10 has ended.
    const { turnsMax } = options;
    expect(read(3)[0]).toBe(turn <= turnsMax ? 110 + turn * 30 : (turnsMax + 1) * 30);
    endTurn();
    stand(30);
  }
});

test("LoopWatch knows, while something happens, each turn in which the sockets were empty", () => {
  const { idle, read, stand, endTurn } = setUp();
  idle(500);
  read();
  stand(5);
  endTurn();
  stand(5);
  endTurn();
  stand(25);
  expect(read()).toEqual([30]);
});

test("LoopWatch watches no turns while nothing happens, and none after it is stopped", () => {
  const { idle, hasTurn, hasBeat, stop } = setUp();
  idle(500);
  expect(hasTurn()).toBe(false);
  stop();
  expect(hasBeat()).toBeUndefined();
});

/** Sends this many datagrams to a port at once, from a thread of its own, and says so in shared memory. */
const sender = `
  const { workerData: { port, count, done } } = require("node:worker_threads");
  const socket = require("node:dgram").createSocket("udp6");
  let left = count;
  for (let n = 0; n < count; n++) socket.send(Uint8Array.of(n >> 8, n & 255), port, "::1", () => {
    if (--left > 0) return;
    Atomics.store(new Int32Array(done), 0, 1);
    Atomics.notify(new Int32Array(done), 0);
    socket.close();
  });
`;

test("T4 LoopWatch takes a thousand datagrams that waited in a real socket for as old as the gap", async () => {
  const count = 1000;
  const real = { ...options, readsPerTurnMax: datagramsPerTurnMax, turnsMax: datagramTurnsMax };
  const watch = new LoopWatch(real, systemTiming);
  onTestFinished(watch.start());
  const socket = createSocket({ type: "udp6", recvBufferSize: 4 * 1024 * 1024 });
  onTestFinished(() => {
    socket.close();
  });
  socket.bind(0, "::1");
  await once(socket, "listening");
  const arrivals: number[] = [];
  const all = new Promise<void>((resolve) => {
    socket.on("message", () => {
      watch.recordRead(0);
      arrivals.push(watch.arrivedMs(0));
      // What is done with each takes longer than a beat now and then.
      if (arrivals.length % 100 === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 15);
      if (arrivals.length === count) resolve();
    });
  });
  const done = new SharedArrayBuffer(4);
  const worker = new Worker(sender, { eval: true, workerData: { port: socket.address().port, count, done } });
  onTestFinished(async () => {
    await worker.terminate();
  });
  await once(worker, "online");
  // The loop stands still until all are sent, and then a little longer.
  Atomics.wait(new Int32Array(done), 0, 0, 10_000);
  const sentMs = performance.now();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * loopGapMs);
  await all;
  expect(Math.max(...arrivals)).toBeLessThanOrEqual(sentMs);
}, 30_000);
