/**
 * Parts that the schemas of the declared state share.
 *
 * @module
 */
import * as v from "valibot";
import { faultsCountedMax, listSliceItems } from "../limits.ts";
import { parseWholeNumber } from "../wire/number.ts";

/**
 * Creates a schema of text in a certain form.
 *
 * @param parse Parser of the text. The message of an error that it throws becomes the message of the issue.
 * @returns A schema whose output is the text itself.
 */
export function textOf(parse: (text: string) => unknown) {
  return v.pipe(
    v.string(),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      try {
        parse(dataset.value);
      } catch (error) {
        addIssue({ message: error instanceof Error ? error.message : String(error) });
      }
    }),
  );
}

/**
 * Creates a schema of text that may be written in several ways, such as an IPv6 address.
 *
 * @param parse As for {@link textOf}.
 * @param format Formats what `parse` returned, always in the same way.
 * @returns A schema whose output is the canonical text: the same for all ways to write one thing, so that texts can be
 *   compared.
 */
export function canonicalText<T>(parse: (text: string) => T, format: (value: T) => string) {
  return v.pipe(
    textOf(parse),
    v.rawTransform(({ dataset }) => format(parse(dataset.value))),
  );
}

/**
 * Creates a schema of a whole number that is written as text, as in a query string or a variable.
 *
 * @param unit What the number counts, for messages.
 * @returns A schema whose output is the number.
 */
export function wholeNumberText(min: number, max: number, unit?: string) {
  const parse = (text: string): number => parseWholeNumber(text, min, max, unit);
  return v.pipe(
    textOf(parse),
    v.rawTransform(({ dataset }) => parse(dataset.value)),
  );
}

/**
 * Creates a schema of an object that refuses unknown fields. The library's own schema accepts an array as an object
 * without fields, so that `[]` would reset every field that has a default.
 */
export function objectOf<const E extends v.ObjectEntries>(entries: E) {
  const object = v.strictObject(entries);
  const run: (typeof object)["~run"] = (dataset, config) =>
    Array.isArray(dataset.value) ? notAnArray["~run"](dataset, config) : object["~run"](dataset, config);
  const validate: (typeof object)["~standard"]["validate"] = (value) =>
    run({ value }, v.getGlobalConfig()) as Awaited<ReturnType<typeof validate>>;
  const bounded: typeof object = {
    ...object,
    "~run": run,
    "~standard": { ...object["~standard"], validate },
  };
  return bounded;
}

const notAnArray = v.custom<never>((value) => !Array.isArray(value), "expected an object");

/**
 * Creates a schema of a list. Its work is bounded whatever the input is: the items of a list that is too long are not
 * looked at, and after {@link faultsCountedMax} faults the rest is not.
 *
 * @param item Schema of an item.
 * @param max Largest number of items.
 */
export function listOf<S extends v.GenericSchema>(item: S, max: number) {
  const list = v.array(item);
  const bounded: typeof list = {
    ...list,
    "~run": (dataset, config) => {
      const { value } = dataset;
      if (!Array.isArray(value)) return list["~run"](dataset, config);
      // `maxLength` refuses it.
      if (value.length > max) return { typed: true, value: value.slice(0, max + 1) as v.InferOutput<S>[] };
      return checkItems(list, value, config);
    },
  };
  return v.pipe(bounded, v.maxLength(max));
}

type List<S extends v.GenericSchema> = v.ArraySchema<S, undefined>;

/** Checks a list slice by slice, until there are too many faults. */
function checkItems<S extends v.GenericSchema>(
  list: List<S>,
  items: readonly unknown[],
  config: Parameters<List<S>["~run"]>[1],
): ReturnType<List<S>["~run"]> {
  const output: unknown[] = [];
  const issues: v.InferIssue<List<S>>[] = [];
  let isTyped = true;
  for (let start = 0; start < items.length && issues.length < faultsCountedMax; start += listSliceItems) {
    const slice = items.slice(start, start + listSliceItems);
    const checked = list["~run"]({ typed: false, value: slice }, config);
    isTyped &&= checked.typed;
    output.push(...(checked.value as unknown[]));
    for (const issue of checked.issues ?? []) issues.push(shifted(issue, items, start));
  }
  const result = { typed: isTyped, value: output, ...(issues.length > 0 && { issues }) };
  return result as ReturnType<List<S>["~run"]>;
}

/** Corrects the path of an issue, which begins with the index in the slice. */
function shifted<I extends v.BaseIssue<unknown>>(issue: I, input: readonly unknown[], start: number): I {
  const [first, ...rest] = issue.path!;
  const item = { ...first, input, key: (first.key as number) + start } as v.IssuePathItem;
  return { ...issue, path: [item, ...rest] };
}

/**
 * Adds a description to a schema, for the OpenAPI document.
 *
 * @returns The described schema.
 */
export const described = <S extends v.GenericSchema>(text: string, schema: S) =>
  v.pipe(schema, v.description(text));

/** Schema of a name. Names are ids and never change. */
export const nameSchema = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/, "expected 1 to 63 of a-z, 0-9, '-' and '.'"),
);
