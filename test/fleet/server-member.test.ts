import { expect, test } from "vitest";
import type { Crew } from "./members.ts";
import { hangMsMin, serverMember } from "./server-member.ts";

/** A server that a test lets hang, and the crew that watches it. */
function fakeServer() {
  const abort = new AbortController();
  const crew: Crew = {
    signal: abort.signal,
    random: () => 1,
    onCrash: () => undefined,
    closers: [],
    killsOfStarting: 0,
    serverHangs: 0,
    failedStarts: [],
  };
  const server = { hangs: false, nowMs: 0, calls: [] as string[] };
  const run = (name: string) => () => {
    server.calls.push(name);
    server.hangs = false;
    return Promise.resolve();
  };
  const process = { pid: () => 1, kill: run("kill"), restart: run("restart") };
  const member = serverMember(process, crew, () => Promise.resolve(!server.hangs));
  return { abort, crew, server, member };
}

test("a server that hangs is killed once, and one that answers again in time is not", async () => {
  const { abort, crew, server, member } = fakeServer();
  const looks: { readonly hangs: boolean; readonly afterMs: number; readonly hangsSeen: number }[] = [
    { hangs: true, afterMs: 0, hangsSeen: 0 },
    { hangs: true, afterMs: hangMsMin - 1, hangsSeen: 0 },
    { hangs: false, afterMs: 1, hangsSeen: 0 },
    { hangs: true, afterMs: 0, hangsSeen: 0 },
    { hangs: true, afterMs: hangMsMin - 1, hangsSeen: 0 },
    { hangs: true, afterMs: 1, hangsSeen: 0 },
    { hangs: false, afterMs: hangMsMin, hangsSeen: 1 },
  ];
  const seen: number[] = [];
  const pause = (): Promise<void> => {
    const look = looks[seen.length];
    if (look === undefined) abort.abort();
    else {
      seen.push(crew.serverHangs);
      server.hangs = look.hangs;
      server.nowMs += look.afterMs;
    }
    return Promise.resolve();
  };
  await member.watch(() => server.nowMs, pause);
  expect(seen).toEqual(looks.map(({ hangsSeen }) => hangsSeen));
  expect([server.calls, crew.serverHangs]).toEqual([["kill", "restart"], 1]);
});

test("kills of a server come one after another", async () => {
  const { server, member } = fakeServer();
  await Promise.all([member.kill(), member.kill()]);
  expect(server.calls).toEqual(["kill", "restart", "kill", "restart"]);
});
