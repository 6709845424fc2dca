/**
 * The processes of a lab: allocator, relays, clients and remote sockets.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadOptions } from "../../../src/load/options.ts";
import type { DeclarationInput } from "../../../src/declaration/declaration.ts";
import { decodeHex, encodeHex } from "../../../src/wire/hex.ts";
import { waitForLog } from "./lab.ts";
import type { Host, Lab, LabProcess } from "./lab.ts";

const token = "a-token-of-the-lab";
const environment = { APPORTION_RELAY_TOKEN: token, LOG_LEVEL: "info" };

/** Two domains, identified by the link-address, and a default domain. */
const declaration: DeclarationInput = {
  domains: [
    domain("east", "192.0.2.0/24", { prefixes: ["2001:db8:a::/64"] }),
    domain("west", "198.51.100.0/24", { prefixes: ["2001:db8:b::/64"] }),
    domain("other", "203.0.113.0/24", { default: true }),
  ],
};

function domain(
  name: string,
  range: string,
  links: Pick<DeclarationInput["domains"][number], "prefixes" | "default">,
): DeclarationInput["domains"][number] {
  return {
    name,
    ...links,
    serverIdentifier: "100.64.0.1",
    pools: [{ name: `${name}-shared`, kind: "shared", range, psidOffset: 0, psidLength: 6 }],
  };
}

/** TCP port of the allocator, on the loopback of its host. */
const allocatorPort = 8467;

/** Starts the allocator on a file. An allocator that is started later in the same lab finds the same leases. */
export async function startAllocator(lab: Lab, host: Host): Promise<LabProcess> {
  const config = join(lab.folder, "declaration.json");
  writeFileSync(config, JSON.stringify(declaration));
  const allocator = host.script(
    "src/cli/main.ts",
    [
      ...["allocator", "--http", `127.0.0.1:${allocatorPort}`],
      ...["--database", `file:${join(lab.folder, "leases.db")}`, "--config", config],
    ],
    { environment },
  );
  await waitForLog(allocator, "allocator listening");
  return allocator;
}

/** Starts a relay. By default it uses the allocator of its own host. */
export async function startRelay(lab: Lab, host: Host, settings: string): Promise<LabProcess> {
  const file = settingsFileOf(lab, host);
  writeFileSync(file, settings);
  const relay = host.script("relay/main.ts", ["--config", file], { environment });
  await waitForLog(relay, "relay listening");
  return relay;
}

/** Reloads a relay with other settings. */
export async function reloadRelay(lab: Lab, host: Host, relay: LabProcess, settings: string): Promise<void> {
  writeFileSync(settingsFileOf(lab, host), settings);
  process.kill(relay.pid, "SIGHUP");
  await waitForLog(relay, "relay reconfigured");
}

function settingsFileOf(lab: Lab, host: Host): string {
  return join(lab.folder, `${host.namespace}.toml`);
}

/** A lease, as `apportion client` prints it. */
export interface ClientLease {
  readonly address: string;
  readonly portParams: { readonly psid: number };
}

/**
 * Obtains a lease with `apportion client`.
 *
 * @param flags Flags of `apportion client`.
 * @throws {Error} With the client's output, if it gets no lease.
 */
export async function obtainLease(
  lab: Lab,
  host: Host,
  flags: readonly string[],
  command = "lease",
): Promise<ClientLease> {
  const state = join(lab.folder, `${host.namespace}-clients.json`);
  const child = host.script("src/cli/main.ts", ["client", command, "--state", state, "--json", ...flags]);
  const printed = child.output.next();
  const lines = await Promise.race([printed, child.ended.then(() => printed)]);
  const result = JSON.parse(lines) as { readonly lease?: ClientLease };
  await child.ended;
  if (result.lease === undefined) throw new Error(`No lease: ${lines}`);
  return result.lease;
}

/** A datagram that a remote socket receives. */
export interface Datagram {
  readonly octets: Uint8Array;
  readonly port: number;
  readonly address: string;
}

/** A UDP socket in another namespace. */
export interface RemoteSocket {
  readonly port: number;
  readonly send: (octets: Uint8Array, port: number, address: string) => void;
  readonly next: () => Promise<Datagram>;
}

/** Opens a UDP socket on a host. */
export async function openRemoteSocket(
  host: Host,
  address: string,
  port: number,
  group?: string,
): Promise<RemoteSocket> {
  const child = host.script("test/relay/netns/remote-socket.ts", [
    ...[address, String(port)],
    ...(group === undefined ? [] : [group]),
  ]);
  const failed = child.ended.then(async () => Promise.reject(new Error(await child.errors.next())));
  failed.catch(() => undefined);
  const ready = await Promise.race([child.output.next(), failed]);
  return {
    port: Number(ready.split(" ")[1]),
    send: (octets, toPort, to) => {
      child.write(`${encodeHex(octets)} ${toPort} ${to}`);
    },
    next: async () => {
      const [hex, from, source] = (await child.output.next()).split(" ") as [string, string, string];
      return { octets: decodeHex(hex), port: Number(from), address: source };
    },
  };
}

/** Options of a load of several rounds, each with other clients. */
export interface LoadOfRounds extends LoadOptions {
  readonly rounds: number;
}

/** Result of a load. */
export interface LoadReport {
  /** Leases that are held at the end. */
  readonly held: number;
  /** Ports that two clients hold, pairs that changed, and clients without a lease. */
  readonly violations: readonly string[];
  /** Renewals that got a NAK or no answer. */
  readonly naks: number;
  /** Messages that were sent again. */
  readonly retransmits: number;
}

/** A running load. */
export interface Load {
  /** Resolves when the current round has ended and the next has begun. */
  readonly round: () => Promise<void>;
  readonly report: () => Promise<LoadReport>;
}

/** Starts a load on a host. */
export function startLoad(host: Host, options: LoadOfRounds): Load {
  const load = host.script("test/relay/netns/load.ts", [JSON.stringify(options)]);
  const failed = load.ended.then(async () => Promise.reject(new Error(await load.errors.next())));
  failed.catch(() => undefined);
  const next = () => Promise.race([load.output.next(), failed]);
  return {
    round: async () => {
      const line = await next();
      if (!line.startsWith("round ")) throw new Error(`Cannot await a round: found ${line}`);
    },
    report: async () => {
      for (;;) {
        const line = await next();
        if (line.startsWith("{")) return JSON.parse(line) as LoadReport;
      }
    },
  };
}
