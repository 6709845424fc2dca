/**
 * `/domains`: whom is served, and how.
 *
 * @module
 */
import type { Client } from "@libsql/client";
import { Hono } from "hono";
import type { Context } from "hono";
import type * as v from "valibot";
import type { DomainSettings } from "../../../declaration/domain-settings.ts";
import { nameSchema } from "../../../declaration/schema-parts.ts";
import { domainsMax } from "../../../limits.ts";
import { commitChange } from "../../../store/configuration/change.ts";
import { allPlaces, databaseOf, findIn, homeOf, listByName } from "../../../store/database/databases.ts";
import type { Databases } from "../../../store/database/databases.ts";
import { settingsText } from "../../../store/configuration/declared.ts";
import type { StoredDomain } from "../../../store/configuration/declared.ts";
import {
  changeDomain,
  createDomain,
  deleteDomain,
  findDefaultDomain,
  findDomain,
  listDomains,
  showDomain,
  usersOfDomain,
} from "../../../store/configuration/domains.ts";
import type { AuthEnv, Principal } from "../../auth.ts";
import { problem } from "../../problem.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { checkVersion, formatETag, readPrecondition } from "../etag.ts";
import { namePosition, pageOf, pageQuerySchema, pageSchema, readPage, respondPage } from "../paging.ts";
import {
  alreadyThere,
  changedMeanwhile,
  checkName,
  checkNewName,
  maySee,
  notFound,
  patched,
  placesFor,
  replacesBlindly,
  requireAllDomains,
} from "../resource.ts";
import { domainSchema, mergePatchSchema } from "../schemas.ts";
import { requireJson, validBody, validQuery } from "../validation.ts";

const tag = "domains";

/** The routes of domains. */
export function domainRoutes(deps: AdminDeps) {
  return new Hono<AuthEnv>().route("/", readRoutes(deps)).route("/", changeRoutes(deps));
}

function readRoutes({ databases }: AdminDeps) {
  return new Hono<AuthEnv>()
    .get(
      "/domains",
      operation({ tag, summary: "List domains", answers: { 200: pageSchema(domainSchema) } }),
      validQuery(pageQuerySchema),
      async (context) => {
        const page = readPage(context.req.valid("query"), namePosition);
        const after = page.after?.[0] as string | undefined;
        const limit = page.limit + 1;
        const found = await listByName(
          placesFor(databases, context.get("principal")),
          limit,
          (place) => listDomains(place, { limit, after }),
          ({ name }) => name,
        );
        return respondPage(
          context,
          pageOf(found, page, ({ name }) => [name], shown),
        );
      },
    )
    .get(
      "/domains/:name",
      operation({ tag, summary: "Read a domain", answers: { 200: domainSchema }, problems: [404] }),
      async (context) =>
        respond(context, await read(databases, context.get("principal"), context.req.param("name"))),
    );
}

