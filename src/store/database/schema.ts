/**
 * The tables. `drizzle-kit generate` turns this file into `migrations/`. It cannot express triggers, so these are
 * migrations written by hand (`migrations/*_triggers.sql`).
 *
 * Times are Unix seconds of the database's own clock. IPv4 addresses are unsigned 32-bit integers, IPv6 addresses are
 * 16-octet blobs, and identifiers from the wire are stored as the octets that were received.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import { check, customType, index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { poolOfSlotSql } from "./slot-sql.ts";

/** A blob as octets. drizzle's own blob type needs `Buffer`, which Workers do not have. */
const blob = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => "blob" });

/**
 * The state of a lease row. The numbers are stored, and their order matters: in states up to `bound`, the client may
 * use the pair until `expires_at`.
 */
export const LeaseState = { offered: 1, bound: 2, released: 3, declined: 4 } as const;
export type LeaseState = (typeof LeaseState)[keyof typeof LeaseState];

/** `free_at` of a slot that is reserved for its client, so that no other client can take it: 9999-12-31T23:59:59Z. */
export const freeNever = 253402300799;

/** One row. `revision` grows with each change of domains and pools; allocators then reload them. */
export const configuration = sqliteTable(
  "configuration",
  { id: integer().primaryKey(), revision: integer().notNull() },
  (table) => [check("configuration_is_one_row", sql`${table.id} = 1`)],
);

/**
 * A softwire domain (RFC 7596): a group of clients, and how they are served. `settings` is JSON, checked by
 * `declaration/domain-settings.ts`.
 */
export const domain = sqliteTable("domain", {
  id: integer().primaryKey({ autoIncrement: true }),
  name: text().notNull().unique(),
  settings: text().notNull(),
  /** Grows with each change: the ETag of the admin API. */
  version: integer().notNull().default(1),
  /** Name of the file that declares the domain and what is in it; null if operators change it through the API. */
  owner: text(),
});

/**
 * An IPv4 range of one domain. Its geometry (range, offset, length, reserved ports, fill order) never changes and ids
 * are never reused, so a slot number always means the same (address, PSID), in history too.
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
    /**
     * DHCP options for its clients: JSON, checked by `declaration/dhcp-options.ts`. Unlike the geometry, they may
     * change.
     */
    options: text().notNull(),
    /** Usable PSIDs of one address. */
    psids: integer().notNull(),
    /** Addresses × usable PSIDs. */
    slots: integer().notNull(),
    /** Every slot below this number has a lease row, so the search for a never-used slot starts here. */
    cursor: integer().notNull().default(0),
    /** While drained: when its last lease ends. As soon as this is set, the pool gives no new leases. */
    drainUntil: integer("drain_until"),
    /** Grows with each change, except of the cursor: the ETag of the admin API. */
    version: integer().notNull().default(1),
  },
  (table) => [index("pool_by_domain").on(table.domainId)],
);

