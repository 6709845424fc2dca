/**
 * `apportion load` against a real service, and against servers that are wrong on purpose.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { MessageType } from "../src/wire/dhcpv4/codes.ts";
import { temporaryFolder } from "./support/folder.ts";
import { findFreePort } from "../src/free-port.ts";
import { startProgram } from "./support/processes.ts";
import { encodeReply, startScriptedServer } from "./support/scripted-server.ts";
import type { ReceivedQuery } from "./support/scripted-server.ts";

const root = join(import.meta.dirname, "..");

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function load(port: number, flags: string): Promise<Ended> {
  const main = ["--import", import.meta.resolve("tsx"), join(root, "src/cli/main.ts"), "load"];
  const args = [...main, "--port", String(port), ...flags.split(" ").filter((flag) => flag !== "")];
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

async function startService(): Promise<number> {
  const database = `file:${join(await temporaryFolder(), "leases.db")}`;
  const flags = ["--http", "127.0.0.1:0", "--listen", "[::1]:0", "--database", database];
  const { logged } = startProgram("apportion", ["start", ...flags], {});
  const { listeners } = await logged("relay listening");
  return Number(/:(\d+)$/.exec((listeners as string[])[0]!)![1]);
}

const reportOf = ({ stdout }: Ended) =>
  JSON.parse(stdout) as Record<string, never> & {
    readonly exchanges: number;
    readonly counts: Readonly<Record<string, number>>;
  };

test(
  "new leases, renewals, releases, an avalanche and losses of a real service",
  { timeout: 120_000 },
  async () => {
    const port = await startService();
    const dora = await load(port, "--clients 300 --in-flight 20 --hint-psid-length 6");
    expect(dora).toMatchObject({ code: 0, stderr: "" });
    expect(dora.stdout).toMatch(/^dora by 300 clients, to ::1 port \d+\n300 exchanges in /);
    expect(dora.stdout).toMatch(
      /exchange +\d+\.\d +\d+\.\d +\d+\.\d +\d+\.\d\n\n300 leases, none of which overlap\n$/,
    );

    const renewals = reportOf(await load(port, "--mode renew --clients 40 --rate 100 --for 1s --json"));
    expect(renewals).toMatchObject({ mode: "renew", leases: 40, overlaps: [], dropRatio: 0 });
    expect(renewals.exchanges).toBeGreaterThan(40);
    expect(renewals.exchanges).toBeLessThanOrEqual(101);

    const relayed = await load(port, "--relay 2001:db8:1::1 --first-client 1000 --clients 20 --json");
    expect(reportOf(relayed)).toMatchObject({ exchanges: 20, leases: 20, counts: { ignored: 0 } });

    const released = reportOf(await load(port, "--mode release --clients 50 --json"));
    expect(released).toMatchObject({ mode: "release", exchanges: 50, leases: 50 });

    const flood = reportOf(await load(port, "--avalanche --full --clients 60 --first-client 2000 --json"));
    expect(flood).toMatchObject({ exchanges: 60, leases: 60, counts: { timeouts: 0 } });

    const lossy = reportOf(await load(port, "--clients 100 --loss 20 --retransmit 0.2 --tries 9 --json"));
    expect(lossy.counts.lost).toBeGreaterThan(0);
    expect(lossy.counts.retransmits).toBeGreaterThan(0);
  },
);

async function startWrong(answer: (query: ReceivedQuery) => readonly Uint8Array[]): Promise<number> {
  const server = await startScriptedServer(answer);
  onTestFinished(() => server.close());
  return server.port;
}

const samePair = (query: ReceivedQuery): Uint8Array[] => {
  const pair = { address: 0xc0000212, portParams: { psidOffset: 0, psidLength: 6, psid: 9 } };
  if (query.type === MessageType.discover) return [encodeReply(query, { type: MessageType.offer, ...pair })];
  return query.type === MessageType.request ? [encodeReply(query, { type: MessageType.ack, ...pair })] : [];
};

test("R7618-5-01 it ends with 1 when two clients have a port in common, and names them", async () => {
  const port = await startWrong(samePair);
  const { code, stdout } = await load(port, "--clients 3");
  expect(code).toBe(1);
  expect(stdout).toContain("3 leases, and 2 OVERLAPS:\n  clients 0 and 1 have port 9216 of 192.0.2.18\n");
  const report = reportOf(await load(port, "--clients 2 --json"));
  expect(report).toMatchObject({ overlaps: [{ clients: [0, 1], address: "192.0.2.18", port: 9216 }] });
});

test("NAKs are counted, and an exchange without an answer is a drop", async () => {
  const refusing = await startWrong((query) => {
    const pair = { address: 0xc0000212, portParams: { psidOffset: 0, psidLength: 6, psid: 9 } };
    if (query.type === MessageType.discover)
      return [encodeReply(query, { type: MessageType.offer, ...pair })];
    return [encodeReply(query, { type: MessageType.nak })];
  });
  expect(reportOf(await load(refusing, "--clients 4 --json")).counts).toMatchObject({ naks: 4, timeouts: 0 });
  const silent = await startWrong((query) => (query.type === MessageType.discover ? samePair(query) : []));
  const dropped = reportOf(await load(silent, "--clients 2 --tries 1 --retransmit 0.1 --json"));
  expect(dropped).toMatchObject({ exchanges: 0, dropRatio: 1, counts: { timeouts: 2 } });
});

test.each([
  ["--clients 2", 3, "expected a DHCP 4o6 server or relay"],
  ["--server ff02::1:2", 2, '--server: found "ff02::1:2", expected the IPv6 address of one server'],
  ["--avalanche --rate 5", 2, "--avalanche: found --rate beside it, expected one of them"],
  ["--hint-psid-length 16 --hint-psid-offset 9", 2, "Cannot use --hint-psid-length"],
  ["--for 0s", 2, '--for: found "0s", expected a duration'],
  ["--clientz 2", 2, "--clientz: found an unknown flag"],
])("load %s ends with %i and one line", async (flags, code, line) => {
  const ended = await load(await findFreePort(), flags);
  expect([ended.code, ended.stdout]).toEqual([code, ""]);
  expect(ended.stderr).toContain(line);
  expect(ended.stderr.trimEnd().split("\n")).toHaveLength(1);
});
