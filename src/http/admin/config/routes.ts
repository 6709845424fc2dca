/**
 * `/config`: all domains, pools and reservations as one document, to be read, and to be declared.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import { accepts } from "hono/accepts";
import { describeRoute, resolver } from "hono-openapi";
import * as v from "valibot";
import { formatText, parseText } from "../../../declaration/declaration-text.ts";
import type { DeclarationFormat } from "../../../declaration/declaration-text.ts";
import { declarationSchema } from "../../../declaration/declaration.ts";
import type { Declaration } from "../../../declaration/declaration.ts";
import { applyPlaced, planPlaced, readPlaced } from "../../../store/configuration/apply-placed.ts";
import { ApplyError, RevisionError } from "../../../store/configuration/apply.ts";
import type { Step } from "../../../store/configuration/plan.ts";
import type { AuthEnv } from "../../auth.ts";
import { problem } from "../../problem.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { formatETag, readPrecondition, versionConflict } from "../etag.ts";
import { requireAllDomains } from "../resource.ts";
import { invalid, requireJson, validQuery } from "../validation.ts";

const tag = "config";

/** Types of YAML that are in use; the first is the registered one (RFC 9512). */
const yamlTypes = ["application/yaml", "application/x-yaml", "text/yaml"];

const stepSchema = v.strictObject({
  what: v.picklist(["domain", "pool", "reservation"]),
  name: v.string(),
  change: v.picklist(["create", "change", "drain", "delete", "unchanged", "keep", "refuse"]),
  reason: v.optional(v.string()),
});

const planSchema = v.strictObject({
  applied: v.boolean(),
  steps: v.array(stepSchema),
});

const applyQuery = v.strictObject({
  dryRun: v.optional(
    v.pipe(v.picklist(["true", "false"]), v.description("Say what would be done, and change nothing.")),
  ),
});

const declarationContent = {
  "application/json": { schema: resolver(declarationSchema) },
  "application/yaml": { schema: resolver(declarationSchema) },
};

/** The routes of the declared state. They are for those who may see all domains. */
export function configRoutes({ databases }: AdminDeps) {
  return new Hono<AuthEnv>()
    .get(
      "/config",
      operation({
        tag,
        summary: "Read all domains, pools and reservations",
        answers: { 200: declarationSchema },
        description: "As JSON, or as YAML with `Accept: application/yaml`. Sent back, it changes nothing.",
      }),
      async (context) => {
        requireAllDomains(context.get("principal"), "read the whole configuration");
        const { revision, declaration } = await readPlaced(databases);
        const supports = ["application/json", ...yamlTypes];
        const type = accepts(context, { header: "Accept", supports, default: "application/json" });
        const format: DeclarationFormat = yamlTypes.includes(type) ? "yaml" : "json";
        return context.body(formatText(declaration, format), 200, {
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
          "Creates and changes in one transaction what the document says, or refuses it as a whole. A pool that it does not name is drained until its longest lease has ended, and deleted by a later application, when nobody uses it; then its domain goes, too. A reservation that it does not name is deleted.",
        answers: { 200: planSchema },
      }),
      describeRoute({ requestBody: { required: true, content: declarationContent } }),
      requireJson(...yamlTypes),
      validQuery(applyQuery),
      async (context) => {
        const principal = context.get("principal");
        requireAllDomains(principal, "change the whole configuration");
        const declaration = await readBody(context);
        const { version } = readPrecondition(context);
        const revision = typeof version === "number" ? version : undefined;
        const options = { actor: principal.name, unnamed: "drain", revision } as const;
        if (context.req.valid("query").dryRun === "true") {
          const { steps } = await planPlaced(databases, declaration, options);
          return context.json({ applied: false, steps: steps as Step[] }, 200);
        }
        try {
          const steps = await applyPlaced(databases, declaration, options);
          return context.json({ applied: true, steps: steps as Step[] }, 200);
        } catch (error) {
          throw refusalOf(error);
        }
      },
    );
}

async function readBody(context: Context): Promise<Declaration> {
  const type = context.req.header("content-type") ?? "";
  const format = /yaml/i.test(type) ? "yaml" : "json";
  let input: unknown;
  try {
    input = parseText(await context.req.text(), format, "the body");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw problem(400, error.message);
  }
  const result = v.safeParse(declarationSchema, input);
  if (result.success) return result.output;
  throw invalid("json", result.issues as never);
}

function refusalOf(error: unknown): unknown {
  if (error instanceof RevisionError) {
    return versionConflict("of an older configuration", formatETag(error.revision));
  }
  if (!(error instanceof ApplyError)) return error;
  const errors = error.steps
    .filter(({ change }) => change === "refuse")
    .map(({ what, name, reason }) => ({
      path: `${what} ${name}`,
      found: "what can't be done",
      expected: reason ?? "another",
    }));
  return problem(409, error.message.replaceAll("\n", " "), { errors });
}