/** One row for each slot that was ever used. `slot` is `pool << 32 | number` (`portset/slot-key.ts`). */
export const lease = sqliteTable(
  "lease",
  {
    slot: integer().primaryKey(),
    poolId: integer("pool_id").generatedAlwaysAs(poolOfSlotSql(sql`slot`), { mode: "virtual" }),
    domainId: integer("domain_id").notNull(),
    /** Null after the client moved to another slot or declined this one, or after its tenure was purged. */
    clientId: blob("client_id"),
    /**
     * Network-wide name of the client's line (`lease/line.ts`); empty if the line has no such name. One client
     * identifier that appears on two lines has a row for each, so what comes from one line cannot reach the other's lease.
     */
    line: text().notNull().default(""),
    state: integer().$type<LeaseState>().notNull(),
    /** End of the offer or of the lease, or the time of its release. */
    expiresAt: integer("expires_at").notNull(),
    /**
     * When another client may take the slot: of a lease, `expires_at` plus the quarantine. Of an offer, the later one of
     * `expires_at` and `quarantine_until`. The same client does not have to wait.
     */
    freeAt: integer("free_at").notNull(),
    /**
     * While the pair is offered or reserved, `free_at` does not tell when the quarantine of its last lease ends. This
     * column does (`quarantine.ts`). Without a quarantine it is null.
     */
    quarantineUntil: integer("quarantine_until"),
    /** While bound: since when client, site, source and softwire address have been as in this row. Otherwise null. */
    since: integer(),
    /**
     * Lease time in seconds that the client was told last, in an OFFER or ACK: a REQUEST that accepts the offer without
     * naming a lease time gets it. Null if only an earlier release has answered the client.
     */
    statedSeconds: integer("stated_seconds"),
    updatedAt: integer("updated_at").notNull(),
    /**
     * `updated_at` in milliseconds, if a client's message changed the row: it orders changes within a second. It is
     * ignored when the two disagree, so a manual change, or one by an earlier release, does not have to set it.
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
    /** While bound: relay path of the REQUEST that began the tenure; null if a move or an earlier release began it. */
    firstRelayPath: blob("first_relay_path"),
    /**
     * While a move of this lease is pending: the slot that its client gets next. The client was not told yet, so this row
     * keeps its tenure. The move is void unless the other row has this slot in `move_from`, and no client
     * (`moves.ts`).
     */
    moveTo: integer("move_to"),
    /**
     * The slot that this one is given for, from the move until its client has a lease of it. Until the client is told
     * that it lost the old pair, this row has no client.
     */
    moveFrom: integer("move_from"),
  },
  (table) => [
    uniqueIndex("lease_by_client").on(table.domainId, table.clientId, table.line),
    index("lease_by_free_at").on(table.poolId, table.freeAt),
    index("lease_by_softwire")
      .on(table.softwire)
      .where(sql`softwire IS NOT NULL`),
    index("lease_by_site")
      .on(table.domainId, table.site)
      .where(sql`site IS NOT NULL`),
    index("lease_by_moving_client")
      .on(table.domainId, table.clientId)
      .where(sql`move_to IS NOT NULL`),
    index("lease_by_move")
      .on(table.slot)
      .where(sql`move_from IS NOT NULL`),
    check("lease_has_tenure_while_bound", sql`(state = 2) = (since IS NOT NULL)`),
  ],
);

/** The columns of a lease row that describe its tenure; they have no meaning without a client. */
export const tenureColumns = [
  lease.since,
  lease.source,
  lease.softwire,
  lease.site,
  lease.relayPath,
  lease.firstRelayPath,
];

/**
 * Closed tenures, half-open `[since, until)`. Triggers on `lease` write a row in the transaction that ends the tenure.
 */
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
    /** Relay path of the last REQUEST of the tenure. */
    relayPath: blob("relay_path"),
    /** Relay path of its first REQUEST; null if it is not known. */
    firstRelayPath: blob("first_relay_path"),
  },
  (table) => [index("history_by_slot").on(table.slot, table.since)],
);

/**
 * The geometry of deleted pools, so that history can still be read. A trigger writes a row when a pool is deleted from
 * `pool`. Ids are never reused, so each slot belongs to one pool, in one of the two tables.
 */
