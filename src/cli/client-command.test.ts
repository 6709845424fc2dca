import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  encodeReply,
  leaseAnswers,
  scriptedAddress,
  scriptedPortParams,
  startScriptedServer,
} from "../../test/support/scripted-server.ts";
import type { ReceivedQuery, ScriptedServer } from "../../test/support/scripted-server.ts";
import { clientIdentifierOctetsMax } from "../limits.ts";
import { MessageType } from "../wire/dhcpv4/codes.ts";
import { decodePortParams } from "../wire/dhcpv4/options/port-params.ts";
import { encodeHex } from "../wire/hex.ts";
import { formatIPv6, parseIPv6 } from "../wire/ipv6-address.ts";
import { clientCommand } from "./client-command.ts";

let directory: string;
let server: ScriptedServer;
let answer: (query: ReceivedQuery) => readonly Uint8Array[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "client-command-"));
  answer = leaseAnswers;
  server = await startScriptedServer((query) => answer(query));
});
afterEach(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

class Exit extends Error {}

/** Runs `apportion client ARGS` against the scripted server. */
async function run(...args: string[]) {
  const result = { code: -1, stdout: "", stderr: "" };
  const command = clientCommand({
    stdout: (text) => (result.stdout += text),
    stderr: (text) => (result.stderr += text),
    setExitCode: (code) => {
      result.code = code;
    },
    exit: (code) => {
      result.code = code;
      throw new Exit();
    },
  });
  const [name, ...flags] = args;
  const where = ["--port", String(server.port), "--state", join(directory, "leases.json")];
  try {
    await command.parseAsync(["node", "client", name!, ...where, ...flags]);
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
  }
  return result;
}

const nak = (query: ReceivedQuery) => [
  encodeReply(query, { type: MessageType.nak, options: new Map([[56, new TextEncoder().encode("gone")]]) }),
];

describe("apportion client", () => {
  test("lease shows the lease and exits with 0", async () => {
    const { code, stdout, stderr } = await run("lease");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("192.0.2.18 (shared)");
    expect(stdout).toContain("18432-19455");
  });

  test("lease --json prints one object", async () => {
    const { stdout } = await run("lease", "--json", "--client-id", "ff0102");
    expect(JSON.parse(stdout)).toMatchObject({
      command: "lease",
      clientIdentifier: "ff0102",
      result: "lease",
      queriesSent: 2,
      lease: { address: "192.0.2.18", portParams: scriptedPortParams, ports: 1024 },
    });
  });

  test("R7618-7-06 renew, rebind and release use the stored lease", async () => {
    await run("lease");
    expect((await run("renew")).code).toBe(0);
    expect((await run("rebind")).code).toBe(0);
    const released = await run("release");
    expect(released).toEqual({
      code: 0,
      stdout: "Released 192.0.2.18 PSID 18; servers do not answer this message\n",
      stderr: "",
    });
    const [, , renew, rebind] = server.received;
    expect([renew!.unicast, rebind!.unicast]).toEqual([true, false]);
    expect(decodePortParams(renew!.message.options.get(159)!)).toEqual(scriptedPortParams);
    expect(await run("renew")).toMatchObject({ code: 2, stdout: "" });
  });

  test("each client identifier has its own lease", async () => {
    await run("lease", "--mac", "02:00:5e:10:00:01");
    expect((await run("renew", "--mac", "02:00:5e:10:00:01")).code).toBe(0);
    expect((await run("renew", "--mac", "02:00:5e:10:00:02")).code).toBe(2);
    expect((await run("renew", "--mac", "02:00:5e:10:00:01", "--iaid", "2")).code).toBe(2);
  });

  test("a refusal exits with 1 and deletes the stored lease", async () => {
    await run("lease");
    answer = nak;
    expect(await run("renew")).toEqual({ code: 1, stdout: "", stderr: "Refused by 198.51.100.1: gone\n" });
    expect((await run("renew")).stderr).toContain("found no lease of client");
  });

  test("a missing answer exits with 3 and keeps the stored lease", async () => {
    await run("lease");
    answer = () => [];
    const { code, stdout, stderr } = await run("renew", "--timeout", "0.05");
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toBe(`No answer to the request from ::1 port ${server.port} in 0.05 s: sent 1 query\n`);
    answer = leaseAnswers;
    expect((await run("renew")).code).toBe(0);
  });

  test("R7618-6-11 reboot requests the stored pair", async () => {
    await run("lease");
    expect((await run("reboot")).code).toBe(0);
    const { type, message } = server.received[2]!;
    expect(type).toBe(MessageType.request);
    expect(message.options.has(50) && !message.options.has(54)).toBe(true);
  });

  test("R7618-6-13 reboot starts over with DISCOVER when the source address has changed", async () => {
    await run("lease", "--relay", "2001:db8:a::1", "--peer", "fe80::1");
    const { code, stderr } = await run("reboot", "--relay", "2001:db8:a::1", "--peer", "fe80::2");
    expect(code).toBe(0);
    expect(stderr).toContain("The source address changed from fe80::1 to fe80::2");
    const { type, message } = server.received[2]!;
    expect(type).toBe(MessageType.discover);
    expect(decodePortParams(message.options.get(159)!)).toEqual(scriptedPortParams);
  });

  test("--relay wraps the query, with Interface-Id and Remote-Id", async () => {
    await run("lease", "--relay", "2001:db8:a::1", "--interface-id", "ge-0/0/1:100", "--remote-id", "9:abc");
    const [level] = server.received[0]!.path;
    expect(formatIPv6(level!.linkAddress)).toBe("2001:db8:a::1");
    expect(formatIPv6(level!.peerAddress)).toBe("fe80::ff:fe00:1");
    const text = level!.options.map(({ code, data }) => `${code} ${encodeHex(data)}`);
    expect(text).toEqual(["18 67652d302f302f313a313030", "37 00000009616263"]);
  });

  test("R7618-6-02 hints become options 50 and 159", async () => {
    await run("lease", "--hint-address", "192.0.2.18", "--hint-psid-length", "6", "--hint-psid", "18");
    const { options } = server.received[0]!.message;
    expect(encodeHex(options.get(50)!)).toBe("c0000212");
    expect(encodeHex(options.get(159)!)).toBe("00064800");
  });

  test("R7618-5-03 --full does not list option 159, and --no-oro sends no option request", async () => {
    answer = (query) => [encodeReply(query, { type: query.type === 1 ? 2 : 5, address: scriptedAddress })];
    const { code, stdout } = await run("lease", "--full", "--no-oro");
    expect(code).toBe(0);
    expect(stdout).toContain("192.0.2.18 (full)");
    const { message, options } = server.received[0]!;
    expect(message.options.get(55)!.includes(159)).toBe(false);
    expect(options).toEqual([]);
  });

  test("R8539-7.2-01 renew repeats --softwire, and warns if the server bound a different address", async () => {
    const softwire = parseIPv6("2001:db8:1234:5600::1");
    answer = (query) =>
      query.type === MessageType.discover
        ? leaseAnswers(query)
        : [
            encodeReply(query, {
              type: MessageType.ack,
              address: scriptedAddress,
              portParams: scriptedPortParams,
              options: new Map([[109, softwire]]),
            }),
          ];
    expect((await run("lease", "--softwire", "2001:db8:1234:5600::1")).stderr).toBe("");
    expect((await run("renew")).stderr).toBe("");
    expect(encodeHex(server.received[2]!.message.options.get(109)!)).toBe(encodeHex(softwire));
    const other = await run("renew", "--softwire", "2001:db8:1234:5600::2");
    expect(other.stderr).toContain("found 2001:db8:1234:5600::1, expected 2001:db8:1234:5600::2");
  });

  test("R7341-8-01 inform sets U when the client knows a server", async () => {
    expect((await run("inform")).code).toBe(2);
    expect((await run("inform", "--address", "192.0.2.9")).code).toBe(0);
    await run("lease");
    expect((await run("inform", "--json")).stdout).toContain('"result":"parameters"');
    expect([server.received[0]!.unicast, server.received.at(-1)!.unicast]).toEqual([false, true]);
  });

  test("A14 decline ends the lease", async () => {
    await run("lease");
    expect((await run("decline")).stdout).toContain("Declined 192.0.2.18 PSID 18");
    const types = [await server.next(), await server.next(), await server.next()].map(({ type }) => type);
    expect(types).toEqual([MessageType.discover, MessageType.request, MessageType.decline]);
  });

  test("a local port that is in use is named, and exits with 1", async () => {
    const port = String(server.port);
    expect(await run("lease", "--local-port", port)).toEqual({
      code: 1,
      stdout: "",
      stderr: `Cannot send from --local-port ${port}: found it in use (EADDRINUSE), expected a port that no other socket uses: end the program that has it, or choose another port\n`,
    });
  });

  test.each([
    [["--port", "0"], "option '--port <port>' argument '0' is invalid. Expected an integer from 1 to 65535."],
    [["--port", "1e3"], "argument '1e3' is invalid"],
    [["--mac", "02:00"], "option '--mac <octets>' argument '02:00' is invalid. Expected six octets"],
    [["--client-id", "f"], `Expected 2 to ${clientIdentifierOctetsMax} octets in hexadecimal.`],
    [["--server", "192.0.2.1"], "argument '192.0.2.1' is invalid. Expected an IPv6 address"],
    [["--server", "ff02::1:2"], "Cannot use --server ff02::1:2: found no --interface"],
    [["--server", "fe80::1"], "found no --interface, and no %INTERFACE after the address"],
    [["--server", "fe80::1%none0"], "Cannot use --server fe80::1%none0: found no such interface"],
    [["--hint-psid-length", "17"], "Expected an integer from 0 to 16."],
    [["--hint-psid", "1"], "Cannot use --hint-psid: found no --hint-psid-length, expected both"],
    [["--hint-psid-length", "4", "--hint-psid", "16"], "found 16, expected at most 15"],
    [["--hint-psid-length", "12", "--hint-psid-offset", "6"], "is 18, expected at most 16"],
    [["--hint-psid-length", "4", "--full"], "found --full, expected only one of them"],
    [["--strict-softwire", "--no-oro"], "found --no-oro, expected only one of them"],
    [["--interface-id", "x"], "Cannot use --interface-id: found no --relay"],
    [["--timeout", "-1"], "Expected a number from 0 to 3600."],
    [["--nonsense"], "unknown option '--nonsense'"],
  ])("lease %j exits with 2 and an explanation", async (flags, message) => {
    const { code, stdout, stderr } = await run("lease", ...flags);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(server.received).toEqual([]);
  });
});
