/**
 * `/lookup`: finds the subscriber who had an address and a port at a given time (RFC 6269 §12).
 *
 * @module
 */
import { Hono } from "hono";
import * as v from "valibot";
import { formatDate, parseDate } from "../../../declaration/dates.ts";
import { textOf, wholeNumberText } from "../../../declaration/schema-parts.ts";
import { lookupPortRangesMax, lookupToleranceSecondsMax } from "../../../limits.ts";
import { portRanges } from "../../../portset/port-set.ts";
import { noHolderReasons } from "../../../store/evidence/history.ts";
import type { Holder, LookupAnswer, NoHolderReason } from "../../../store/evidence/history.ts";
import { parseIPv4 } from "../../../wire/ipv4-address.ts";
import type { AuthEnv } from "../../auth.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { evidenceFields, showEvidence } from "../evidence.ts";
import { portSchema } from "../query-fields.ts";
import { portRangeSchema } from "../schemas.ts";
import { invalid, validQuery } from "../validation.ts";

const querySchema = v.strictObject({
  address: v.pipe(textOf(parseIPv4), v.description("IPv4 address.")),
  port: v.optional(
    v.pipe(portSchema, v.description("TCP or UDP port, or ICMP identifier. Not needed for a full address.")),
  ),
  at: v.pipe(textOf(parseDate), v.description("RFC 3339, with a time zone. Not in the future.")),
  toleranceSeconds: v.optional(
    v.pipe(
      wholeNumberText(0, lookupToleranceSecondsMax),
      v.description("How far the clock that recorded `at` may be off. Default: 0."),
    ),
  ),
});

const holderSchema = v.strictObject({
  certainty: v.pipe(
    v.picklist(["certain", "possible"]),
    v.description(
      "`certain`: only this client had the pair in that second. `possible`: had it within the tolerance, or in a part of that second.",
    ),
  ),
  ...evidenceFields,
  domain: v.string(),
  pool: v.string(),
  poolDeletedAt: v.nullable(v.string()),
  psid: v.nullable(v.number()),
  ports: v.pipe(v.array(portRangeSchema), v.description(`The first ${lookupPortRangesMax}.`)),
  since: v.string(),
  until: v.pipe(
    v.string(),
    v.description("End of the tenure. It ended in this second, or at its beginning."),
  ),
  isRunning: v.pipe(v.boolean(), v.description("True while the lease runs: a renewal may still extend it.")),
});

const lookupSchema = v.strictObject({
  address: v.string(),
  port: v.nullable(v.number()),
  at: v.string(),
  toleranceSeconds: v.number(),
  found: v.pipe(
    v.picklist(["subscriber", "nobody"]),
    v.description("`subscriber` if the certainty of one holder is `certain`."),
  ),
  reason: v.nullable(
    v.strictObject({ id: v.picklist(Object.keys(noHolderReasons) as NoHolderReason[]), meaning: v.string() }),
  ),
  pool: v.nullable(v.string()),
  holders: v.array(holderSchema),
});

/** Creates the route of look-ups. */
export function lookupRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>().get(
    "/lookup",
    operation({
      tag: "evidence",
      summary: "Find who had an address and a port at a given time",
      description:
        "Searches running leases, ended tenures and deleted pools, by index. A shared address needs a port, so the subscriber cannot be found for protocols without ports.",
      answers: { 200: lookupSchema },
    }),
    validQuery(querySchema),
    async (context) => {
      const { address, port, at, toleranceSeconds = 0 } = context.req.valid("query");
      const question = {
        address: parseIPv4(address),
        port: port ?? null,
        at: parseDate(at),
        toleranceSeconds,
      };
      const answer = await store.lookups.lookUp(context.get("principal"), question);
      if (answer.kind === "port-needed") {
        const message = "expected 0 to 65535, because the address is shared";
        throw invalid("query", [{ path: ["port"], received: "nothing", message }]);
      }
      if (answer.kind === "future") {
        const message = `expected ${formatDate(answer.now)} by the database's clock, plus toleranceSeconds, or earlier`;
        throw invalid("query", [{ path: ["at"], received: formatDate(question.at), message }]);
      }
      return context.json({
        address,
        port: question.port,
        at: formatDate(question.at),
        toleranceSeconds,
        ...show(answer),
      });
    },
  );
}

function show({ holders, reason, pool }: LookupAnswer) {
  return {
    found: reason === null ? ("subscriber" as const) : ("nobody" as const),
    reason: reason === null ? null : { id: reason, meaning: noHolderReasons[reason] },
    pool: pool?.name ?? null,
    holders: holders.map(showHolder),
  };
}

function showHolder({ certainty, pool, psid, tenure }: Holder): v.InferOutput<typeof holderSchema> {
  return {
    certainty,
    ...showEvidence(tenure),
    domain: pool.domain,
    pool: pool.name,
    poolDeletedAt: pool.retiredAt === null ? null : formatDate(pool.retiredAt),
    psid: pool.kind === "full" ? null : psid,
    ports: portRanges(pool.geometry, psid, lookupPortRangesMax),
    since: formatDate(tenure.since),
    until: formatDate(tenure.until),
    isRunning: tenure.isRunning,
  };
}
