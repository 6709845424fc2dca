/**
 * Where the leases of a round are kept: in a file, or on libSQL servers, near or far.
 *
 * @module
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import { startDatabaseProxy } from "../support/database-proxy.ts";
import type { Distance } from "../support/database-proxy.ts";
import { startSqld } from "../support/sqld.ts";
import { prepareDatabaseOf } from "./servers.ts";
import type { Side } from "./side.ts";

/** What to keep leases in. */
export interface StorageOptions {
  /** libSQL servers; 0 is a file. Domains are spread over them. */
  readonly servers: number;
  /** The servers are as far away as those of a provider in the region. */
  readonly isDistant: boolean;
}

/** 20 ms to the server and back, and 25 ms for a commit that reaches several disks. */
export const regional: Distance = { roundTripMs: 20, commitMs: 25 };

/** A place that is ready. */
export interface Storage {
  /** Tells the allocator where it is. */
  readonly environment: Readonly<Record<string, string>>;
  /** Requests that came to the servers; 0 for a file. */
  readonly requests: () => number;
  readonly close: () => Promise<void>;
}

/**
 * Makes the databases, by the code of the side, and gives each its domains: domain number n is on server n modulo their
 * number.
 *
 * @param folder For files; it must exist.
 * @param signal Ends what this began when it is aborted.
 * @throws {ServiceError} When the side can't make them. Servers that were started are ended.
 */
export async function openStorage(
  side: Side,
  folder: string,
  declaration: DeclarationInput,
  { servers, isDistant }: StorageOptions,
  signal: AbortSignal | undefined,
): Promise<Storage> {
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

/** One database. */
interface Place {
  /** Flags for the allocator. */
  readonly url: string;
  /** Without the distance, for work that is not measured. */
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
