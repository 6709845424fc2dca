/**
 * Rows of the database as an operator declares them, and back. One form for the API, the declared state and the
 * record of changes.
 *
 * @module
 */
import * as v from "valibot";
import { formatDate, parseDate } from "../../declaration/dates.ts";
import type { DhcpOptions } from "../../declaration/dhcp-options.ts";
import { domainSettingsSchema } from "../../declaration/domain-settings.ts";
import type { DomainSettings } from "../../declaration/domain-settings.ts";
import { geometryOf, parsePortRange } from "../../declaration/pool-declaration.ts";
import type { PoolDeclaration } from "../../declaration/pool-declaration.ts";
import { parseClientIdentifier } from "../../declaration/reservation-declaration.ts";
import type { ReservationDeclaration } from "../../declaration/reservation-declaration.ts";
import { createPoolGeometry, pairOf, slotOf } from "../../portset/pool-geometry.ts";
import type { PoolGeometry } from "../../portset/pool-geometry.ts";
import type { PortRange } from "../../portset/port-set.ts";
import { encodeHex } from "../../wire/hex.ts";
import { formatIPv4, parseIPv4 } from "../../wire/ipv4-address.ts";

/** A domain of the database. */
export interface StoredDomain {
  readonly id: number;
  readonly name: string;
  readonly settings: DomainSettings;
  readonly version: number;
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
  /** Of the pool; its port sets follow from it. */
  readonly geometry: PoolGeometry;
  readonly version: number;
}

/** What a query of the database gives for one row. */
export type Row = Readonly<Record<string, unknown>>;

/** Columns of {@link domainOfRow}. */
export const domainColumns = "d.id, d.name, d.settings, d.version";

/** Reads a row of `domain d`. */
export function domainOfRow(row: Row): StoredDomain {
  return {
    id: Number(row.id),
    name: row.name as string,
    settings: v.parse(domainSettingsSchema, JSON.parse(row.settings as string)),
    version: Number(row.version),
  };
}

/** @returns The text that `domain.settings` has; the same settings are the same text. */
export function settingsText(settings: DomainSettings): string {
  return JSON.stringify(v.parse(domainSettingsSchema, settings));
}

/** Columns of {@link poolOfRow}. */
export const poolColumns = `p.id, p.domain_id AS domainId, d.name AS domainName, p.name, p.first_address AS firstAddress,
  p.last_address AS lastAddress, p.psid_offset AS psidOffset, p.psid_length AS psidLength,
  p.reserved_ports AS reservedPorts, p.fill, p.options, p.drain_until AS drainUntil, p.version`;

/** Reads a row of `pool p JOIN domain d`. */
export function poolOfRow(row: Row): StoredPool {
  const geometry = geometryOfRow(row);
  const { firstAddress, lastAddress, psidOffset, psidLength, fill } = geometry;
  const common = {
    name: row.name as string,
    range: formatRange(firstAddress, lastAddress),
    fill,
    options: JSON.parse(row.options as string) as DhcpOptions,
    drainUntil: row.drainUntil === null ? null : formatDate(Number(row.drainUntil)),
  };
  const reservedPorts = portRangesOf(row).map(({ first, last }) =>
    first === last ? `${first}` : `${first}-${last}`,
  );
  return {
    id: Number(row.id),
    domainId: Number(row.domainId),
    domain: row.domainName as string,
    declared:
      psidLength === 0
        ? { ...common, kind: "full" }
        : { ...common, kind: "shared", psidOffset, psidLength, reservedPorts },
    geometry,
    version: Number(row.version),
  };
}

const portRangesOf = (row: Row): PortRange[] => JSON.parse(row.reservedPorts as string) as PortRange[];

/** Works out the geometry of a row of `pool` or `retired_pool` with the columns of {@link poolColumns}. */
export function geometryOfRow(row: Row): PoolGeometry {
  return createPoolGeometry({
    firstAddress: Number(row.firstAddress),
    lastAddress: Number(row.lastAddress),
    psidOffset: Number(row.psidOffset),
    psidLength: Number(row.psidLength),
    reservedPorts: portRangesOf(row),
    fill: row.fill as PoolGeometry["fill"],
  });
}

/** @returns Parameters of a pool's columns, by their names in {@link poolColumns}. */
export function poolParameters(declared: PoolDeclaration) {
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

/** @returns `192.0.2.0/24` where the range is a prefix, else `192.0.2.10-192.0.2.20`. */
export function formatRange(firstAddress: number, lastAddress: number): string {
  const size = lastAddress - firstAddress + 1;
  const length = 32 - Math.log2(size);
  return Number.isInteger(length) && length >= 8 && firstAddress % size === 0
    ? `${formatIPv4(firstAddress)}/${length}`
    : `${formatIPv4(firstAddress)}-${formatIPv4(lastAddress)}`;
}

/** Columns of {@link reservationOfRow}: those of the pool, with the reservation's behind them. */
export const reservationColumns = `${poolColumns}, r.id AS reservationId, r.name AS reservationName, r.slot,
  hex(r.client_id) AS clientId, r.version AS reservationVersion`;

/** Reads a row of `reservation r JOIN pool p JOIN domain d`. */
export function reservationOfRow(row: Row): StoredReservation {
  const geometry = geometryOfRow(row);
  const slot = Number(row.slot);
  const { address, psid } = pairOf(geometry, slot % 2 ** 32);
  return {
    id: Number(row.reservationId),
    domainId: Number(row.domainId),
    domain: row.domainName as string,
    pool: row.name as string,
    slot,
    declared: {
      name: row.reservationName as string,
      clientIdentifier: (row.clientId as string).toLowerCase(),
      address: formatIPv4(address),
      psid: geometry.psidLength === 0 ? null : psid,
    },
    geometry,
    version: Number(row.reservationVersion),
  };
}

/** @returns The reservation as it would be read back. */
export function canonicalReservation(declared: ReservationDeclaration): ReservationDeclaration {
  const { name, clientIdentifier, address, psid } = declared;
  return {
    name,
    clientIdentifier: encodeHex(parseClientIdentifier(clientIdentifier)),
    address: formatIPv4(parseIPv4(address)),
    psid,
  };
}

/**
 * Finds the slot that a reservation names.
 *
 * @returns The pool and the slot, or undefined when no pool has such a pair.
 */
export function slotOfReservation<
  P extends { readonly declared: { readonly kind: string }; readonly geometry: PoolGeometry },
>(
  pools: readonly P[],
  { address, psid }: ReservationDeclaration,
): { readonly pool: P; readonly number: number } | undefined {
  for (const pool of pools) {
    if ((pool.declared.kind === "full") !== (psid === null)) continue;
    const number = slotOf(pool.geometry, parseIPv4(address), psid ?? 0);
    if (number !== undefined) return { pool, number };
  }
  return undefined;
}
