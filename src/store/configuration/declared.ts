/**
 * Converts rows of the database to the format in which operators declare them, and back. The API, the declared state
 * and the audit record share this format.
 *
 * @module
 */
import { eq, getTableColumns } from "drizzle-orm";
import * as v from "valibot";
import { formatDate, parseDate } from "../../declaration/dates.ts";
import { storedOptionsSchema } from "../../declaration/dhcp-options.ts";
import {
  canonicalInterfaceId,
  linkFormatter,
  storedSettingsSchema,
} from "../../declaration/domain-settings.ts";
import type { DomainSettings } from "../../declaration/domain-settings.ts";
import {
  formatIPv4Range,
  formatPortRange,
  geometryOf,
  parsePortRange,
  rememberGeometry,
} from "../../declaration/pool-declaration.ts";
import type { PoolDeclaration } from "../../declaration/pool-declaration.ts";
import { parseClientIdentifier } from "../../declaration/reservation-declaration.ts";
import type { ReservationDeclaration } from "../../declaration/reservation-declaration.ts";
import { pairOf } from "../../portset/pool-geometry.ts";
import type { PoolGeometry } from "../../portset/pool-geometry.ts";
import { numberOfSlot } from "../../portset/slot-key.ts";
import { encodeHex } from "../../wire/hex.ts";
import { formatIPv4, parseIPv4 } from "../../wire/ipv4-address.ts";
import { geometryOfRow, reservedPortsOf } from "../database/geometry-row.ts";
import type { Reader } from "../database/queries.ts";
import { domain, pool, reservation } from "../database/schema.ts";

/** A domain of the database. */
export interface StoredDomain {
  readonly id: number;
  readonly name: string;
  readonly settings: DomainSettings;
  readonly version: number;
  /** Name of the file that owns the domain, if one does. */
  readonly owner: string | null;
}

/** A pool of the database. */
export interface StoredPool {
  readonly id: number;
  readonly domainId: number;
  readonly domain: string;
  readonly declared: PoolDeclaration;
  readonly geometry: PoolGeometry;
  readonly version: number;
}

/** A reservation of the database. */
export interface StoredReservation {
  readonly id: number;
  readonly domainId: number;
  readonly domain: string;
  readonly pool: string;
  readonly slot: number;
  readonly declared: ReservationDeclaration;
  /** The geometry of the pool, which determines the port sets. */
  readonly geometry: PoolGeometry;
  readonly version: number;
}

/** Builds queries: a reader, or a writer whose transaction reads as well. */
export type Selecting = Pick<Reader, "select">;

/** Reads a row of `domain`. */
export function domainOfRow({
  id,
  name,
  settings,
  version,
  owner,
}: typeof domain.$inferSelect): StoredDomain {
  return { id, name, settings: parseSettings(settings), version, owner };
}

/** Parses the text of `domain.settings`. Its lines were checked when they were stored, and there may be 65,536. */
export function parseSettings(text: string): DomainSettings {
  const { lines = [], ...rest } = JSON.parse(text) as Partial<DomainSettings>;
  return { ...v.parse(storedSettingsSchema, rest), lines };
}

/**
 * Formats settings for the database. Fields that 0.1.0 does not know are left out while they have their defaults,
 * because a running allocator of 0.1.0 cannot read settings with unknown fields.
 *
 * @returns The text for `domain.settings`; equal settings give equal text, however an operator wrote them.
 */
export function settingsText(settings: DomainSettings): string {
  const checked = v.parse(storedSettingsSchema, { ...settings, lines: [] });
  const linkOf = linkFormatter();
  const lines = settings.lines.map(({ linkAddress, interfaceId }) => ({
    linkAddress: linkOf(linkAddress),
    interfaceId: canonicalInterfaceId(interfaceId),
  }));
  const { siteBy, interfaceIdsAreUnique, softwire, ...rest } = { ...checked, lines };
  const { bindPrefixOnly, ...softwireRest } = softwire;
  return JSON.stringify({
    ...rest,
    softwire: { ...softwireRest, ...(bindPrefixOnly && { bindPrefixOnly }) },
    ...(siteBy !== null && { siteBy }),
    ...(interfaceIdsAreUnique && { interfaceIdsAreUnique }),
  });
}

