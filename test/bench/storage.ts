/**
 * Where the leases of a round are kept: in a file, or on libSQL servers, near or far.
 *
 * @module
 */
import { join } from "node:path";
import { parseDeclaration } from "../../src/declaration/declaration.ts";
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import { prepareDatabase } from "../../src/runtime/node.ts";
import { applyDeclaration } from "../../src/store/configuration/apply.ts";
import { startDatabaseProxy } from "../support/database-proxy.ts";
import type { Distance } from "../support/database-proxy.ts";
import { startSqld } from "../support/sqld.ts";

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

/** Makes the databases and gives each its domains: domain number n is on server n modulo their number. */
export async function openStorage(
  folder: string,
  declaration: DeclarationInput,
  { servers, isDistant }: StorageOptions,
): Promise<Storage> {
  const closers: (() => Promise<void>)[] = [];
  const counters: (() => number)[] = [];
  const urls: string[] = [];
  for (let server = 0; server < Math.max(servers, 1); server++) {
    const domains = declaration.domains.filter((_, index) => index % Math.max(servers, 1) === server);
    const place = await openPlace(join(folder, `database-${server}`), servers > 0, isDistant);
    closers.push(place.close);
    counters.push(place.requests);
    urls.push(place.url);
    const database = await prepareDatabase({ databaseUrl: place.direct, databaseToken: undefined });
    await applyDeclaration(database, parseDeclaration({ domains }, "bench"));
    database.close();
  }
  const placements = declaration.domains.map(({ name }, index) => [
    name,
    { url: urls[index % urls.length]! },
  ]);
  return {
    environment: {
      APPORTION_DATABASE_URL: urls[0]!,
      APPORTION_PLACEMENTS: JSON.stringify(urls.length > 1 ? Object.fromEntries(placements) : {}),
    },
    requests: () => counters.reduce((sum, count) => sum + count(), 0),
    close: async () => {
      for (const close of closers) await close();
    },
  };
}

async function openPlace(path: string, isServer: boolean, isDistant: boolean) {
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
