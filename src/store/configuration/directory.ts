/**
 * Loads domains and pools in the format that the rules use.
 *
 * @module
 */
import { asc, eq } from "drizzle-orm";
import * as v from "valibot";
import { encodeDhcpOptions, storedOptionsSchema } from "../../declaration/dhcp-options.ts";
import { parseInterfaceId, siteLimitOf } from "../../declaration/domain-settings.ts";
import type { DomainSettings } from "../../declaration/domain-settings.ts";
import type { Directory, Domain, Pool } from "../../lease/domain.ts";
import type { BorderRelays } from "../../lease/softwire.ts";
import { encodeHex } from "../../wire/hex.ts";
import { parseIPv4 } from "../../wire/ipv4-address.ts";
import { parseIPv6, parseIPv6Prefix } from "../../wire/ipv6-address.ts";
import type { Database } from "../database/database.ts";
import { isInScope } from "../database/databases.ts";
import type { Place } from "../database/databases.ts";
import { geometryOfRow } from "../database/geometry-row.ts";
import { readerOf } from "../database/queries.ts";
import { configuration, domain, instant, lease, pool } from "../database/schema.ts";
import { parseSettings } from "./declared.ts";

/**
 * Loads all domains and pools, and the revision that they have, in one transaction.
 *
 * @param elsewhere Border relays of domains that other databases store.
 * @throws {DatabaseError} When the database cannot be reached, or was never migrated.
 */
export async function loadDirectory(database: Database, elsewhere?: BorderRelays): Promise<Directory> {
  const reader = readerOf(database);
  const [revisions, domainRows, poolRows] = await reader.batch([
    // Every write needs the table `instant`. The join fails here if a database of an earlier release lacks it.
    reader
      .select({ revision: configuration.revision })
      .from(configuration)
      .innerJoin(instant, eq(instant.id, configuration.id)),
    reader.select().from(domain).orderBy(asc(domain.id)),
    reader.select().from(pool).orderBy(asc(pool.id)),
    // It fails if the database lacks the last migration, before a client's message would.
    reader.select({ last: lease.quarantineUntil }).from(lease).limit(0),
  ]);
  const configured = domainRows.map((row) => ({ row, settings: parseSettings(row.settings) }));
  const borderRelays = new Set(
    configured.flatMap(({ settings }) =>
      settings.softwire.borderRelays.map((text) => encodeHex(parseIPv6(text))),
    ),
  );
  const known: BorderRelays =
    elsewhere === undefined
      ? borderRelays
      : { has: (address) => borderRelays.has(address) || elsewhere.has(address) };
  const domains = configured.map(({ row, settings }) => {
    const options = encodeDhcpOptions(settings.options);
    const pools = poolRows.filter(({ domainId }) => domainId === row.id).map((each) => poolOf(each, options));
    return domainOf(row, { ...settings, options }, pools, known);
  });
  const poolsById = new Map(domains.flatMap(({ pools }) => pools.map((each) => [each.id, each])));
  return { revision: revisions[0]!.revision, domains, poolsById, borderRelays };
}

/**
 * Loads the domains of a place that are in scope, with their pools.
 *
 * @param elsewhere Border relays of domains that other databases store.
 * @throws {DatabaseError} When the database cannot be reached, or was never migrated.
 */
export async function loadPlace({ database, scope }: Place, elsewhere?: BorderRelays): Promise<Directory> {
  const directory = await loadDirectory(database, elsewhere);
  const domains = directory.domains.filter(({ name }) => isInScope(scope, name));
  return { ...directory, domains };
}

function poolOf(row: typeof pool.$inferSelect, domainOptions: ReadonlyMap<number, Uint8Array>): Pool {
  const geometry = geometryOfRow(row);
  // The geometry maps the slot numbers of leases and history to pairs. A wrong mapping would confuse customers.
  if (geometry.slots !== row.slots || geometry.psids.length !== row.psids) {
    throw new Error(
      `Cannot load pool "${row.name}": found ${geometry.slots} slots of ${geometry.psids.length} PSIDs each, ` +
        `expected ${row.slots} of ${row.psids} as stored`,
    );
  }
  const kind = row.psidLength === 0 ? "full" : "shared";
  const own = encodeDhcpOptions(v.parse(storedOptionsSchema, JSON.parse(row.options)));
  const options = new Map([...domainOptions, ...own]);
  return { id: row.id, name: row.name, kind, geometry, options, drainUntil: row.drainUntil };
}

function domainOf(
  { id, name }: { readonly id: number; readonly name: string },
  settings: Omit<DomainSettings, "options"> & { readonly options: ReadonlyMap<number, Uint8Array> },
  pools: readonly Pool[],
  knownBorderRelays: BorderRelays,
): Domain {
  const { default: isDefault, prefixes, lines, serverIdentifier, softwire, ...rest } = settings;
  return {
    id,
    name,
    isDefault,
    prefixes: prefixes.map(parseIPv6Prefix),
    lines: lines.map(({ linkAddress, interfaceId }) => ({
      linkAddress: parseIPv6(linkAddress),
      interfaceId: parseInterfaceId(interfaceId),
    })),
    serverIdentifier: parseIPv4(serverIdentifier),
    ...rest,
    siteLeasesMax: siteLimitOf(settings),
    softwire: {
      ...softwire,
      borderRelays: softwire.borderRelays.map(parseIPv6),
      knownBorderRelays,
      bindPrefix: softwire.bindPrefix === null ? null : parseIPv6Prefix(softwire.bindPrefix),
    },
    pools,
    sharedPools: pools.filter(({ kind }) => kind === "shared"),
    fullPools: pools.filter(({ kind }) => kind === "full"),
  };
}
