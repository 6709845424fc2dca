/**
 * `/config`: reads and declares all domains, pools and reservations as one document.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import { accepts } from "hono/accepts";
import { describeRoute, resolver } from "hono-openapi";
import * as v from "valibot";
import { checkDeclaration } from "../../../declaration/check.ts";
import { formatDeclaration, parseTextInSteps, requestBounds } from "../../../declaration/declaration-text.ts";
import type { DeclarationFormat } from "../../../declaration/declaration-text.ts";
import { declarationSchema } from "../../../declaration/declaration.ts";
import type { Declaration } from "../../../declaration/declaration.ts";
import { warningsOfDeclared } from "../../../declaration/domain-settings.ts";
import { applyChangesMax, faultsShownMax } from "../../../limits.ts";
import type { DeclarationApplication, DeclarationPlan } from "../../../store/configuration/declaration.ts";
import { migrateCommand } from "../../../migrate-advice.ts";
import { refusalText } from "../../../store/configuration/draft.ts";
import type { Step } from "../../../store/configuration/draft.ts";
import { inSlices } from "../../../store/store.ts";
import type { AuthEnv } from "../../auth.ts";
import { unreadableBody } from "../../limit-body.ts";
import { problem } from "../../problem.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { formatETag, readPrecondition, versionConflict } from "../etag.ts";
import { drainAtOnce, pastDates } from "../past-dates.ts";
import { requireAllDomains } from "../resource.ts";
import { invalid, requireJson, validQuery, withoutQuery } from "../validation.ts";

const tag = "config";

/** Media types in use for YAML. The first is the registered one (RFC 9512). */
const yamlTypes = ["application/yaml", "application/x-yaml", "text/yaml"];

const stepSchema = v.strictObject({
  what: v.picklist(["domain", "pool", "reservation"]),
  name: v.string(),
  domain: v.string(),
  change: v.picklist(["create", "change", "drain", "delete", "unchanged", "keep", "refuse"]),
  fields: v.optional(
    v.pipe(
      v.array(v.strictObject({ path: v.string(), from: v.unknown(), to: v.unknown() })),
      v.description("What a change sets."),
    ),
  ),
  leasesInUse: v.optional(
    v.pipe(v.number(), v.description("Running leases of a pool that `prune` drains or deletes.")),
  ),
  reason: v.optional(v.string()),
});

const planSchema = v.strictObject({
  applied: v.boolean(),
  steps: v.array(stepSchema),
  warnings: v.pipe(
    v.array(v.string()),
    v.description("What is allowed but dangerous, as a domain whose customers have no limit."),
  ),
});

const applyQuery = v.strictObject({
  dryRun: v.optional(
    v.pipe(v.picklist(["true", "false"]), v.description("Return the planned steps, and change nothing.")),
  ),
  prune: v.optional(
    v.pipe(
      v.picklist(["true", "false"]),
      v.description(
        "Drain pools that are not named, and delete what is not named and not in use. Default: it stays.",
      ),
    ),
  ),
  force: v.optional(
    v.pipe(
      v.picklist(["true", "false"]),
      v.description("Accept drain dates that are past: their pools are drained at once."),
    ),
  ),
});

const declarationContent = {
  "application/json": { schema: resolver(declarationSchema) },
  "application/yaml": { schema: resolver(declarationSchema) },
};

