/**
 * The tables. `drizzle-kit generate` turns this file into `migrations/`; the triggers, which it cannot express,
 * are migrations written by hand (`migrations/*_triggers.sql`).
 *
 * Times are Unix seconds of the database's own clock. Addresses of IPv4 are unsigned 32-bit integers, those of
 * IPv6 are 16-octet blobs, identifiers from the wire are kept as the octets that came.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import { check, customType, index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { poolOfSlotSql } from "./slot-sql.ts";

/** A blob as octets. The builder's own kind of blob needs `Buffer`, which Workers do not have. */
const blob = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => "blob" });

/**
 * What a lease row says. The numbers are stored and ordered: up to `bound` the row is in use by its client.
 */
export const LeaseState = { offered: 1, bound: 2, released: 3, declined: 4 } as const;
export type LeaseState = (typeof LeaseState)[keyof typeof LeaseState];

/** `free_at` of a slot that nobody else may ever take: it is reserved for its client. 9999-12-31T23:59:59Z. */
export const freeNever = 253402300799;

/** One row: `revision` grows with each change of domains and pools, and tells allocators to load them again. */
export const configuration = sqliteTable(
  "configuration",
  { id: integer().primaryKey(), revision: integer().notNull() },
  (table) => [check("configuration_is_one_row", sql`${table.id} = 1`)],
);

/** A softwire domain (RFC 7596): whom it serves and how. `settings` is JSON that `declaration/domain-settings.ts` checks. */
export const domain = sqliteTable("domain", {
  id: integer().primaryKey({ autoIncrement: true }),
  name: text().notNull().unique(),
  settings: text().notNull(),
  /** Grows with each change: the ETag of the admin API. */
  version: integer().notNull().default(1),
});

/**
 * An IPv4 range of one domain. Its geometry (range, offset, length, reserved ports) never changes, so a slot
 * number means one (address, PSID) for ever, in history too; ids are never given out twice.
 */
export const pool = sqliteTable(
  "pool",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    domainId: integer("domain_id")
      .notNull()
      .references(() => domain.id),
    name: text().notNull().unique(),
    firstAddress: integer("first_address").notNull(),
    lastAddress: integer("last_address").notNull(),
    psidOffset: integer("psid_offset").notNull(),
    psidLength: integer("psid_length").notNull(),
    reservedPorts: text("reserved_ports").notNull(),
    fill: text({ enum: ["spread", "pack"] }).notNull(),
    /** DHCP options for its clients: JSON that `declaration/dhcp-options.ts` checks. Unlike the geometry, they may change. */
    options: text().notNull(),
    /** Usable PSIDs of one address. */
    psids: integer().notNull(),
    /** Addresses × usable PSIDs. */
    slots: integer().notNull(),
    /** The first slot that was never used. Every slot below has a lease row. */
    cursor: integer().notNull().default(0),
    /** While drained: when its last lease ends. It gives no new ones from the moment that this is set. */
    drainUntil: integer("drain_until"),
    /** Grows with each change: the ETag of the admin API. The cursor is none. */
    version: integer().notNull().default(1),
  },
  (table) => [index("pool_by_domain").on(table.domainId)],
);

/** One row per slot that was ever used. `slot` is `pool << 32 | number` (`portset/slot-key.ts`). */
export const lease = sqliteTable(
  "lease",
  {
    slot: integer().primaryKey(),
    poolId: integer("pool_id").generatedAlwaysAs(poolOfSlotSql(sql`slot`), { mode: "virtual" }),
    domainId: integer("domain_id").notNull(),
    /** Null once its client moved to another slot, or declined this one. */
    clientId: blob("client_id"),
    state: integer().$type<LeaseState>().notNull(),
    /** End of the offer, of the lease, or the moment of its release. */
    expiresAt: integer("expires_at").notNull(),
    /** When someone else may take the slot: `expires_at` and the quarantine. The same client need not wait. */
    freeAt: integer("free_at").notNull(),
    /** While bound: since when client, source and softwire address are what this row says. Otherwise null. */
    since: integer(),
    updatedAt: integer("updated_at").notNull(),
    /**
     * The same in milliseconds, where a client's message changed the row: the order of what happens within a second.
     * It counts only while both agree, so whoever changes a row by hand, or is of an earlier release, need not know it.
     */
    touchedMs: integer("touched_ms"),
    /** IPv6 source of the client's last REQUEST: the peer-address of the relay nearest to it. */
    source: blob(),
    /** Softwire source address (RFC 8539, option 109). */
    softwire: blob(),
    /** Customer site (`lease/site.ts`). */
    site: text(),
    /** Relay path of the last REQUEST (`wire/dhcpv6/relay-path.ts`). */
    relayPath: blob("relay_path"),
  },
  (table) => [
    uniqueIndex("lease_by_client").on(table.domainId, table.clientId),
    index("lease_by_free_at").on(table.poolId, table.freeAt),
    index("lease_by_softwire")
      .on(table.softwire)
      .where(sql`softwire IS NOT NULL`),
    index("lease_by_site")
      .on(table.domainId, table.site)
      .where(sql`site IS NOT NULL`),
    check("lease_has_tenure_while_bound", sql`(state = 2) = (since IS NOT NULL)`),
  ],
);

