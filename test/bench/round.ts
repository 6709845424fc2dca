/**
 * Runs one round: starts an allocator and a relay on a fresh database, loads them, and measures.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import type { RelayLevel } from "../../src/wire/dhcpv6/relay.ts";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { benchDeclaration, benchLinks, placedDeclaration } from "./declaration.ts";
import { measure } from "./measure.ts";
import type { ClientLoad, Loaded, Measurement, Target } from "./measure.ts";
import { startAllocator, startRelay, stopRelay } from "./servers.ts";
import type { RelayService } from "./servers.ts";
import { ServiceError } from "./service.ts";
import type { Service } from "./service.ts";
import type { Side } from "./side.ts";
import { openStorage } from "./storage.ts";
import type { Storage, StorageOptions } from "./storage.ts";

/** Options of a round. */
export interface RoundOptions extends StorageOptions, ClientLoad {
  /** Whether clients share addresses or get one each. */
  readonly isShared: boolean;
  /** Flags of the relay in addition to those that the bench sets. */
  readonly relayFlags: readonly string[];
  readonly profileFolder: string | undefined;
}

/** What the servers count themselves. */
export interface ServerFigures {
  /** Frames in one POST of the relay, on average since the relay started. */
  readonly framesPerPost: number;
  /** Requests to libSQL servers for one POST of the relay, on average; 0 with a file. */
  readonly databaseRequestsPerPost: number;
  /** Datagrams and frames that the relay dropped, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** The figures of a round. */
export interface Round extends Measurement, ServerFigures {}

/**
 * Runs one round. Afterwards its processes have exited and its temporary folder is deleted.
 *
 * @param side The side whose allocator and relay are measured. The load always comes from this process.
 * @param signal Aborts the round immediately.
 * @throws {ServiceError} When a process does not start, or exits before the load ends.
 */
export function runRound(side: Side, options: RoundOptions, signal?: AbortSignal): Promise<Round> {
  return withServers(side, options, (loaded, targets) => measure(loaded, targets, options), signal);
}

/**
 * Starts an allocator and a relay on a fresh database, and stops them when they were used.
 *
 * @param use Loads the targets.
 * @returns What `use` returns, and what the servers count.
 * @throws {ServiceError} When a process does not start, or exits before `use` ends.
 */
export async function withServers<T extends object>(
  side: Side,
  options: RoundOptions,
  use: (loaded: Loaded, targets: readonly Target[]) => Promise<T>,
  signal?: AbortSignal,
): Promise<T & ServerFigures> {
  const folder = await mkdtemp(join(tmpdir(), "apportion-bench-"));
  const services: Service[] = [];
  let storage: Storage | undefined;
  try {
    storage = await openStorage(side, folder, declarationOf(options), options, signal);
    const environment = {
      APPORTION_RELAY_TOKEN: randomBytes(32).toString("base64url"),
      ...storage.environment,
    };
    const server = { side, environment, profileFolder: options.profileFolder, signal };
    const before = storage.requests();
    const allocator = await startAllocator(server);
    services.push(allocator);
    const relay = await startRelay(allocator, server, options.relayFlags);
    services.push(relay);
    const figures = await whileAlive(services, use({ allocator, relay }, targetsOf(relay, options)));
    const { forwarded, posts, dropped } = await stopRelay(relay);
    await allocator.stop();
    const databaseRequestsPerPost = (storage.requests() - before) / posts;
    return { ...figures, framesPerPost: forwarded / posts, databaseRequestsPerPost, dropped };
  } finally {
    for (const service of services) service.kill();
    await Promise.allSettled(services.map(({ ended }) => ended));
    await storage?.close();
    await rm(folder, { recursive: true });
  }
}

function declarationOf({ clients, warmUpClients, servers, isShared }: RoundOptions): DeclarationInput {
  const all = clients + warmUpClients;
  return servers > 0 ? placedDeclaration(all) : benchDeclaration(all, isShared);
}

/** Fails as soon as a service exits, instead of when the last client has given up. */
async function whileAlive<T>(services: readonly Service[], work: Promise<T>): Promise<T> {
  const ends = services.map(async ({ name, ended }) => {
    await ended;
    throw new ServiceError(`Cannot measure the ${name}: it has exited`);
  });
  return Promise.race([work, ...ends]);
}

/** Returns one load, or one for each of several domains. Its clients then use a relay on the domain's link. */
function targetsOf({ port }: RelayService, { isShared, servers }: RoundOptions): Target[] {
  const target = { server: "::1", port, sharesPorts: isShared };
  return servers === 0 ? [target] : benchLinks.map((link) => ({ ...target, relay: relayOn(link) }));
}

function relayOn(link: string): RelayLevel {
  return { hopCount: 0, linkAddress: parseIPv6(link), peerAddress: parseIPv6("fe80::1"), options: [] };
}
