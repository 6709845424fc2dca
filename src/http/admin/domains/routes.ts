/**
 * `/domains`: reads, creates, changes and deletes domains.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import type * as v from "valibot";
import type { DomainSettings } from "../../../declaration/domain-settings.ts";
import { findRepeatedPlaces } from "../../../declaration/repeated-places.ts";
import { nameSchema } from "../../../declaration/schema-parts.ts";
import { runAtOnce } from "../../../declaration/steps.ts";
import { domainsMax } from "../../../limits.ts";
import type { StoredDomain } from "../../../store/configuration/declared.ts";
import type { AlreadyServed, DomainPut, ForbiddenFields } from "../../../store/configuration/domain-put.ts";
import type { DomainDeletion } from "../../../store/configuration/domains.ts";
import type { Principal } from "../../../store/principal.ts";
import type { AuthEnv } from "../../auth.ts";
import { problem } from "../../problem.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { formatETag, readPrecondition } from "../etag.ts";
import { namePosition, pageOf, pageQuerySchema, pageSchema, readPage, respondPage } from "../paging.ts";
import {
  allDomainsRequired,
  checkName,
  checkNewName,
  notFound,
  patched,
  refusalOf,
  requireAllDomains,
} from "../resource.ts";
import { domainSchema, mergePatchSchema } from "../schemas.ts";
import { invalid, requireJson, validBody, validQuery, withoutQuery } from "../validation.ts";

const tag = "domains";

const whomNote =
  "`prefixes`, `lines` and `default` select the clients of the domain. No two domains may have the same ones (409), and a token of one domain may not change them (403).";

/** Creates the routes of domains. */
export function domainRoutes(deps: AdminDeps) {
  return new Hono<AuthEnv>().route("/", readRoutes(deps)).route("/", changeRoutes(deps));
}

function readRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>()
    .get(
      "/domains",
      operation({ tag, summary: "List domains", answers: { 200: pageSchema(domainSchema) } }),
      validQuery(pageQuerySchema),
      async (context) => {
        const page = readPage(context.req.valid("query"), namePosition);
        const { domains, isCut } = await store.domains.list(context.get("principal"), {
          limit: page.limit + 1,
          after: page.after?.[0],
        });
        // A page that ends early is a page with a lower limit.
        const limit = isCut ? Math.min(page.limit, domains.length) : page.limit;
        return respondPage(
          context,
          pageOf(domains, { ...page, limit }, ({ name }) => [name], shown, isCut),
        );
      },
    )
    .get(
      "/domains/:name",
      operation({ tag, summary: "Read a domain", answers: { 200: domainSchema }, problems: [404] }),
      withoutQuery,
      async (context) => {
        const name = context.req.param("name");
        const found = await store.domains.find(context.get("principal"), name);
        if (found === undefined) throw notFound("domain", name);
        return respond(context, found);
      },
    );
}

function changeRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>()
    .put(
      "/domains/:name",
      operation({
        tag,
        summary: "Create or replace a domain",
        description: whomNote,
        problems: [409, 412, 428],
        answers: { 200: domainSchema, 201: domainSchema },
      }),
      withoutQuery,
      requireJson(),
      validBody(domainSchema),
      async (context) => {
        const name = context.req.param("name");
        const { name: nameInBody, ...settings } = withoutOwner(context.req.valid("json"));
        checkName(name, nameInBody);
        refuseRepeatedPlaces(settings);
        const precondition = readPrecondition(context);
        checkNewName(nameSchema, name, precondition);
        return respondChange(
          context,
          name,
          await store.domains.put(context.get("principal"), name, settings, precondition),
        );
      },
    )
    .patch(
      "/domains/:name",
      operation({
        tag,
        summary: "Change fields of a domain",
        isPatch: true,
        problems: [404, 409, 412],
        description: whomNote,
        answers: { 200: domainSchema },
      }),
      withoutQuery,
      requireJson("application/merge-patch+json"),
      validBody(mergePatchSchema),
      async (context) => {
        const patch = context.req.valid("json");
        const name = context.req.param("name");
        const revise = (stored: StoredDomain) => {
          const { name: nameInBody, ...settings } = withoutOwner(patched(domainSchema, shown(stored), patch));
          checkName(name, nameInBody);
          // A database of an earlier release may have them twice. Its other fields can be changed.
          if ("prefixes" in patch || "lines" in patch) refuseRepeatedPlaces(settings);
          return settings;
        };
        return respondChange(
          context,
          name,
          await store.domains.change(context.get("principal"), name, readPrecondition(context), revise),
        );
      },
    )
    .post(
      "/domains/:name/release",
      operation({
        tag,
        summary: "Take a domain from the file that owns it",
        problems: [404, 412],
        answers: { 200: domainSchema },
        description:
          "Then the API can change the domain, its pools and reservations, until an allocator is started with the file again.",
      }),
      withoutQuery,
      async (context) => {
        const name = context.req.param("name");
        const principal = context.get("principal");
        requireAllDomains(principal, "release a domain");
        const precondition = readPrecondition(context);
        return respondChange(context, name, await store.domains.release(principal, name, precondition));
      },
    )
    .delete(
      "/domains/:name",
      operation({
        tag,
        summary: "Delete a domain that has no pools",
        problems: [404, 409, 412],
        answers: { 204: null },
      }),
      withoutQuery,
      async (context) => {
        const name = context.req.param("name");
        const principal = context.get("principal");
        const result = await store.domains.delete(principal, name, readPrecondition(context));
        if (result.kind !== "deleted") throw whyNotDeleted(context, name, result);
        return context.body(null, 204);
      },
    );
}

