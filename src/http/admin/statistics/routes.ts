/**
 * `/statistics`: how full the pools are.
 *
 * @module
 */
import { Hono } from "hono";
import * as v from "valibot";
import { addSlotCounts } from "../../../store/evidence/slot-counts.ts";
import type { PoolStatistics, SlotCounts } from "../../../store/evidence/slot-counts.ts";
import type { AuthEnv } from "../../auth.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";

const count = (text: string) => v.pipe(v.number(), v.integer(), v.description(text));
const countFields = {
  total: count("Slots: addresses × usable PSIDs."),
  free: count("Never used, or free again."),
  offered: count("Offered, and the offer is still good."),
  bound: count("Leases that run."),
  quarantined: count("Ended or declined, and kept from other clients for a while."),
  reserved: count("Kept for one client that does not use it now; one that it uses is bound."),
};

const statisticsSchema = v.strictObject({
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
      summary: "How full the pools are",
      description:
        "`free + offered + bound + quarantined + reserved = total`. The counts are kept for five seconds, or twenty times as long as counting took.",
      answers: { 200: statisticsSchema },
    }),
    async (context) => context.json(show(await store.statistics.count(context.get("principal")))),
  );
}

function show(pools: readonly PoolStatistics[]): v.InferOutput<typeof statisticsSchema> {
  const names = [...new Set(pools.map(({ domain }) => domain))];
  return {
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