/** Starts a query of pools; {@link poolOfRow} reads its rows. */
export function selectPools(builder: Selecting) {
  return builder
    .select({ pool: getTableColumns(pool), domainName: domain.name })
    .from(pool)
    .innerJoin(domain, eq(domain.id, pool.domainId));
}

/** A row of {@link selectPools}. */
export interface PoolRow {
  readonly pool: typeof pool.$inferSelect;
  readonly domainName: string;
}

/** Reads a row of {@link selectPools}. */
export function poolOfRow({ pool: row, domainName }: PoolRow): StoredPool {
  const geometry = geometryOfRow(row);
  const { psidOffset, psidLength, fill } = geometry;
  const common = {
    name: row.name,
    range: formatIPv4Range(geometry),
    fill,
    options: v.parse(storedOptionsSchema, JSON.parse(row.options)),
    drainUntil: row.drainUntil === null ? null : formatDate(row.drainUntil),
  };
  const reservedPorts = reservedPortsOf(row).map(formatPortRange);
  const declared: PoolDeclaration =
    psidLength === 0
      ? { ...common, kind: "full" }
      : { ...common, kind: "shared", psidOffset, psidLength, reservedPorts };
  rememberGeometry(declared, geometry);
  return {
    id: row.id,
    domainId: row.domainId,
    domain: domainName,
    declared,
    geometry,
    version: row.version,
  };
}

/** @returns The column values of a pool, except for its name and domain. */
export function poolValues(declared: PoolDeclaration) {
  const { firstAddress, lastAddress, psidOffset, psidLength, psids, slots } = geometryOf(declared);
  return {
    firstAddress,
    lastAddress,
    psidOffset,
    psidLength,
    reservedPorts: JSON.stringify(declared.kind === "full" ? [] : declared.reservedPorts.map(parsePortRange)),
    fill: declared.fill,
    options: JSON.stringify(declared.options),
    psids: psids.length,
    slots,
    drainUntil: declared.drainUntil === null ? null : parseDate(declared.drainUntil),
  };
}

/** Starts a query of reservations; {@link reservationOfRow} reads its rows. */
export function selectReservations(builder: Selecting) {
  return builder
    .select({
      reservation: getTableColumns(reservation),
      pool: getTableColumns(pool),
      domainName: domain.name,
    })
    .from(reservation)
    .innerJoin(pool, eq(pool.id, reservation.poolId))
    .innerJoin(domain, eq(domain.id, reservation.domainId));
}

/** A row of {@link selectReservations}. */
export interface ReservationRow extends PoolRow {
  readonly reservation: typeof reservation.$inferSelect;
}

/** Reads a row of {@link selectReservations}. */
export function reservationOfRow({ reservation: row, ...of }: ReservationRow): StoredReservation {
  const geometry = geometryOfRow(of.pool);
  const { address, psid } = pairOf(geometry, numberOfSlot(row.slot));
  return {
    id: row.id,
    domainId: row.domainId,
    domain: of.domainName,
    pool: of.pool.name,
    slot: row.slot,
    declared: {
      name: row.name,
      clientIdentifier: encodeHex(row.clientId),
      address: formatIPv4(address),
      psid: geometry.psidLength === 0 ? null : psid,
    },
    geometry,
    version: row.version,
  };
}

/** @returns The reservation in canonical form, as it would be read from the database. */
export function canonicalReservation(declared: ReservationDeclaration): ReservationDeclaration {
  const { name, clientIdentifier, address, psid } = declared;
  return {
    name,
    clientIdentifier: encodeHex(parseClientIdentifier(clientIdentifier)),
    address: formatIPv4(parseIPv4(address)),
    psid,
  };
}
