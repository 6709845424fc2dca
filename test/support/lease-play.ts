/**
 * Random histories of a few leases, for property tests. Clients obtain, renew, change and end leases, and time passes.
 *
 * @module
 */
import { sql as sqlText } from "drizzle-orm";
import fc from "fast-check";
import { parseDeclaration } from "../../src/declaration/declaration.ts";
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import { applyDeclaration } from "./apply-declaration.ts";
import { commitClaims } from "../../src/store/batch/commit.ts";
import { loadDirectory } from "../../src/store/configuration/directory.ts";
import type { Database } from "../../src/store/database/database.ts";
import { moveLease } from "../../src/store/evidence/lease-changes.ts";
import { decodeHex } from "../../src/wire/hex.ts";
import { freeNever } from "../../src/store/database/schema.ts";
import { bindClaim, clientId, endClaim, lookClaim, offerClaim, slotKey } from "./claims.ts";
import { TestClock } from "./clock.ts";
import { temporaryDatabase } from "./database.ts";
import { execute } from "./sql.ts";

const clients = 6;
/** Stands for the record of a change. */
const noAudit = sqlText`SELECT 1`;

/** One event of a history. */
export type LeaseEvent =
  | { readonly kind: "discover"; readonly client: number }
  | {
      readonly kind: "request";
      readonly client: number;
      readonly softwire: number;
      readonly leaseSeconds: number;
    }
  | { readonly kind: "release" | "decline" | "reserve"; readonly client: number }
  /** An operator moves the lease of a client to a slot of the first pool. */
  | { readonly kind: "move"; readonly client: number; readonly number: number }
  | { readonly kind: "wait"; readonly seconds: number }
  | { readonly kind: "quarantine"; readonly seconds: number };

const client = fc.nat({ max: clients - 1 });

/** Any event. An event that is not possible at its time changes nothing. */
export const anyLeaseEvent: fc.Arbitrary<LeaseEvent> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("discover" as const), client }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("request" as const),
      client,
      softwire: fc.nat({ max: 4 }),
      leaseSeconds: fc.constantFrom(60, 100, 1000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("release" as const, "decline" as const), client }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reserve" as const), client }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("move" as const), client, number: fc.nat({ max: 5 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      seconds: fc.constantFrom(0, 1, 30, 100, 500),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("quarantine" as const), seconds: fc.constantFrom(0, 10, 200) }),
  },
);

const declarationOf = (quarantineSeconds: number): DeclarationInput => ({
  domains: [
    {
      name: "play",
      default: true,
      serverIdentifier: "203.0.113.1",
      quarantineSeconds,
      offerHoldSeconds: 60,
      softwire: { borderRelays: ["2001:db8:ffff::1"] },
      pools: [
        { name: "first", kind: "shared", range: "192.0.2.0/31", psidLength: 2, fill: "pack" },
        { name: "second", kind: "full", range: "192.0.2.8/31" },
      ],
    },
  ],
});

/** A database, and a function that applies events to it. */
export interface LeasePlay {
  readonly database: Database;
  /** Unix seconds of the database's clock. Only the test moves it. */
  now: number;
  readonly act: (event: LeaseEvent) => Promise<void>;
}

/** Opens a database without leases. */
export async function openLeasePlay(): Promise<LeasePlay> {
  const clock = new TestClock(1_750_000_000);
  const database = await temporaryDatabase(declarationOf(10), { clockMs: clock.clockMs, sync: "off" });
  // The creation of the pools is not an event of the history.
  await execute(database, "DELETE FROM binding_log WHERE version > 1");
  let quarantineSeconds = 10;
  const commit = async (...claims: Parameters<typeof commitClaims>[1]) => {
    const { revision } = await loadDirectory(database);
    return (await commitClaims(database, claims, { revision })).facts;
  };
  const heldBy = async (who: number) => (await commit(lookClaim(who)))[0]!.held;
  const play: LeasePlay = {
    database,
    get now() {
      return clock.seconds!;
    },
    set now(seconds) {
      clock.seconds = seconds;
    },
    async act(event) {
      if (event.kind === "wait") {
        play.now += event.seconds;
      } else if (event.kind === "quarantine") {
        quarantineSeconds = event.seconds;
        await applyDeclaration(database, parseDeclaration(declarationOf(quarantineSeconds), "play"));
      } else if (event.kind === "discover") {
        await commit(offerClaim(event.client, { poolIds: [1, 2] }));
      } else if (event.kind === "move") {
        const held = await heldBy(event.client);
        if (held === null) return;
        const sql = "SELECT since FROM lease WHERE slot = ?";
        const [found] = await database.read([{ sql, args: [held.slot] }]);
        const since = found!.rows[0]![0] as number | null;
        const handle = { slot: held.slot, clientId: decodeHex(clientId(event.client)), since };
        await moveLease(database, handle, slotKey(event.number), noAudit);
      } else if (event.kind === "reserve") {
        const held = await heldBy(event.client);
        if (held !== null) {
          const sql = "UPDATE lease SET free_at = ? WHERE slot = ?";
          await database.write([{ sql, args: [freeNever, held.slot] }]);
        }
      } else {
        const held = await heldBy(event.client);
        if (held === null) return;
        const octets = "softwire" in event && event.softwire > 0 ? event.softwire : undefined;
        await commit(
          event.kind === "request"
            ? bindClaim(event.client, held.slot, {
                lease: {
                  leaseSeconds: event.leaseSeconds,
                  quarantineSeconds,
                  softwireIntervalSeconds: 0,
                  softwire: octets === undefined ? null : `20010db8${"0".repeat(22)}0${octets}`,
                },
              })
            : endClaim(event.client, held.slot, {
                as: event.kind === "release" ? "released" : "declined",
                quarantineSeconds: event.kind === "release" ? quarantineSeconds : 5000,
              }),
        );
      }
    },
  };
  return play;
}
