/**
 * Attacks on the log: it is written to a full disk, or to a pipe without a reader.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { readStatus } from "../../relay/service/status.ts";
import { MessageType } from "../../src/wire/dhcpv4/codes.ts";
import { findFreePort } from "../../src/free-port.ts";
import { adminToken, relayToken } from "../support/tokens.ts";
import type { Attack } from "./attack.ts";
import { relaySettings, root } from "./field.ts";
import type { Field } from "./field.ts";
import { domainOf, linkOf } from "./parts.ts";

/** A process whose log cannot be written, and so cannot be read either. */
interface MuteProcess {
  readonly kill: () => void;
  /** Sends SIGTERM. @returns Its exit code, or the signal that killed it. */
  readonly stop: () => Promise<number | NodeJS.Signals>;
}

/** Where a log goes: a file on a full disk, or a pipe that is never read. */
type Target = "full disk" | "unread pipe";

function startMute(
  field: Field,
  script: readonly string[],
  environment: Readonly<Record<string, string>>,
  target: Target,
): MuteProcess {
  const full = target === "full disk" ? openSync("/dev/full", "w") : undefined;
  const child = spawn(process.execPath, ["--import", "tsx", ...script], {
    cwd: root,
    env: { ...process.env, LOG_LEVEL: "debug", APPORTION_RELAY_TOKEN: relayToken, ...environment },
    stdio: ["ignore", "ignore", full ?? "pipe"],
  });
  if (full !== undefined) closeSync(full);
  // A readable stream without a listener is not read, so the pipe fills.
  const closed = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const kill = (): void => void child.kill("SIGKILL");
  field.closing.addEventListener("abort", kill);
  return {
    kill,
    stop: async () => {
      child.kill("SIGTERM");
      const [code, signal] = await closed;
      return code ?? signal ?? "SIGKILL";
    },
  };
}

/** Starts an allocator and a relay with such logs, as a path of the field. @returns The processes. */
async function startPath(field: Field, target: Target, number: number) {
  const url = `http://127.0.0.1:${await findFreePort()}`;
  const allocator = startMute(
    field,
    [join(root, "src/cli/main.ts"), "allocator", "--http", new URL(url).host],
    { APPORTION_DATABASE_URL: `file:${field.database}`, APPORTION_ADMIN_TOKEN: adminToken },
    target,
  );
  await field.until(() =>
    fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  const [file, socket] = [
    join(field.folder, `mute-${number}.toml`),
    join(field.folder, `mute-${number}.sock`),
  ];
  await writeFile(file, stringify(relaySettings(url, socket)));
  const relay = startMute(field, [join(root, "relay/main.ts"), "--config", file], {}, target);
  await field.until(() =>
    readStatus(socket).then(
      () => true,
      () => false,
    ),
  );
  const { listeners, pid } = await readStatus(socket);
  return { url, allocator, relay, relayPid: pid, port: Number(/]:(\d+)$/.exec(listeners[0]!.endpoint)![1]) };
}

const lostLogs: Attack = {
  id: "T17",
  tried:
    "standard error of relay and allocator is a file on a full disk, then a pipe without a reader; SIGTERM",
  domains: [domainOf("17")],
  deadlineMs: 120_000,
  run: async (field) => {
    const seen: string[] = [];
    let held = true;
    for (const [number, target] of (["full disk", "unread pipe"] as const).entries()) {
      const { url, allocator, relay, relayPid, port } = await startPath(field, target, number);
      try {
        const reach = { port };
        let leases = 0;
        let refusals = 0;
        const lost = () => readLost(url);
        // Each refused renewal is a line of the allocator, each failed reload one of the relay.
        while (leases < 3 || (await lost()) === 0) {
          const client = field.client(100 * number + leases + 1, { linkAddress: linkOf("17") }, reach);
          const ack = await client.lease();
          leases++;
          process.kill(relayPid, "SIGHUP");
          const strangers = Array.from({ length: 100 }, (_, index) =>
            field
              .client(10_000 + refusals * 100 + index, { linkAddress: linkOf("17") }, reach)
              .message(MessageType.request, {
                unicast: true,
                portParams: ack.portParams,
                header: { ciaddr: ack.message.yiaddr },
              }),
          );
          refusals++;
          await field.askAll(strangers, reach);
        }
        const ended = [await relay.stop(), await allocator.stop()];
        seen.push(
          `${target}: lines lost and counted, ${leases} clients served, exit codes ${ended.join(", ")}`,
        );
        held &&= ended.every((code) => code === 0);
      } finally {
        relay.kill();
        allocator.kill();
      }
    }
    return { seen: seen.join("; "), held };
  },
};

/** Reads how many lines an allocator has lost. */
async function readLost(url: string): Promise<number> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${adminToken}` } });
  return Number(/^apportion_log_lines_lost_total (\d+)$/m.exec(await response.text())?.[1] ?? 0);
}

/** Attacks on the log. */
export const logAttacks: readonly Attack[] = [lostLogs];
