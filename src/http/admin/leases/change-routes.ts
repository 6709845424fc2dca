/**
 * Leases that are ended and moved by hand.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import * as v from "valibot";
import { isOpen } from "../../../lease/domain.ts";
import type { Domain } from "../../../lease/domain.ts";
import { textOf } from "../../../declaration/schema-parts.ts";
import { auditOfLast } from "../../../store/configuration/audit.ts";
import { moveLease, releaseLease } from "../../../store/evidence/leases.ts";
import type { LeaseRecord } from "../../../store/evidence/leases.ts";
import { parseIPv4 } from "../../../wire/ipv4-address.ts";
import type { AuthEnv, Principal } from "../../auth.ts";
import { problem } from "../../problem.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { checkVersion, readPrecondition } from "../etag.ts";
import {
  findLeaseById,
  idOfLease,
  leaseSchema,
  respondLease,
  showLease,
  slotOfPair,
  versionOf,
} from "./lease.ts";
import { invalid, requireJson, validBody } from "../validation.ts";

const moveSchema = v.strictObject({
  address: textOf(parseIPv4),
  psid: v.optional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535))), null),
});

const tag = "leases";

/** The routes that change a lease. */
export function leaseChangeRoutes({ databases, now }: AdminDeps) {
  const find = (principal: Principal, id: string) => findLeaseById(databases, principal, id, now?.());

  /** What is to be changed: a lease that runs, and that is the one which the request means. */
  async function begin(context: Context<AuthEnv>, id: string) {
    const principal = context.get("principal");
    const precondition = readPrecondition(context);
    const found = await find(principal, id);
    checkVersion(precondition, await versionOf(found.lease));
    const handle = requireRunning(found.lease, id);
    return { ...found, principal, precondition, handle, before: showLease(found.directory, found.lease) };
  }

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
        const id = context.req.param("id");
        const { place, domain, principal, precondition, handle, before } = await begin(context, id);
        const record = recordOf(principal, "release", domain, before, { state: "quarantined" });
        const isDone = await releaseLease(place.database, handle, domain.quarantineSeconds, {
          record,
          now: now?.(),
        });
        const after = await find(principal, id);
        if (isDone) return respondLease(context, after);
        checkVersion(precondition, await versionOf(after.lease));
        throw changed(id);
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
        const id = context.req.param("id");
        const { place, directory, domain, principal, precondition, handle, before } = await begin(
          context,
          id,
        );
        const target = targetOf(domain, context.req.valid("json"));
        const record = recordOf(principal, "move", domain, before, { movedTo: idOfLease(directory, target) });
        const isDone = await moveLease(place.database, handle, target, domain.quarantineSeconds, {
          record,
          now: now?.(),
        });
        if (isDone) return respondLease(context, await find(principal, idOfLease(directory, target)));
        checkVersion(precondition, await versionOf((await find(principal, id)).lease));
        throw changed(id);
      },
    );
}

function requireRunning({ slot, clientId, since, state }: LeaseRecord, id: string) {
  if (clientId !== null && (state === "bound" || state === "offered")) return { slot, clientId, since };
  throw problem(409, `Cannot change lease ${id}: it is ${state}, expected one that is bound or offered`);
}

/** @returns Key of the slot that a lease shall move to. */
function targetOf(domain: Domain, { address, psid }: v.InferOutput<typeof moveSchema>): number {
  const open = domain.pools.filter(isOpen);
  const slot = slotOfPair(open, parseIPv4(address), psid);
  if (slot !== undefined) return slot;
  const received = psid === null ? address : `${address} with PSID ${psid}`;
  const message = `expected a pair of a pool of domain ${domain.name} that is not drained`;
  throw invalid("json", [{ path: ["address"], received, message }]);
}

/** Someone else was faster: the client renewed with another softwire, released, or the target was taken. */
function changed(id: string): Error {
  return problem(
    409,
    `Cannot change lease ${id}: it has changed meanwhile, is reserved, or the pair that it shall move to is not free; read both again`,
  );
}

function recordOf(
  principal: Principal,
  action: string,
  domain: Domain,
  before: ReturnType<typeof showLease>,
  after: unknown,
) {
  const entry = { actor: principal.name, action, resource: "lease", name: before.id, domain: domain.name };
  return auditOfLast({ ...entry, before, after });
}
