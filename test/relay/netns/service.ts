/**
 * The processes of the labs: allocator, relays, clients, and sockets.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadOptions } from "../../../src/load/options.ts";
import type { DeclarationInput } from "../../../src/declaration/declaration.ts";
import { decodeHex, encodeHex } from "../../../src/wire/hex.ts";
import { untilLogged } from "./lab.ts";
import type { Host, Lab, LabProcess } from "./lab.ts";

const token = "a-token-of-the-lab";
const environment = { APPORTION_RELAY_TOKEN: token, LOG_LEVEL: "info" };

/** Two domains, selected by the link that a relay names, and one for all others. */
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
  whom: Pick<DeclarationInput["domains"][number], "prefixes" | "default">,
): DeclarationInput["domains"][number] {
  return {
    name,
    ...whom,
    serverIdentifier: "203.0.113.1",
    pools: [{ name: `${name}-shared`, kind: "shared", range, psidOffset: 0, psidLength: 6 }],
  };
}

/** Where the allocator of a lab listens: on the loopback of its host. */
const allocatorPort = 8467;

/** Starts the allocator on a file; one that comes later finds the leases of the one before. */
export async function startAllocator(lab: Lab, host: Host): Promise<LabProcess> {
  const config = join(lab.folder, "declaration.json");
  writeFileSync(config, JSON.stringify(declaration));
  const allocator = host.script(
    "src/cli/main.ts",
    [
      ...["allocator", "--listen", `127.0.0.1:${allocatorPort}`],
      ...["--database", `file:${join(lab.folder, "leases.db")}`, "--config", config],
    ],
    { environment },
  );
  await untilLogged(allocator, "allocator listening");
  return allocator;
}

/** Starts a relay; without an allocator in its settings, that of its own host. */
export async function startRelay(lab: Lab, host: Host, settings: string): Promise<LabProcess> {
  const file = settingsFileOf(lab, host);
  writeFileSync(file, settings);
  const relay = host.script("relay/main.ts", ["--config", file], { environment });
  await untilLogged(relay, "relay listening");
  return relay;
}

/** Gives a relay other settings. */
export async function reloadRelay(lab: Lab, host: Host, relay: LabProcess, settings: string): Promise<void> {
  writeFileSync(settingsFileOf(lab, host), settings);
  process.kill(relay.pid, "SIGHUP");
  await untilLogged(relay, "relay reconfigured");
}

function settingsFileOf(lab: Lab, host: Host): string {
  return join(lab.folder, `${host.namespace}.toml`);
}

/** What `apportion client` says of a lease. */
export interface ClientLease {
  readonly address: string;
  readonly portParams: { readonly psid: number };
}

/**
 * Lets a client obtain a lease.
 *
 * @param flags As of `apportion client`.
 * @throws {Error} With the client's output if it gets none.
 */
export async function obtainLease(
  lab: Lab,
  host: Host,
  flags: readonly string[],
  command = "lease",
): Promise<ClientLease> {
  const state = join(lab.folder, `${host.namespace}-clients.json`);
  const child = host.script("src/cli/main.ts", ["client", command, "--state", state, "--json", ...flags]);
  const said = child.output.next();
  const lines = await Promise.race([said, child.ended.then(() => said)]);
  const result = JSON.parse(lines) as { readonly lease?: ClientLease };
  await child.ended;
  if (result.lease === undefined) throw new Error(`No lease: ${lines}`);
  return result.lease;
}

/** A datagram that a speaker receives or sends. */
export interface Datagram {
  readonly octets: Uint8Array;
  readonly port: number;
  readonly address: string;
}

/** A socket in another namespace. */
export interface Speaker {
  readonly port: number;
  readonly send: (octets: Uint8Array, port: number, address: string) => void;
  readonly next: () => Promise<Datagram>;
}

/** Opens a socket on a host. */
export async function openSpeaker(
  host: Host,
  address: string,
  port: number,
  group?: string,
): Promise<Speaker> {
  const child = host.script("test/relay/netns/speaker.ts", [
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

/** A load of several rounds, each of other clients. */
export interface LoadOfRounds extends LoadOptions {
  readonly rounds: number;
}

/** What a load found. */
export interface LoadReport {
  /** Leases that are held in the end. */
  readonly held: number;
  /** Ports that two clients hold, pairs that changed, clients without a lease. */
  readonly violations: readonly string[];
  /** Renewals that were refused, or not answered. */
  readonly naks: number;
  /** Messages that were sent again. */
  readonly retransmits: number;
}

/** A load at work. */
export interface Load {
  /** Resolves when the next round is over; the one after it has begun then. */
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