function changeRoutes({ databases }: AdminDeps) {
  return new Hono<AuthEnv>()
    .put(
      "/domains/:name",
      operation({
        tag,
        summary: "Create or replace a domain",
        problems: [409, 412, 428],
        answers: { 200: domainSchema, 201: domainSchema },
      }),
      requireJson(),
      validBody(domainSchema),
      async (context) => {
        const name = context.req.param("name");
        const { name: nameInBody, ...settings } = context.req.valid("json");
        checkName(name, nameInBody);
        return putDomain(context, databases, name, settings);
      },
    )
    .patch(
      "/domains/:name",
      operation({
        tag,
        summary: "Change fields of a domain",
        isPatch: true,
        problems: [404, 409, 412],
        answers: { 200: domainSchema },
      }),
      requireJson("application/merge-patch+json"),
      validBody(mergePatchSchema),
      async (context) => {
        const stored = await read(databases, context.get("principal"), context.req.param("name"));
        checkVersion(readPrecondition(context), stored.version);
        const { name, ...settings } = patched(domainSchema, shown(stored), context.req.valid("json"));
        checkName(stored.name, name);
        return change(context, databases, stored, settings);
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
      async (context) => {
        const principal = context.get("principal");
        requireAllDomains(principal, "delete a domain");
        const stored = await read(databases, principal, context.req.param("name"));
        checkVersion(readPrecondition(context), stored.version);
        const database = databaseOf(databases, stored.name);
        const isDone = await commitChange(database, deleteDomain(principal.name, stored));
        if (!isDone) throw await whyNotDeleted(database, stored);
        return context.body(null, 204);
      },
    );
}

type Shown = v.InferOutput<typeof domainSchema> & { readonly name: string };

const shown = ({ name, settings }: StoredDomain): Shown => showDomain(name, settings);

async function read(databases: Databases, principal: Principal, name: string): Promise<StoredDomain> {
  const stored = maySee(principal, name) ? await find(databases, name) : undefined;
  if (stored === undefined) throw notFound("domain", name);
  return stored;
}

function respond(context: Context, stored: StoredDomain, status: 200 | 201 = 200) {
  context.header("etag", formatETag(stored.version));
  if (status === 201) context.header("location", new URL(context.req.url).pathname);
  return context.json(shown(stored), status);
}

function find(databases: Databases, name: string): Promise<StoredDomain | undefined> {
  return findDomain(databaseOf(databases, name), name);
}

async function putDomain(
  context: Context<AuthEnv>,
  databases: Databases,
  name: string,
  settings: DomainSettings,
) {
  const principal = context.get("principal");
  const precondition = readPrecondition(context);
  const stored = maySee(principal, name) ? await find(databases, name) : undefined;
  if (stored === undefined) {
    requireAllDomains(principal, "create a domain");
    if (precondition.version !== undefined) throw notFound("domain", name);
    checkNewName(nameSchema, name);
    await checkRoom(databases);
    await checkDefaultElsewhere(databases, principal, name, settings);
    const { database, scope } = homeOf(databases, name);
    const isDone = await commitChange(database, createDomain(principal.name, name, settings, scope));
    const created = await find(databases, name);
    if (!isDone)
      throw created === undefined ? await twoDefaults(databases, principal) : alreadyThere("domain", name);
    return respond(context, created!, 201);
  }
  if (precondition.mustBeNew) throw alreadyThere("domain", name);
  checkVersion(precondition, stored.version);
  if (settingsText(stored.settings) === settingsText(settings)) return respond(context, stored);
  if (precondition.version === undefined) throw replacesBlindly("domain", name);
  return change(context, databases, stored, settings);
}

async function change(
  context: Context<AuthEnv>,
  databases: Databases,
  stored: StoredDomain,
  settings: DomainSettings,
) {
  if (settingsText(stored.settings) === settingsText(settings)) return respond(context, stored);
  const principal = context.get("principal");
  await checkDefaultElsewhere(databases, principal, stored.name, settings);
  const { database, scope } = homeOf(databases, stored.name);
  const isDone = await commitChange(database, changeDomain(principal.name, stored, settings, scope));
  const current = await findDomain(database, stored.name);
  if (isDone && current !== undefined) return respond(context, current);
  if (current?.version !== stored.version) throw changedMeanwhile("domain", stored.name);
  throw await twoDefaults(databases, principal);
}

async function checkRoom(databases: Databases): Promise<void> {
  const query = { limit: domainsMax, after: undefined };
  const found = await Promise.all(allPlaces(databases).map((place) => listDomains(place, query)));
  if (found.flat().length < domainsMax) return;
  throw problem(
    409,
    `Cannot create a domain: found ${domainsMax}, expected fewer; an allocator keeps all in memory`,
  );
}

/** Within a database the statement itself sees to it that there is one default at most. */
async function checkDefaultElsewhere(
  databases: Databases,
  principal: Principal,
  name: string,
  settings: DomainSettings,
): Promise<void> {
  if (!settings.default) return;
  const database = databaseOf(databases, name);
  const others = allPlaces(databases).filter((place) => place.database !== database);
  const other = await findIn(others, findDefaultDomain);
  if (other !== undefined) throw secondDefault(principal, other.found);
}

async function twoDefaults(databases: Databases, principal: Principal): Promise<Error> {
  const other = await findIn(allPlaces(databases), findDefaultDomain);
  return secondDefault(principal, other?.found);
}

function secondDefault(principal: Principal, name: string | undefined): Error {
  const other = name !== undefined && maySee(principal, name) ? `domain "${name}"` : "another domain";
  const errors = [{ path: "default", found: "true", expected: `false: ${other} is the default` }];
  return problem(409, `Cannot make a second default domain: ${other} is it`, { errors });
}

async function whyNotDeleted(database: Client, { id, name, version }: StoredDomain): Promise<Error> {
  const current = await findDomain(database, name);
  if (current?.version !== version) return changedMeanwhile("domain", name);
  const { pools, tokens } = await usersOfDomain(database, id);
  const found = [...pools.map((pool) => `pool ${pool}`), ...tokens.map((token) => `token ${token}`)].join(
    ", ",
  );
  return problem(
    409,
    `Cannot delete domain "${name}": found ${found}, expected neither pools nor tokens of it`,
  );
}
