/**
 * An allocator for the fuzzer: the real pipeline on a real database in a file, and a clock that only the fuzzer moves.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCounters } from "../../src/allocator/counters.ts";
import type { Counters } from "../../src/allocator/counters.ts";
import { createPipeline } from "../../src/allocator/pipeline.ts";
import { parseDeclaration } from "../../src/declaration/declaration.ts";
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import type { Database } from "../../src/store/database/database.ts";
import { openFile } from "../../src/store/database/file.ts";
import { migrateDatabase } from "../../src/store/database/migrate.ts";
import { createPartitions } from "../../src/store/partition.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { applyDeclaration } from "../support/apply-declaration.ts";
import { clientProfile } from "../support/clients.ts";

/** Unix seconds at which every world begins. */
export const worldBegins = 1_750_000_000;

/** Number of the first honest client: no seed and no mutation has its identifier. */
const honestFirst = 0x00ff_0000;
const honestCount = 8;
/** This many of the honest clients have a reservation; the others compete for pairs as anyone does. */
const reservedCount = 4;

/** The honest clients, whose answers must not depend on what others send. */
export const honestProfiles = Array.from({ length: honestCount }, (_, at) =>
  clientProfile(honestFirst + at, { leaseSeconds: 86_400 }),
);

const softwire = { borderRelays: ["2001:db8:ffff::1"], bindPrefix: "2001:db8:1:5600::/56" };

/** Codes of options that the worlds configure beside the usual ones: together they are longer than any answer may be. */
export const longCodes: readonly number[] = Array.from({ length: 16 }, (_, at) => 224 + at);

/** DHCP options for clients that list them: short ones, and each of `longCodes` with this many octets. */
const optionsOf = (octets: number): DeclarationInput["domains"][number]["options"] => ({
  routers: ["192.0.2.1"],
  "dns-servers": ["192.0.2.53", "192.0.2.54"],
  "domain-name": "home.example",
  mtu: 1460,
  "v6-only-preferred": 600,
  "captive-portal": "https://portal.example/",
  other: longCodes.map((code) => ({ code, hex: code.toString(16).repeat(octets) })),
});

/** A few domains, so that each setting of a rule is met, with few pairs, so that pools run out. */
const declaration: DeclarationInput = {
  domains: [
    {
      name: "home",
      prefixes: ["2001:db8:1::/48"],
      serverIdentifier: "198.51.100.1",
      leaseSeconds: { default: 300 },
      offerHoldSeconds: 10,
      quarantineSeconds: 30,
      declineSeconds: 600,
      softwire,
      options: optionsOf(255),
      pools: [
        { name: "shared", kind: "shared", range: "192.0.2.18-192.0.2.19", psidLength: 6 },
        { name: "full", kind: "full", range: "192.0.2.40/30" },
        { name: "drained", kind: "full", range: "192.0.2.48/31", drainUntil: "2025-01-01T00:00:00Z" },
      ],
      reservations: honestProfiles.slice(0, reservedCount).map(({ clientIdentifier }, at) => ({
        name: `honest-${at}`,
        clientIdentifier: encodeHex(clientIdentifier),
        address: "192.0.2.18",
        psid: 10 + at,
      })),
    },
    {
      name: "sites",
      prefixes: ["2001:db8:2::/48"],
      lines: [{ linkAddress: "2001:db8:3::1", interfaceId: "line-1" }],
      serverIdentifier: "198.51.100.2",
      leaseSeconds: { default: 120 },
      siteBy: ["remote-id", "interface-id", "source"],
      siteLeasesMax: 2,
      interfaceIdsAreUnique: true,
      identifiesByHardwareAddress: true,
      rapidCommit: true,
      softwire: { ...softwire, bindPrefixOnly: true, updateIntervalSeconds: 0 },
      options: optionsOf(31),
      pools: [{ name: "map", kind: "shared", range: "192.0.2.80/31", psidOffset: 6, psidLength: 4 }],
    },
    {
      name: "lenient",
      prefixes: ["2001:db8:4::/48"],
      serverIdentifier: "198.51.100.3",
      ignoresOption159: true,
      acceptsRequestWithoutPortSet: true,
      refusesUnknownRenewals: true,
      rebootNeedsSameSource: false,
      pools: [{ name: "shared-only", kind: "shared", range: "192.0.2.128/31", psidLength: 3, fill: "pack" }],
    },
    { name: "poolless", prefixes: ["2001:db8:5::/48"], serverIdentifier: "198.51.100.4", pools: [] },
    {
      name: "shared-only",
      prefixes: ["fd00::/16"],
      serverIdentifier: "198.51.100.5",
      pools: [{ name: "last", kind: "shared", range: "192.0.2.200/32", psidLength: 2 }],
    },
  ],
};

/** One allocator with its database. */
export interface World {
  readonly database: Database;
  readonly counters: Counters;
  /** Errors that the allocator has logged. */
  readonly errors: readonly string[];
  /** @returns The answers to frames, the oldest of which arrived `ageMs` milliseconds ago. */
  readonly serve: (frames: readonly Uint8Array[], ageMs?: number) => Promise<Uint8Array[]>;
  readonly close: () => void;
}

/** The clock of the worlds, in milliseconds. */
export interface WorldClock {
  nowMs: number;
}

/** Opens an allocator on a new database. */
export async function openWorld(clock: WorldClock): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "apportion-fuzz-"));
  const nowMs = () => clock.nowMs;
  const everySecond = () => () => undefined;
  const database = openFile(`file:${join(folder, "fuzz.db")}`, { clockMs: nowMs, sync: "off", everySecond });
  await migrateDatabase(database);
  await applyDeclaration(database, parseDeclaration(declaration, "fuzz"));
  const counters = createCounters();
  const errors: string[] = [];
  const ignore = () => undefined;
  const log = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (fields: object, message: string) => {
      const { err } = fields as { readonly err?: unknown };
      errors.push(err instanceof Error ? `${message}: ${err.stack ?? err.message}` : message);
    },
  };
  const [partition] = createPartitions({ main: database, placed: new Map() });
  const pipeline = createPipeline({ partition, counters, log, localMs: nowMs });
  return {
    database,
    counters,
    errors,
    serve: (frames, ageMs = 0) => pipeline.serve(frames, { receivedMs: clock.nowMs - ageMs }),
    close: () => {
      database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