/** Creates the routes of the declared state. They require a token for all domains. */
export function configRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>()
    .get(
      "/config",
      operation({
        tag,
        summary: "Read all domains, pools and reservations",
        answers: { 200: declarationSchema },
        description:
          "As JSON, or as YAML with `Accept: application/yaml`. Sending it back unchanged changes nothing.",
      }),
      withoutQuery,
      async (context) => {
        const principal = context.get("principal");
        requireAllDomains(principal, "read the whole configuration");
        const { revision, declaration } = await store.declaration.read(principal);
        const supports = ["application/json", ...yamlTypes];
        const type = accepts(context, { header: "Accept", supports, default: "application/json" });
        const format: DeclarationFormat = yamlTypes.includes(type) ? "yaml" : "json";
        return context.body(await inSlices(formatDeclaration(declaration, format)), 200, {
          "content-type": type,
          etag: formatETag(revision),
          vary: "accept",
        });
      },
    )
    .put(
      "/config",
      operation({
        tag,
        summary: "Declare all domains, pools and reservations",
        problems: [409, 412],
        description:
          "Applies the document in one transaction, or refuses it as a whole. What the document omits stays, and the steps list it as not named. With `prune=true`, a pool that it omits is drained until its longest lease has ended; a later application deletes the pool once it is unused, and then its domain. A reservation that it omits is deleted. A domain that a file owns is not changed.",
        answers: { 200: planSchema },
      }),
      describeRoute({ requestBody: { required: true, content: declarationContent } }),
      requireJson(...yamlTypes),
      validQuery(applyQuery),
      async (context) => {
        const principal = context.get("principal");
        requireAllDomains(principal, "change the whole configuration");
        const declaration = await readBody(context);
        const options = {
          unnamed: context.req.valid("query").prune === "true" ? "drain" : "keep",
          force: context.req.valid("query").force === "true",
          precondition: readPrecondition(context),
          changesMax: applyChangesMax,
        } as const;
        const { plan, apply } = store.declaration;
        const isDry = context.req.valid("query").dryRun === "true";
        const result = await (isDry ? plan : apply)(principal, declaration, options);
        return respondSteps(context, result, warningsOfAll(declaration));
      },
    );
}

/** Answers with the result of an application or a dry run. */
function respondSteps(
  context: Context,
  result: DeclarationApplication | DeclarationPlan,
  warnings: string[],
) {
  switch (result.kind) {
    case "applied":
    case "planned":
      return context.json({ applied: result.kind === "applied", steps: [...result.steps], warnings }, 200);
    case "refused":
      throw refused(result.steps);
    case "too-many-changes":
      throw problem(
        413,
        `Cannot apply the declared state: found ${result.changes} changes, expected at most ${applyChangesMax} in one request; declare it in parts, or apply it as a file with --config FILE of ${migrateCommand}`,
      );
    case "past-dates":
      throw pastDates("apply the declared state", result.dates, drainAtOnce);
    case "exists":
      throw problem(
        412,
        "Cannot create the configuration: found one, expected none (If-None-Match: *); a configuration always exists",
      );
    case "stale":
      throw versionConflict(result);
  }
}

const warningsOfAll = ({ domains }: Declaration): string[] =>
  domains.flatMap((domain) => warningsOfDeclared(domain));

/** Reads the body in slices, between which other requests are served. */
async function readBody(context: Context): Promise<Declaration> {
  const type = context.req.header("content-type") ?? "";
  const format = /yaml/i.test(type) ? "yaml" : "json";
  const text = await context.req.text();
  if (format === "yaml" && text.length > requestBounds.characters) {
    const expected = `at most ${requestBounds.characters}; send JSON, which is read faster`;
    throw problem(413, `Cannot read the body: found ${text.length} characters of YAML, expected ${expected}`);
  }
  let input: unknown;
  try {
    input = await inSlices(parseTextInSteps(text, format, "the body", requestBounds));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw unreadableBody(error);
  }
  const checked = await inSlices(checkDeclaration(input));
  if (checked.success) return checked.declaration;
  throw invalid("json", checked.faults);
}

function refused(steps: readonly Step[]): Error {
  const errors = steps
    .filter(({ change }) => change === "refuse")
    .slice(0, faultsShownMax)
    .map(({ what, name, reason }) => ({
      path: `${what} ${name}`,
      found: "an impossible change",
      expected: reason ?? "another",
    }));
  return problem(409, refusalText(steps).replaceAll("\n", " "), { errors });
}
