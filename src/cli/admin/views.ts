/**
 * What the answers of the API have at least, and how each is shown to people.
 *
 * A shape tells the API from another server that answers at the same address, such as a web page of a proxy. It names only
 * what the command uses: a newer allocator may send more.
 *
 * @module
 */
import * as v from "valibot";
import { formatText } from "../../declaration/declaration-text.ts";
import { formatSteps } from "../plan-table.ts";
import type { Steps } from "../plan-table.ts";
import { formatPage } from "./table.ts";
import type { Page } from "./table.ts";

/** A JSON answer. */
export interface JsonView {
  readonly shape: v.GenericSchema;
  readonly show: (body: unknown) => string;
}

/** An answer in another format, which is printed as it is. */
export interface TextView {
  /** Whether the headers are those of the API. */
  readonly isOurs: (headers: { readonly get: (name: string) => string | null }) => boolean;
}

/** What a command expects, and how it is shown. `nothing`: the answer of a deletion has no body. */
export type View = JsonView | TextView | "nothing";

const text = v.string();

/** @returns The view of an answer of this shape. */
export function viewOf<T>(shape: v.GenericSchema<T>, show: (body: T) => string): JsonView {
  return { shape, show: show as JsonView["show"] };
}

/** @returns The view of an answer that is shown as YAML. */
const yamlOf = (shape: v.GenericSchema): JsonView => viewOf(shape, (body) => formatText(body, "yaml"));

/** A domain, a pool or the like. */
export const named = yamlOf(v.looseObject({ name: text }));

/** A token with its secret. */
export const secret = yamlOf(v.looseObject({ name: text, secret: text }));

/** A lease, or the slot that one may get. */
export const lease = yamlOf(v.looseObject({ id: text }));

/** What a pool would look like. */
export const poolPlan = yamlOf(v.looseObject({ sizes: v.looseObject({}) }));

/** The declared state. */
export const declaredState = yamlOf(v.looseObject({ domains: v.array(v.looseObject({ name: text })) }));

/** The steps to a declared state. */
export const stepsShape: v.GenericSchema<Steps> = v.looseObject({
  applied: v.boolean(),
  steps: v.array(
    v.looseObject({
      name: text,
      change: text,
      leasesInUse: v.exactOptional(v.number()),
      fields: v.exactOptional(
        v.array(v.looseObject({ path: text, from: v.optional(v.unknown()), to: v.optional(v.unknown()) })),
      ),
    }),
  ),
  warnings: v.exactOptional(v.array(text)),
}) as v.GenericSchema<Steps>;

export const steps = viewOf(stepsShape, formatSteps);

const items = v.array(v.looseObject({}));

/** @returns The view of a page of a list, as a table. */
export const pageOf = (columns: readonly string[]): JsonView =>
  viewOf<Page>(v.looseObject({ items, next: v.nullable(text) }), (body) => formatPage(columns, body));
