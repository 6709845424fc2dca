/**
 * Routes that end and move leases by hand.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import * as v from "valibot";
import { textOf } from "../../../declaration/schema-parts.ts";
import type { LeaseMove } from "../../../store/evidence/leases.ts";
import { parseIPv4 } from "../../../wire/ipv4-address.ts";
import type { AuthEnv } from "../../auth.ts";
import { problem } from "../../problem.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { formatETag, readPrecondition, versionConflict } from "../etag.ts";
import { notFound } from "../resource.ts";
import { invalid, requireJson, validBody } from "../validation.ts";
import { leaseSchema, respondLease, showLease } from "./lease.ts";

const moveSchema = v.strictObject({
  address: textOf(parseIPv4),
  psid: v.optional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535))), null),
});

const tag = "leases";

/** The pair that a lease moves to. */
type MoveBody = v.InferOutput<typeof moveSchema>;

/** Creates the routes that change a lease. */
export function leaseChangeRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>()
    .post(
      "/leases/:id/release",
      operation({
        tag,
        summary: "End a lease or an offer by hand",
        problems: [404, 409, 412],
        description:
          "As a DHCPRELEASE would: the pair is kept from other clients for the quarantine of its domain. The client learns of it at its next renewal.",
        answers: { 200: leaseSchema },
      }),
      async (context) => {
        const [principal, id] = [context.get("principal"), context.req.param("id")];
        const change = await store.leases.release(principal, id, readPrecondition(context), showLease);
        return respondChange(context, id, change);
      },
    )
    .post(
      "/leases/:id/move",
      operation({
        tag,
        summary: "Move a lease to another pair",
        problems: [404, 409, 412],
        description:
          "The pair has to be free and of the same domain. The client is refused at its next renewal, asks anew and gets it. The old pair is kept until the lease that the client knows of has ended, and through the quarantine.",
        answers: { 200: leaseSchema },
      }),
      requireJson(),
      validBody(moveSchema),
      async (context) => {
        const [principal, id] = [context.get("principal"), context.req.param("id")];
        const body = context.req.valid("json");
        const target = { address: parseIPv4(body.address), psid: body.psid };
        const precondition = readPrecondition(context);
        const change = await store.leases.move(principal, id, precondition, target, showLease);
        if (change.kind === "no-pair") throw noPair(change.domain, body);
        return respondChange(context, id, change);
      },
    );
}

function respondChange(
  context: Context,
  id: string,
  change: Exclude<LeaseMove, { readonly kind: "no-pair" }>,
) {
  switch (change.kind) {
    case "changed":
      return respondLease(context, change.lease);
    case "not-found":
      throw notFound("lease", id);
    case "stale":
      throw versionConflict(formatETag(change.required), formatETag(change.version));
    case "not-running":
      throw problem(
        409,
        `Cannot change lease ${id}: it is ${change.state}, expected one that is bound or offered`,
      );
    case "changed-meanwhile":
      throw problem(
        409,
        `Cannot change lease ${id}: it was changed at the same time; read it again and decide anew`,
      );
    case "reserved":
      throw problem(409, `Cannot move lease ${id}: found a reserved pair, expected one that is not reserved`);
    case "target-taken":
      throw problem(409, `Cannot move lease ${id}: the pair that it shall move to is not free`);
  }
}

function noPair(domain: string, { address, psid }: MoveBody): Error {
  const received = psid === null ? address : `${address} with PSID ${psid}`;
  const message = `expected a pair of a pool of domain ${domain} that is not drained`;
  return invalid("json", [{ path: ["address"], received, message }]);
}
