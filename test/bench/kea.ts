/**
 * Kea as a DHCP 4o6 server: kea-dhcp6 takes the datagrams, and kea-dhcp4 leases full addresses. Leases are in memory and in
 * a file that is not synced. Each server has one thread: with more, Kea 2.2 was slower.
 *
 * @module
 */
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { formatIPv4, parseIPv4 } from "../../src/wire/ipv4-address.ts";
import { OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import type { Target } from "./measure.ts";
import { ServiceError } from "./service.ts";

/** The servers, each with its Debian package. */
const packages = { "kea-dhcp4": "kea-dhcp4-server", "kea-dhcp6": "kea-dhcp6-server" } as const;
type Program = keyof typeof packages;

/** The link of the servers and of the clients' relay. Kea opens no socket on a loopback interface. */
const link = { name: "bench0", prefix: "2001:db8:f::/64", server: "2001:db8:f::1", relay: "2001:db8:f::2" };
const identifier = "198.51.100.1";

/** The port on which the two servers talk, and the one after it. */
const port4o6 = 6767;

/** Milliseconds for a server to start. */
const startMsMax = 10_000;

/** Last lines of the log of a server that are shown if it fails. */
const linesKept = 20;

/** Two running servers. */
export interface Kea {
  readonly dhcp4: { readonly pid: number };
  readonly dhcp6: { readonly pid: number };
  /** Where a load for them goes: to kea-dhcp6, through one relay, which gets the answers at its own ports (RFC 8357). */
  readonly target: Target;
  readonly stop: () => Promise<void>;
}

/** @returns Its version; undefined if it is not installed. */
export function keaVersion(): string | undefined {
  try {
    const versions = (Object.keys(packages) as Program[]).map((program) =>
      execFileSync(program, ["-v"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim(),
    );
    return versions[0];
  } catch {
    return undefined;
  }
}

/** The packages that contain it. */
export const keaPackages = Object.values(packages).join(" and ");

/** Creates the link, in a namespace of this process. */
export function createKeaLink(): void {
  const ip = (...args: string[]): void => {
    execFileSync("ip", args);
  };
  ip("link", "set", "lo", "up");
  ip("link", "add", link.name, "type", "veth", "peer", "name", "bench1");
  ip("address", "add", `${link.server}/64`, "dev", link.name, "nodad");
  ip("address", "add", `${link.relay}/64`, "dev", link.name, "nodad");
  // kea-dhcp4 builds no answer on a link without an IPv4 socket, not even for 4o6.
  ip("address", "add", `${identifier}/24`, "dev", link.name);
  for (const name of [link.name, "bench1"]) ip("link", "set", name, "up");
}

/**
 * Starts both servers, with an empty lease file.
 *
 * @param folder Existing folder for their files.
 * @param clients Number of leases for which the pool must have room.
 * @throws {ServiceError} When one does not start.
 */
export async function startKea(folder: string, clients: number, signal?: AbortSignal): Promise<Kea> {
  const servers: Server[] = [];
  const stop = async (): Promise<void> => {
    for (const server of servers) server.child.kill("SIGTERM");
    await Promise.all(servers.map(({ ended }) => ended));
  };
  try {
    const configurations = {
      "kea-dhcp4": dhcp4Configuration(folder, clients),
      "kea-dhcp6": dhcp6Configuration,
    };
    for (const [program, configuration] of Object.entries(configurations)) {
      const server = launch(program as Program, configuration, folder, signal);
      servers.push(server);
      await server.ready;
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const [dhcp4, dhcp6] = servers.map(({ child }) => ({ pid: child.pid! })) as [Pid, Pid];
  return { dhcp4, dhcp6, target, stop };
}

type Pid = Kea["dhcp4"];

const target: Target = {
  server: link.server,
  port: 547,
  sharesPorts: false,
  relay: {
    hopCount: 0,
    linkAddress: parseIPv6(link.relay),
    peerAddress: parseIPv6("fe80::1"),
    options: [{ code: OptionCode6.relayPort, data: new Uint8Array(2) }],
  },
};

function dhcp4Configuration(folder: string, clients: number): object {
  const first = parseIPv4("198.18.0.1");
  return {
    Dhcp4: {
      "interfaces-config": { interfaces: [link.name], "dhcp-socket-type": "udp" },
      "dhcp4o6-port": port4o6,
      "valid-lifetime": 3600,
      "lease-database": {
        type: "memfile",
        persist: true,
        name: join(folder, "leases4.csv"),
        "lfc-interval": 0,
      },
      "multi-threading": { "enable-multi-threading": false },
      "option-data": [{ name: "dhcp-server-identifier", data: identifier }],
      subnet4: [
        {
          id: 1,
          subnet: "198.18.0.0/15",
          "4o6-interface": link.name,
          "4o6-subnet": link.prefix,
          pools: [{ pool: `${formatIPv4(first)}-${formatIPv4(first + Math.ceil(clients * 1.05))}` }],
        },
      ],
      loggers: loggersOf("kea-dhcp4", "dhcp4"),
    },
  };
}

const dhcp6Configuration = {
  Dhcp6: {
    "interfaces-config": { interfaces: [`${link.name}/${link.server}`] },
    "server-id": { type: "EN", "enterprise-id": 2495, identifier: "01", persist: false },
    "lease-database": { type: "memfile", persist: false },
    "dhcp4o6-port": port4o6,
    "multi-threading": { "enable-multi-threading": false },
    subnet6: [{ id: 1, subnet: link.prefix, interface: link.name }],
    loggers: loggersOf("kea-dhcp6", "dhcp6"),
  },
};

/** Only warnings, and what tells that the server has started: a line for each lease would be measured too. */
function loggersOf(program: Program, own: string): object[] {
  const output = { output_options: [{ output: "stderr" }] };
  return [
    { name: program, severity: "WARN", ...output },
    { name: `${program}.${own}`, severity: "INFO", ...output },
  ];
}

interface Server {
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
  readonly ended: Promise<unknown>;
}

function launch(program: Program, configuration: object, folder: string, signal?: AbortSignal): Server {
  const file = join(folder, `${program}.json`);
  writeFileSync(file, JSON.stringify(configuration));
  const environment = { KEA_PIDFILE_DIR: folder, KEA_LOCKFILE_DIR: folder };
  const child = spawn(program, ["-c", file], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "ignore", "pipe"],
    ...(signal !== undefined && { signal }),
    killSignal: "SIGKILL",
  });
  child.on("error", () => {
    // It was aborted, or has not started: then it ends without having been ready.
  });
  const lines: string[] = [];
  const ended = once(child, "close");
  const ready = new Promise<void>((resolve, reject) => {
    const fail = (what: string): void => {
      reject(new ServiceError([`${program} ${what}`, ...lines].join("\n")));
    };
    const timer = setTimeout(() => {
      fail("was not ready in time");
    }, startMsMax);
    createInterface(child.stderr).on("line", (line) => {
      lines.push(line);
      if (lines.length > linesKept) lines.shift();
      if (!/DHCP[46]_STARTED/.test(line)) return;
      clearTimeout(timer);
      resolve();
    });
    void ended.then(() => {
      clearTimeout(timer);
      fail("exited before it was ready");
    });
  });
  return { child, ready, ended };
}