/** @throws {HTTPException} 400 when the domain would have a prefix or line twice. */
function refuseRepeatedPlaces(settings: Pick<DomainSettings, "prefixes" | "lines">): void {
  const repeated = runAtOnce(findRepeatedPlaces(settings));
  if (repeated.length === 0) return;
  throw invalid(
    "json",
    repeated.map(({ path, text }) => ({ path, received: `"${text}"`, message: "expected it once" })),
  );
}

type Shown = v.InferOutput<typeof domainSchema> & { readonly name: string };

const shown = ({ name, settings, owner }: StoredDomain): Shown => ({ name, ...settings, ownedBy: owner });

/** The owner is computed, so it is ignored in requests. */
function withoutOwner<D extends { ownedBy?: unknown }>(body: D): Omit<D, "ownedBy"> {
  const settings = { ...body };
  delete settings.ownedBy;
  return settings;
}

function respond(context: Context, stored: StoredDomain, status: 200 | 201 = 200) {
  context.header("etag", formatETag(stored.version));
  if (status === 201) context.header("location", new URL(context.req.url).pathname);
  return context.json(shown(stored), status);
}

/** Answers with the result of a creation or a change. */
function respondChange(context: Context<AuthEnv>, name: string, result: DomainPut) {
  switch (result.kind) {
    case "created":
      return respond(context, result.domain, 201);
    case "changed":
    case "unchanged":
      return respond(context, result.domain);
    case "forbidden":
      throw allDomainsRequired(context.get("principal"), "create a domain");
    case "too-many":
      throw problem(
        409,
        `Cannot create a domain: found ${domainsMax}, expected fewer; an allocator keeps all domains in memory`,
      );
    case "already-served":
      throw alreadyServed(name, result);
    case "server-in-pool":
      throw problem(
        409,
        `Cannot change domain "${name}": pool "${result.pool}" contains the new serverIdentifier, expected an address outside of the domain's pools`,
      );
    case "forbidden-fields":
      throw forbiddenFields(context.get("principal"), name, result);
    default:
      throw refusalOf("domain", name, result);
  }
}

function alreadyServed(name: string, { served: { path, text }, other }: AlreadyServed): Error {
  const whose = `domain "${other}"`;
  if (path === "default") {
    const errors = [{ path, found: text, expected: `false: ${whose} is the default` }];
    return problem(409, `Cannot make a second default domain: ${whose} is the default`, { errors });
  }
  const errors = [{ path, found: text, expected: `what no other domain serves: ${whose} serves it` }];
  return problem(409, `Cannot make domain "${name}" serve ${text}: ${whose} serves it`, { errors });
}

/** Creates a 403: with these settings, a token of one domain would take the clients of another. */
function forbiddenFields(principal: Principal, name: string, { fields }: ForbiddenFields): Error {
  const errors = fields.map((path) => ({
    path,
    found: "another value",
    expected: "the current value: only a token for all domains may change which clients it serves",
  }));
  const what = `change ${fields.join(" and ")} of domain "${name}"`;
  return allDomainsRequired(principal, what, errors);
}

function whyNotDeleted(
  context: Context<AuthEnv>,
  name: string,
  result: Exclude<DomainDeletion, { kind: "deleted" }>,
): Error {
  switch (result.kind) {
    case "forbidden":
      return allDomainsRequired(context.get("principal"), "delete a domain");
    case "in-use": {
      const found = [
        ...result.pools.map((pool) => `pool ${pool}`),
        ...result.tokens.map((token) => `token ${token}`),
      ].join(", ");
      return problem(409, `Cannot delete domain "${name}": found ${found}, expected no pools and no tokens`);
    }
    default:
      return refusalOf("domain", name, result);
  }
}