export const retiredPool = sqliteTable(
  "retired_pool",
  {
    id: integer().primaryKey(),
    domainId: integer("domain_id").notNull(),
    /** The name is stored because the domain may have been deleted too. */
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
 * A pair that belongs to one client, even while the client does not use it. The slot's row in `lease` has the `free_at`
 * {@link freeNever}, so the statements of a batch do not have to read this table.
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

/** Bearer tokens. Only the SHA-256 of a secret is stored; the secret has 256 bits, so it cannot be guessed. */
export const accessToken = sqliteTable(
  "access_token",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    name: text().notNull().unique(),
    scope: text({ enum: ["relay", "read", "admin"] }).notNull(),
    /** The one domain that the token may see; null for all domains. */
    domainId: integer("domain_id").references(() => domain.id),
    secretHash: blob("secret_hash").notNull().unique(),
    /** The secret before the last rotation, while both are valid. */
    previousHash: blob("previous_hash"),
    previousUntil: integer("previous_until"),
    createdAt: integer("created_at").notNull(),
    rotatedAt: integer("rotated_at"),
    expiresAt: integer("expires_at"),
    version: integer().notNull().default(1),
  },
  (table) => [index("access_token_by_previous_hash").on(table.previousHash)],
);

/** Changes that operators made: one row for each change, written in its transaction. */
export const audit = sqliteTable(
  "audit",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    at: integer().notNull(),
    /** Name of the token. `environment`: the token in the environment; `file`: the file given at the start. */
    actor: text().notNull(),
    action: text().notNull(),
    /** `domain`, `pool`, `reservation`, `token`, … */
    resource: text().notNull(),
    name: text().notNull(),
    /** Name of the domain that the change belongs to, or null. */
    domain: text(),
    /** JSON of the resource, in the form of the API; null if it did not exist. */
    before: text(),
    after: text(),
  },
  (table) => [
    index("audit_by_resource").on(table.resource, table.name),
    index("audit_by_domain").on(table.domain),
  ],
);

/**
 * Changes of the binding table. Each row records that a tenure with a softwire address began, ended or changed, and the
 * state of its slot before that. Triggers write it; `evidence/binding-feed.ts` reads it.
 */
export const bindingLog = sqliteTable("binding_log", {
  /** Unix seconds << 20, and a count within the second. */
  version: integer().primaryKey(),
  /** Null for a reset: the consumer's copy is out of date, and it has to fetch the whole table. */
  slot: integer(),
  /** Softwire address of the slot in the table before the change; null if the slot was not in the table. */
  softwire: blob(),
  /** When that entry would have expired. */
  expiresAt: integer("expires_at"),
});

/**
 * Earlier hold times that were longer than the current ones, kept while leases made under them may still run. They
 * bound `free_at - expires_at`, so that pairs that are not in use can be found by a range of `free_at`.
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
    /** Tenures that ended before this time were deleted. */
    historyFrom: integer("history_from").notNull(),
    /** When housekeeping last finished, in Unix seconds. */
    housekeptAt: integer("housekept_at").notNull().default(0),
  },
  (table) => [check("retention_is_one_row", sql`${table.id} = 1`)],
);

/**
 * One row: the instant of the current write batch, or of the last one if no batch is running. The port sets it at the
 * start of each batch (`time.ts`), so all statements and triggers of a transaction use the same time.
 *
 * For a file, the other columns are its clock (`file-clock.ts`); on a server they are null.
 */
export const instant = sqliteTable(
  "instant",
  {
    id: integer().primaryKey(),
    /** Milliseconds of Unix time. */
    nowMs: integer("now_ms").notNull(),
    /** The clock, less the time since the machine booted. */
    baseMs: integer("base_ms"),
    /** The boot that the base belongs to; null where the system does not name its boots. */
    bootId: text("boot_id"),
    /** Since when the clock has run on without being set, in milliseconds of this clock. */
    sinceMs: integer("since_ms"),
  },
  (table) => [check("instant_is_one_row", sql`${table.id} = 1`)],
);

/** How a step of the machine's clock was settled. `following` exists only inside of the transaction that follows it. */
export const stepEnds = ["undone", "changed", "leases-ended", "accepted", "following"] as const;

/**
 * Steps of the machine's clock against the clock of a file (`clock-step.ts`). At most one is open. All times are Unix
 * seconds of the file's clock, as it was before it followed the step.
 */
export const clockStep = sqliteTable("clock_step", {
  id: integer().primaryKey({ autoIncrement: true }),
  noticedAt: integer("noticed_at").notNull(),
  /** Since when the file's clock had run on without being set: if it was wrong, it was wrong since then. */
  since: integer().notNull(),
  /** The machine's clock less the file's clock. */
  differenceMs: integer("difference_ms").notNull(),
  /** Null while it is open. */
  settledAt: integer("settled_at"),
  how: text({ enum: stepEnds }),
  /** Newest row of the history when it was followed: rows up to it have the times of the clock before. Else null. */
  lastHistory: integer("last_history"),
});
