/**
 * Routes with which an operator ends or moves a lease.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import * as v from "valibot";
import { objectOf, textOf } from "../../../declaration/schema-parts.ts";
import type { LeaseMove } from "../../../store/evidence/leases.ts";
import { parseIPv4 } from "../../../wire/ipv4-address.ts";
import type { AuthEnv } from "../../auth.ts";
import { problem } from "../../problem.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { readPrecondition, versionConflict } from "../etag.ts";
import { notFound } from "../resource.ts";
import { invalid, requireJson, validBody, withoutQuery } from "../validation.ts";
import { leaseSchema, respondLease, showLease } from "./lease.ts";

const moveSchema = objectOf({
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
        summary: "End a lease or an offer",
        problems: [404, 409, 412],
        description:
          "Has the effect of a DHCPRELEASE: no other client gets the pair until the quarantine of its domain is over. The client is not notified; its next renewal is refused.",
        answers: { 200: leaseSchema },
      }),
      withoutQuery,
      async (context) => {
        const [principal, id] = [context.get("principal"), context.req.param("id")];
        const change = await store.leases.release(principal, id, readPrecondition(context), showLease);
        return respondChange(context, id, change, "bound or offered");
      },
    )
    .post(
      "/leases/:id/move",
      operation({
        tag,
        summary: "Move a lease to another pair",
        problems: [404, 409, 412],
        description:
          "The target pair must be free and in the same domain. The move is `pending` until the client is told: its next renewal is refused, so it starts over with a DISCOVER and gets the target pair. Until then the client has its old lease, with its tenure and its row in the binding table; nobody else gets the target pair. No other client gets the old pair until the old lease would have expired and the quarantine is over. A second move replaces a pending one; a move to the present pair takes it back.",
        answers: { 200: leaseSchema },
      }),
      withoutQuery,
      requireJson(),
      validBody(moveSchema),
      async (context) => {
        const [principal, id] = [context.get("principal"), context.req.param("id")];
        const body = context.req.valid("json");
        const target = { address: parseIPv4(body.address), psid: body.psid };
        const precondition = readPrecondition(context);
        const change = await store.leases.move(principal, id, precondition, target, showLease);
        if (change.kind === "no-pair") throw noPair(change.domain, body);
        return respondChange(context, id, change, "bound");
      },
    );
}

function respondChange(
  context: Context,
  id: string,
  change: Exclude<LeaseMove, { readonly kind: "no-pair" }>,
  expectedState: string,
) {
  switch (change.kind) {
    case "changed":
      return respondLease(context, change.lease);
    case "not-found":
      throw notFound("lease", id);
    case "stale":
      throw versionConflict(change);
    case "not-running":
      throw problem(409, `Cannot change lease ${id}: found state ${change.state}, expected ${expectedState}`);
    case "changed-meanwhile":
      throw problem(
        409,
        `Cannot change lease ${id}: it was changed at the same time; read it again, then retry`,
      );
    case "reserved":
      throw problem(
        409,
        `Cannot move lease ${id}: found a reservation of its pair or of the pair that it moves to, expected none`,
      );
    case "target-taken":
      throw problem(
        409,
        `Cannot move lease ${id}: found a target pair that is not free, expected a free one`,
      );
  }
}

function noPair(domain: string, { address, psid }: MoveBody): Error {
  const received = psid === null ? address : `${address} with PSID ${psid}`;
  const message = `expected a pair of a pool of domain ${domain} that is not drained`;
  return invalid("json", [{ path: ["address"], received, message }]);
}
