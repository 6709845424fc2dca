/**
 * `/tokens`: manages the bearer tokens of relays and of the admin API.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import type * as v from "valibot";
import { formatDate, formatDateOrNull, parseDate } from "../../../declaration/dates.ts";
import { nameSchema } from "../../../declaration/schema-parts.ts";
import type { StoredToken, TokenChange, TokenCreation } from "../../../store/configuration/tokens.ts";
import { encodeBase64url } from "../../../wire/base64url.ts";
import { sha256 } from "../../auth.ts";
import type { AuthEnv } from "../../auth.ts";
import { problem } from "../../problem.ts";
import type { AdminDeps } from "../deps.ts";
import { pastDates } from "../past-dates.ts";
import { operation } from "../document.ts";
import { formatETag, readPrecondition } from "../etag.ts";
import { namePosition, pageOf, pageQuerySchema, pageSchema, readPage, respondPage } from "../paging.ts";
import { checkName, checkNewName, notFound, refusalOf, requireAllDomains } from "../resource.ts";
import {
  tokenPatchSchema,
  tokenRequestSchema,
  tokenRotationSchema,
  tokenSchema,
  tokenWithSecretSchema,
} from "../schemas.ts";
import { requireJson, validBody, validQuery, withoutQuery } from "../validation.ts";

const tag = "tokens";

/** Creates the routes of tokens. They require a token for all domains. */
export function tokenRoutes(deps: AdminDeps) {
  const app = new Hono<AuthEnv>();
  for (const path of ["/tokens", "/tokens/*"]) {
    app.use(path, async (context, next) => {
      requireAllDomains(context.get("principal"), "access tokens");
      await next();
    });
  }
  return app.route("/", readRoutes(deps)).route("/", creationRoutes(deps)).route("/", changeRoutes(deps));
}

function readRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>()
    .get(
      "/tokens",
      operation({ tag, summary: "List tokens", answers: { 200: pageSchema(tokenSchema) } }),
      validQuery(pageQuerySchema),
      async (context) => {
        const page = readPage(context.req.valid("query"), namePosition);
        const found = await store.tokens.list(context.get("principal"), {
          limit: page.limit + 1,
          after: page.after?.[0],
        });
        return respondPage(
          context,
          pageOf(found, page, ({ name }) => [name], shown),
        );
      },
    )
    .get(
      "/tokens/:name",
      operation({ tag, summary: "Read a token", answers: { 200: tokenSchema }, problems: [404] }),
      withoutQuery,
      async (context) => {
        const name = context.req.param("name");
        const found = await store.tokens.find(context.get("principal"), name);
        if (found === undefined) throw notFound("token", name);
        return respond(context, found);
      },
    );
}

function creationRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>().put(
    "/tokens/:name",
    operation({
      tag,
      summary: "Create a token",
      problems: [409],
      description:
        "Only this response contains the secret. An existing token is not replaced: rotate it, or delete it first.",
      answers: { 201: tokenWithSecretSchema },
    }),
    withoutQuery,
    requireJson(),
    validBody(tokenRequestSchema),
    async (context) => {
      const name = context.req.param("name");
      const body = context.req.valid("json");
      checkName(name, body.name);
      checkNewName(nameSchema, name);
      const expiresAt = body.expiresAt === null ? null : parseDate(body.expiresAt);
      const { secret, hash } = createSecret();
      const token = { name, scope: body.scope, domain: body.domain, expiresAt };
      const result = await store.tokens.create(context.get("principal"), token, hash);
      if (result.kind !== "created") throw whyNotCreated(name, body, result);
      return respondSecret(context, result.token, secret, 201);
    },
  );
}

function changeRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>()
    .patch(
      "/tokens/:name",
      operation({
        tag,
        summary: "Change when a token expires",
        answers: { 200: tokenSchema },
        problems: [404, 412],
      }),
      withoutQuery,
      requireJson("application/merge-patch+json"),
      validBody(tokenPatchSchema),
      async (context) => {
        const name = context.req.param("name");
        const { expiresAt } = context.req.valid("json");
        const seconds = expiresAt === null ? null : parseDate(expiresAt);
        const principal = context.get("principal");
        const result = await store.tokens.changeExpiry(principal, name, readPrecondition(context), seconds);
        if (result.kind === "past-date") throw pastExpiry(name, expiresAt!, result.now);
        return respond(context, changedToken(name, result));
      },
    )
    .post(
      "/tokens/:name/rotate",
      operation({
        tag,
        summary: "Give a token a new secret",
        problems: [404, 412],
        description:
          "Only this response contains the secret. The old secret stays valid for `overlapSeconds`.",
        answers: { 200: tokenWithSecretSchema },
      }),
      withoutQuery,
      requireJson(),
      validBody(tokenRotationSchema),
      async (context) => {
        const name = context.req.param("name");
        const { secret, hash } = createSecret();
        const { overlapSeconds } = context.req.valid("json");
        const principal = context.get("principal");
        const precondition = readPrecondition(context);
        const result = await store.tokens.rotate(principal, name, precondition, hash, overlapSeconds);
        return respondSecret(context, changedToken(name, result), secret, 200);
      },
    )
    .delete(
      "/tokens/:name",
      operation({
        tag,
        summary: "Delete a token",
        answers: { 204: null },
        problems: [404, 412],
        description: "All allocators refuse the token within 5 s, because they cache tokens for that long.",
      }),
      withoutQuery,
      async (context) => {
        const name = context.req.param("name");
        const principal = context.get("principal");
        const result = await store.tokens.delete(principal, name, readPrecondition(context));
        if (result.kind !== "deleted") throw refusalOf("token", name, result);
        return context.body(null, 204);
      },
    );
}

const shown = (stored: StoredToken) => ({
  name: stored.name,
  scope: stored.scope,
  domain: stored.domain,
  createdAt: formatDate(stored.createdAt),
  rotatedAt: formatDateOrNull(stored.rotatedAt),
  expiresAt: formatDateOrNull(stored.expiresAt),
  previousSecretUntil: formatDateOrNull(stored.previousUntil),
});

function changedToken(name: string, result: TokenChange): StoredToken {
  if (result.kind !== "changed") throw refusalOf("token", name, result);
  return result.token;
}

function respond(context: Context, stored: StoredToken) {
  context.header("etag", formatETag(stored.version));
  return context.json(shown(stored), 200);
}

function respondSecret<S extends 200 | 201>(
  context: Context,
  stored: StoredToken,
  secret: string,
  status: S,
) {
  context.header("etag", formatETag(stored.version));
  if (status === 201) context.header("location", new URL(context.req.url).pathname);
  return context.json({ ...shown(stored), secret }, status);
}

/** Prefix of every secret, by which scanners can find leaked secrets. */
const secretPrefix = "apportion_";

/** Creates a secret of 256 random bits, as text that fits into a header. */
function createSecret(): { readonly secret: string; readonly hash: Uint8Array } {
  const secret = secretPrefix + encodeBase64url(crypto.getRandomValues(new Uint8Array(32)));
  return { secret, hash: sha256(secret) };
}

const pastExpiry = (name: string, expiresAt: string, now: number): Error =>
  pastDates(`store token "${name}"`, [{ path: "expiresAt", date: expiresAt, now }], "");

function whyNotCreated(
  name: string,
  { domain, expiresAt }: v.InferOutput<typeof tokenRequestSchema>,
  result: Exclude<TokenCreation, { readonly kind: "created" }>,
): Error {
  switch (result.kind) {
    case "past-date":
      return pastExpiry(name, expiresAt!, result.now);
    case "exists":
      return problem(
        409,
        `Cannot create token "${name}": found one of this name, expected none; rotate or delete it`,
      );
    case "no-domain": {
      const errors = [{ path: "domain", found: `"${domain ?? ""}"`, expected: "an existing domain" }];
      return problem(409, `Cannot create token "${name}": found no domain "${domain ?? ""}"`, { errors });
    }
  }
}
