/**
 * `apportion load` against a real service, and against servers that are wrong on purpose.
 */
import { execFile } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { clientOfIdentifier } from "../src/load/queries.ts";
import { MessageType } from "../src/wire/dhcpv4/codes.ts";
import { temporaryFolder } from "./support/folder.ts";
import { findFreePort } from "../src/free-port.ts";
import { startProgram } from "./support/processes.ts";
import { encodeReply, startScriptedServer } from "./support/scripted-server.ts";
import type { ReceivedQuery } from "./support/scripted-server.ts";

const root = join(import.meta.dirname, "..");

const containing = (text: string): unknown => expect.stringContaining(text);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function load(port: number, flags: string): Promise<Ended> {
  return loading(port, flags).ended;
}

function loading(
  port: number,
  flags: string,
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const main = ["--import", import.meta.resolve("tsx"), join(root, "src/cli/main.ts"), "load"];
  const args = [...main, "--port", String(port), ...flags.split(" ").filter((flag) => flag !== "")];
  let end: (ended: Ended) => void;
  const ended = new Promise<Ended>((resolve) => (end = resolve));
  const child = execFile(process.execPath, args, (error, stdout, stderr) => {
    end({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
  });
  return { child, ended };
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
    expect(dora.stdout).toMatch(/exchange( +\d+\.\d){6}\n\n300 leases, none of which overlap\n$/);

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

const clientOf = ({ message }: ReceivedQuery): number => clientOfIdentifier(message.options.get(61)!)!;

/** Gives each client an address of its own. */
const ownPair = (query: ReceivedQuery): Uint8Array[] => {
  const type = query.type === MessageType.discover ? MessageType.offer : MessageType.ack;
  return [encodeReply(query, { type, address: 0x0a000000 + clientOf(query) })];
};

test("R7618-5-01 it ends with 1 when two clients have a port in common, and names them", async () => {
  const port = await startWrong(samePair);
  const { code, stdout } = await load(port, "--clients 3 --in-flight 1");
  expect(code).toBe(1);
  expect(stdout).toContain("3 leases, and 2 OVERLAPS:\n  clients 0 and 1 have port 9216 of 192.0.2.18\n");
  const report = reportOf(await load(port, "--clients 2 --in-flight 1 --json"));
  expect(report).toMatchObject({ overlaps: [{ clients: [0, 1], address: "192.0.2.18", port: 9216 }] });
});

test("NAKs are counted, and an exchange without an answer is a drop", async () => {
  const refusing = await startWrong((query) => {
    const pair = { address: 0xc0000212, portParams: { psidOffset: 0, psidLength: 6, psid: 9 } };
    if (query.type === MessageType.discover)
      return [encodeReply(query, { type: MessageType.offer, ...pair })];
    return [encodeReply(query, { type: MessageType.nak })];
  });
  const refused = await load(refusing, "--clients 4 --json");
  expect(reportOf(refused).counts).toMatchObject({ naks: 4, timeouts: 0 });
  expect([refused.code, refused.stderr]).toEqual([
    1,
    `Cannot load ::1 port ${refusing}: found 4 NAKs and no ACK, expected ACKs: the log of the server says why it refuses\n`,
  ]);
  expect(await load(refusing, "--mode release --clients 2")).toMatchObject({ code: 1 });
  const silent = await startWrong((query) => (query.type === MessageType.discover ? samePair(query) : []));
  const dropped = await load(silent, "--clients 2 --tries 1 --retransmit 0.1 --json");
  expect(reportOf(dropped)).toMatchObject({ exchanges: 0, dropRatio: 1, counts: { timeouts: 2 } });
  expect(dropped).toMatchObject({ code: 3, stderr: containing("found 2 OFFERs and no ACK") });
  expect(await load(silent, "--mode release --clients 2 --tries 1 --retransmit 0.1")).toMatchObject({
    code: 3,
  });
});

test("renewals that nobody answers end with 3, also if the server has ended", async () => {
  const isRenewal = ({ type, unicast }: ReceivedQuery) => type === MessageType.request && unicast;
  const silent = await startWrong((query) => (isRenewal(query) ? [] : ownPair(query)));
  const renew = "--mode renew --in-flight 1 --retransmit 0.1 --json";
  const dropped = await load(silent, `${renew} --clients 2 --tries 1`);
  expect(dropped).toMatchObject({ code: 3, stderr: containing("found no answer") });
  expect(reportOf(dropped)).toMatchObject({ dropRatio: 1, leases: 2, endedEarly: null });

  const ending = await startScriptedServer((query) => {
    if (!isRenewal(query)) return ownPair(query);
    void ending.close();
    return [];
  });
  const ended = await load(ending.port, `${renew} --clients 5 --tries 9`);
  expect(ended).toMatchObject({ code: 3, stderr: containing("on which nobody listens") });
  expect(reportOf(ended)).toMatchObject({ endedEarly: "given-up", counts: { unfinished: 5 } });
});

test("--drops-max makes too many exchanges without an answer a failure", async () => {
  const port = await startWrong((query) => (clientOf(query) === 1 ? [] : ownPair(query)));
  const flags = "--clients 4 --tries 1 --retransmit 0.1 --drops-max";
  expect(await load(port, `${flags} 25`)).toMatchObject({ code: 0, stderr: "" });
  expect(await load(port, `${flags} 24`)).toMatchObject({
    code: 1,
    stderr: "--drops-max: found 25.00 % of the exchanges without an answer, expected at most 24 %\n",
    stdout: containing("1 exchanges without an answer (25.00 %): 1 DISCOVERs, 0 REQUESTs"),
  });
});

test("--line gives each client a line of its own", async () => {
  const lines = new Map<number, string>();
  const port = await startWrong((query) => {
    const { data } = query.path[0]!.options.find(({ code }) => code === 37)!;
    lines.set(clientOf(query), new TextDecoder().decode(data.subarray(4)));
    return ownPair(query);
  });
  const flags = "--relay 2001:db8:1::1 --line remote-id --mode renew --clients 3";
  expect(await load(port, flags)).toMatchObject({ code: 0, stderr: "" });
  expect(Object.fromEntries(lines)).toEqual({
    0: "line-0000000000",
    1: "line-0000000001",
    2: "line-0000000002",
  });
});

test("a signal ends a load with its report, and a second one at once", async () => {
  let signal = (): void => undefined;
  const port = await startWrong((query) => {
    if (query.type === MessageType.request && clientOf(query) === 2) signal();
    return ownPair(query);
  });
  const stopped = loading(port, "--clients 100000 --rate 50 --json");
  signal = () => stopped.child.kill("SIGINT");
  const ended = await stopped.ended;
  expect(ended).toMatchObject({ code: 0, stderr: containing("a second signal ends at once") });
  const report = reportOf(ended);
  expect(report).toMatchObject({ endedEarly: "stopped", counts: { timeouts: 0 } });
  expect(report.exchanges + report.counts.unfinished!).toBe(100_000);

  const silent = await startWrong(() => {
    signal();
    return [];
  });
  const killed = loading(silent, "--clients 10 --retransmit 60");
  signal = () => killed.child.kill("SIGTERM");
  killed.child.stderr!.once("data", () => killed.child.kill("SIGTERM"));
  expect(await killed.ended).toMatchObject({ code: 1, stdout: "" });
});

test("a local port that is in use is named, and ends with 1", async () => {
  const port = await startWrong(ownPair);
  expect(await load(port, `--local-port ${port}`)).toEqual({
    code: 1,
    stdout: "",
    stderr: `Cannot send from --local-port ${port}: found it in use (EADDRINUSE), expected a port that no other socket uses: end the program that has it, or choose another port\n`,
  });
});

test.each([
  ["--clients 2", 3, "expected a DHCP 4o6 server or relay"],
  ["--server ff02::1:2", 2, "Cannot use --server ff02::1:2: found no --interface"],
  ["--server fe80::1", 2, "Cannot use --server fe80::1: found no --interface, and no %INTERFACE"],
  ["--server fe80::1%none0", 2, "Cannot use --server fe80::1%none0: found no such interface"],
  ["--mode release --for 1s", 2, "Cannot use --for: found --mode release beside it"],
  ["--mode release --loss 1", 2, "Cannot use --loss: found --mode release beside it"],
  ["--mode release --drops-max 1", 2, "Cannot use --drops-max: found --mode release beside it"],
  ["--hint-psid-offset 4", 2, "Cannot use --hint-psid-offset: found no --hint-psid-length, expected both"],
  ["--full --hint-psid-length 6", 2, "Cannot use --hint-psid-length: found --full, expected only one"],
  ["--line interface-id", 2, "Cannot use --line: found no --relay, expected both"],
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
