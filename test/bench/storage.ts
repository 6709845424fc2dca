/**
 * Creates the databases of a round: a file, or libSQL servers, optionally with simulated distance.
 *
 * @module
 */
import { constants } from "node:fs";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import { startDatabaseProxy } from "../support/database-proxy.ts";
import type { Distance } from "../support/database-proxy.ts";
import { startSqld } from "../support/sqld.ts";
import { prepareDatabaseOf } from "./servers.ts";
import type { Side } from "./side.ts";

/** Where leases are stored. */
export interface StorageOptions {
  /** Number of libSQL servers, over which domains are spread; 0 means a file. */
  readonly servers: number;
  /** Whether to simulate the distance to a provider in the same region. */
  readonly isDistant: boolean;
  /** A database that has domains and leases already, which is copied. Default: an empty one. */
  readonly file?: string | undefined;
}

/** 20 ms round-trip time, and 25 ms for a commit that is replicated to several disks. */
export const regional: Distance = { roundTripMs: 20, commitMs: 25 };

/** The databases of a round. */
export interface Storage {
  /** Environment variables that configure the allocator for these databases. */
  readonly environment: Readonly<Record<string, string>>;
  /** Requests to the servers so far; 0 for a file. */
  readonly requests: () => number;
  readonly close: () => Promise<void>;
}

/**
 * Creates the databases with the code of the side, and applies the domains: domain number n is on server n modulo the
 * number of servers.
 *
 * @param folder Existing folder for the database files.
 * @param signal Aborts the preparation and stops the servers.
 * @throws {ServiceError} When the migration fails. Started servers are then stopped.
 */
export async function openStorage(
  side: Side,
  folder: string,
  declaration: DeclarationInput,
  { servers, isDistant, file }: StorageOptions,
  signal: AbortSignal | undefined,
): Promise<Storage> {
  if (file !== undefined) return openCopy(file, folder);
  const places: Place[] = [];
  const close = async (): Promise<void> => {
    for (const place of places) await place.close();
  };
  const count = Math.max(servers, 1);
  try {
    for (let server = 0; server < count; server++) {
      const place = await openPlace(join(folder, `database-${server}`), servers > 0, isDistant);
      places.push(place);
      signal?.throwIfAborted();
      const domains = declaration.domains.filter((_, index) => index % count === server);
      const declarationFile = join(folder, `declaration-${server}.json`);
      await writeFile(declarationFile, JSON.stringify({ domains }));
      await prepareDatabaseOf(side, place.direct, declarationFile, signal);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const urls = places.map(({ url }) => url);
  const placements = declaration.domains.map(({ name }, index) => [name, { url: urls[index % count]! }]);
  return {
    environment: {
      APPORTION_DATABASE_URL: urls[0]!,
      APPORTION_PLACEMENTS: JSON.stringify(count > 1 ? Object.fromEntries(placements) : {}),
    },
    requests: () => places.reduce((sum, { requests }) => sum + requests(), 0),
    close,
  };
}

/** Copies a database. The file system may share its blocks until they are changed. */
async function openCopy(file: string, folder: string): Promise<Storage> {
  const path = join(folder, "database.db");
  await copyFile(file, path, constants.COPYFILE_FICLONE);
  const environment = { APPORTION_DATABASE_URL: `file:${path}`, APPORTION_PLACEMENTS: "{}" };
  return { environment, requests: () => 0, close: () => Promise.resolve() };
}

/** One database. */
interface Place {
  /** URL for the allocator. */
  readonly url: string;
  /** URL without simulated distance, for everything that is not measured. */
  readonly direct: string;
  readonly requests: () => number;
  readonly close: () => Promise<void>;
}

async function openPlace(path: string, isServer: boolean, isDistant: boolean): Promise<Place> {
  if (!isServer) {
    const url = `file:${path}.db`;
    return { url, direct: url, requests: () => 0, close: () => Promise.resolve() };
  }
  const sqld = await startSqld({ folder: path });
  const proxy = await startDatabaseProxy(sqld.port, isDistant ? regional : undefined);
  return {
    url: proxy.url,
    direct: sqld.url,
    requests: proxy.requests,
    close: async () => {
      await proxy.close();
      await sqld.kill();
    },
  };
}
