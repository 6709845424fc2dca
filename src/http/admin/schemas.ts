/**
 * Schemas of the API's resources. Their fields come from the schemas of the declared state, so that each field is
 * described once.
 *
 * @module
 */
import * as v from "valibot";
import { isRecord } from "../../is-record.ts";
import { dateSchema } from "../../declaration/dates.ts";
import { domainSettingsFields } from "../../declaration/domain-settings.ts";
import { poolSchemaWith } from "../../declaration/pool-declaration.ts";
import { reservationFields } from "../../declaration/reservation-declaration.ts";
import { nameSchema, objectOf } from "../../declaration/schema-parts.ts";
import { listedPortRangesMax, lostPsidsShownMax, tokenOverlapSecondsMax } from "../../limits.ts";

const count = v.pipe(v.number(), v.integer());

/** A field of responses. Requests may contain it, so that a client can send back what it read, but it is ignored. */
const computed = <S extends v.GenericSchema>(text: string, schema: S) =>
  v.optional(v.pipe(schema, v.description(`${text} Computed: ignored in requests.`)));

/** `name` in a body is optional and must equal the name in the path. */
const nameInBody = v.optional(v.pipe(nameSchema, v.description("The id. Must equal the name in the path.")));

/** A domain. */
export const domainSchema = objectOf({
  name: nameInBody,
  ...domainSettingsFields,
  ownedBy: computed(
    "The file that owns the domain, its pools and reservations: changes through the API get 409. Null: no file.",
    v.nullable(v.string()),
  ),
});

/** A range of ports, both ends included. */
export const portRangeSchema = v.strictObject({ first: count, last: count });

const poolSizes = v.strictObject({
  addresses: count,
  usablePsids: count,
  subscribers: v.pipe(
    count,
    v.description("Addresses × usable PSIDs: the most leases that the pool can have."),
  ),
  portsPerSubscriber: count,
});

/** A pool. */
export const poolSchema = poolSchemaWith({
  name: nameInBody,
  domain: nameSchema,
  sizes: computed("Sizes of the pool.", poolSizes),
});

/** A request to the planner: a pool that need not exist. */
export const poolPlanRequestSchema = poolSchemaWith({
  name: v.optional(nameSchema),
  domain: v.optional(nameSchema),
});

/** The planner's answer. */
export const poolPlanSchema = v.strictObject({
  sizes: poolSizes,
  sharingRatio: v.pipe(count, v.description("Port sets per address, usable or not: 2^k.")),
  examplePorts: v.pipe(v.array(portRangeSchema), v.description("Ports of the first usable PSID.")),
  lostPsids: v.array(
    v.strictObject({
      psid: count,
      ports: v.pipe(v.array(portRangeSchema), v.description(`The first ${listedPortRangesMax}.`)),
      reserved: v.pipe(v.string(), v.description("The reserved ports in its port set.")),
    }),
  ),
  lostPsidsCount: v.pipe(count, v.description(`\`lostPsids\` lists at most ${lostPsidsShownMax}.`)),
  overlaps: v.pipe(
    v.nullable(v.string()),
    v.description("An existing pool that overlaps the range; null if none does."),
  ),
});

/** A reservation. */
export const reservationSchema = objectOf({
  name: nameInBody,
  domain: nameSchema,
  ...reservationFields,
  pool: computed("The pool that contains the pair.", v.string()),
  ports: computed(
    `Port ranges of the PSID; all ports in a full pool. In a list, the first ${listedPortRangesMax}.`,
    v.array(portRangeSchema),
  ),
});

const scopeSchema = v.pipe(
  v.picklist(["relay", "read", "admin"]),
  v.description("`relay` may POST messages, `read` may GET, `admin` may GET and change."),
);

const tokenFields = {
  scope: scopeSchema,
  domain: v.optional(
    v.pipe(
      v.nullable(nameSchema),
      v.description("The only domain that the token may see; null means all. Must be null for relays."),
    ),
    null,
  ),
  expiresAt: v.optional(v.nullable(dateSchema), null),
};

/** A request to create a token. */
export const tokenRequestSchema = v.pipe(
  objectOf({ name: nameInBody, ...tokenFields }),
  v.forward(
    v.check(
      ({ scope, domain }) => scope !== "relay" || domain === null,
      "expected null: a relay serves clients of all domains",
    ),
    ["domain"],
  ),
);

/** The fields of a token that may change. */
export const tokenPatchSchema = objectOf({ expiresAt: v.nullable(dateSchema) });

/** Settings of a token rotation. */
export const tokenRotationSchema = objectOf({
  overlapSeconds: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(0),
      v.maxValue(tokenOverlapSecondsMax),
      v.description("Seconds for which the old secret stays valid."),
    ),
    3600,
  ),
});

/** A token without its secret, as responses show it. */
export const tokenSchema = v.strictObject({
  name: v.string(),
  scope: scopeSchema,
  domain: v.nullable(v.string()),
  createdAt: dateSchema,
  rotatedAt: v.nullable(dateSchema),
  expiresAt: v.nullable(dateSchema),
  previousSecretUntil: v.nullable(dateSchema),
});

/** A token with its secret: the answer to its creation or rotation. */
export const tokenWithSecretSchema = v.strictObject({
  ...tokenSchema.entries,
  secret: v.pipe(v.string(), v.description("Shown only in this response.")),
});

/** One entry of the audit log. */
export const auditSchema = v.strictObject({
  id: v.pipe(count, v.description("Increases with each change. Each database numbers its own changes.")),
  at: dateSchema,
  actor: v.pipe(
    v.string(),
    v.description(
      "Name of the token; `environment` for the token of the environment; `file` for a declared file.",
    ),
  ),
  action: v.string(),
  resource: v.string(),
  name: v.string(),
  domain: v.nullable(v.string()),
  before: v.unknown(),
  after: v.unknown(),
});

const recordSchema = v.record(v.string(), v.unknown());

const isPatch = v.custom<Record<string, unknown>>(isRecord, "expected an object");

/** A copy by the library would lose a field named `__proto__`, which is then refused as any other unknown field. */
const objectOfAnything: typeof recordSchema = {
  ...recordSchema,
  "~run": (dataset, config) => isPatch["~run"](dataset, config) as ReturnType<(typeof recordSchema)["~run"]>,
};

/** A patch may be any object. The patched resource is checked instead. */
export const mergePatchSchema = v.pipe(
  objectOfAnything,
  v.description("JSON merge patch (RFC 7396): fields to set; null resets a field to its default."),
);

/** A problem document (RFC 9457). */
export const problemSchema = v.strictObject({
  type: v.string(),
  title: v.string(),
  status: count,
  detail: v.string(),
  errors: v.optional(v.array(v.strictObject({ path: v.string(), found: v.string(), expected: v.string() }))),
});