/** Closed tenures, half-open `[since, until)`. Written by the triggers on `lease`, in the transaction that ends one. */
export const history = sqliteTable(
  "history",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    slot: integer().notNull(),
    domainId: integer("domain_id").notNull(),
    clientId: blob("client_id").notNull(),
    since: integer().notNull(),
    until: integer().notNull(),
    source: blob(),
    softwire: blob(),
    site: text(),
    relayPath: blob("relay_path"),
  },
  (table) => [index("history_by_slot").on(table.slot, table.since)],
);

/**
 * Pools that were deleted: what their slots meant, so that history can still be read. A trigger writes a row when
 * one leaves `pool`; ids are never given out twice, so a slot belongs to one row of either table.
 */
export const retiredPool = sqliteTable(
  "retired_pool",
  {
    id: integer().primaryKey(),
    domainId: integer("domain_id").notNull(),
    /** Its domain may be gone too. */
    domainName: text("domain_name").notNull(),
    name: text().notNull(),
    firstAddress: integer("first_address").notNull(),
    lastAddress: integer("last_address").notNull(),
    psidOffset: integer("psid_offset").notNull(),
    psidLength: integer("psid_length").notNull(),
    reservedPorts: text("reserved_ports").notNull(),
    fill: text({ enum: ["spread", "pack"] }).notNull(),
    psids: integer().notNull(),
    slots: integer().notNull(),
    retiredAt: integer("retired_at").notNull(),
  },
  (table) => [index("retired_pool_by_range").on(table.firstAddress, table.lastAddress)],
);

/**
 * A pair that belongs to one client whether it uses it or not. The row of the slot in `lease` carries it: its
 * `free_at` is {@link freeNever}, so that the statements of a batch need not look here.
 */
export const reservation = sqliteTable(
  "reservation",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    name: text().notNull().unique(),
    domainId: integer("domain_id")
      .notNull()
      .references(() => domain.id),
    slot: integer().notNull().unique(),
    poolId: integer("pool_id").generatedAlwaysAs(poolOfSlotSql(sql`slot`), { mode: "virtual" }),
    clientId: blob("client_id").notNull(),
    version: integer().notNull().default(1),
  },
  (table) => [
    uniqueIndex("reservation_by_client").on(table.domainId, table.clientId),
    index("reservation_by_pool").on(table.poolId),
  ],
);

/** Bearer tokens. Of a secret only its SHA-256 is kept; it has 256 bits, so no guess will find it. */
export const accessToken = sqliteTable(
  "access_token",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    name: text().notNull().unique(),
    scope: text({ enum: ["relay", "read", "admin"] }).notNull(),
    /** The one domain that it may see; null is all of them. */
    domainId: integer("domain_id").references(() => domain.id),
    secretHash: blob("secret_hash").notNull().unique(),
    /** The secret before the last rotation, while both are good. */
    previousHash: blob("previous_hash"),
    previousUntil: integer("previous_until"),
    createdAt: integer("created_at").notNull(),
    rotatedAt: integer("rotated_at"),
    expiresAt: integer("expires_at"),
    version: integer().notNull().default(1),
  },
  (table) => [index("access_token_by_previous_hash").on(table.previousHash)],
);

/** Changes that people made: one row for each, written in the transaction of the change. */
export const audit = sqliteTable(
  "audit",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    at: integer().notNull(),
    /** Name of the token, or `environment` for the one that is not in the database. */
    actor: text().notNull(),
    action: text().notNull(),
    /** `domain`, `pool`, `reservation`, `token`, … */
    resource: text().notNull(),
    name: text().notNull(),
    /** Name of the domain that it concerns; null for what belongs to none. */
    domain: text(),
    /** JSON of the resource, as the API shows it; null where it was not there. */
    before: text(),
    after: text(),
  },
  (table) => [
    index("audit_by_resource").on(table.resource, table.name),
    index("audit_by_domain").on(table.domain),
  ],
);

/**
 * What the binding table lost: one row for each tenure with a softwire address that began, ended or changed, with
 * what was true of its slot before. Written by triggers, read by `evidence/binding-feed.ts`.
 */
export const bindingLog = sqliteTable("binding_log", {
  /** Unix seconds << 20, and a count within the second. */
  version: integer().primaryKey(),
  /** Null where all that is known is out of date: the consumer has to take the whole table. */
  slot: integer(),
  /** Softwire address that the slot had in the table before; null when it was not in it. */
  softwire: blob(),
  /** When that would have left the table by itself. */
  expiresAt: integer("expires_at"),
});

/**
 * Settings that hold pairs longer than the present ones do, while leases that were made by them may last: a bound
 * of `free_at - expires_at`, so that what is not in use is found by a range of `free_at`.
 */
export const longerHold = sqliteTable("longer_hold", {
  domainId: integer("domain_id").primaryKey(),
  seconds: integer().notNull(),
  until: integer().notNull(),
});

/** One row: how far back the evidence goes. */
export const retention = sqliteTable(
  "retention",
  {
    id: integer().primaryKey(),
    /** Tenures that ended before this were deleted. */
    historyFrom: integer("history_from").notNull(),
  },
  (table) => [check("retention_is_one_row", sql`${table.id} = 1`)],
);

/**
 * One row: the instant by which the write batch that runs is judged, and between batches that of the last one. The port
 * sets it first in each batch (`time.ts`), so all statements and triggers of a transaction agree about the time.
 */
export const instant = sqliteTable(
  "instant",
  {
    id: integer().primaryKey(),
    /** Milliseconds of Unix time. */
    nowMs: integer("now_ms").notNull(),
  },
  (table) => [check("instant_is_one_row", sql`${table.id} = 1`)],
);
