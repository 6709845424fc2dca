/**
 * `/statistics`: counts the slots of pools by state.
 *
 * @module
 */
import { Hono } from "hono";
import * as v from "valibot";
import { formatDate } from "../../../declaration/dates.ts";
import { addSlotCounts } from "../../../store/evidence/slot-counts.ts";
import type { PoolStatistics, SlotCounts, Statistics } from "../../../store/evidence/slot-counts.ts";
import type { AuthEnv } from "../../auth.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { withoutQuery } from "../validation.ts";

const count = (text: string) => v.pipe(v.number(), v.integer(), v.description(text));
const countFields = {
  total: count("Slots: addresses × usable PSIDs."),
  free: count("Never leased, or free again."),
  offered: count("Offered; the offer has not expired."),
  bound: count("Running leases."),
  quarantined: count("Ended or declined, and not free for other clients yet."),
  reserved: count("Reserved for one client that does not use it now; in use, it counts as bound."),
};

const statisticsSchema = v.strictObject({
  asOf: v.pipe(
    v.string(),
    v.description(
      "When the slots were counted, by the database's clock. What changed before is in the counts.",
    ),
  ),
  ...countFields,
  domains: v.array(
    v.strictObject({
      domain: v.string(),
      ...countFields,
      pools: v.array(v.strictObject({ pool: v.string(), ...countFields })),
    }),
  ),
});

/** Creates the route of statistics. */
export function statisticsRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>().get(
    "/statistics",
    operation({
      tag: "pools",
      summary: "Count the slots of pools by state",
      description:
        "`free + offered + bound + quarantined + reserved = total`. The counts are cached for five seconds, or for twenty times as long as counting took, whichever is longer; `asOf` says when they were made.",
      answers: { 200: statisticsSchema },
    }),
    withoutQuery,
    async (context) => context.json(show(await store.statistics.count(context.get("principal")))),
  );
}

function show({ pools, asOf }: Statistics): v.InferOutput<typeof statisticsSchema> {
  const names = [...new Set(pools.map(({ domain }) => domain))];
  return {
    asOf: formatDate(asOf),
    ...addSlotCounts(pools),
    domains: names.map((domain) => {
      const own = pools.filter((pool) => pool.domain === domain);
      return { domain, ...addSlotCounts(own), pools: own.map(showPool) };
    }),
  };
}

function showPool({
  pool,
  total,
  free,
  offered,
  bound,
  quarantined,
  reserved,
}: PoolStatistics): { pool: string } & SlotCounts {
  return { pool, total, free, offered, bound, quarantined, reserved };
}
