/**
 * Parts that the schemas of the declared state have in common.
 *
 * @module
 */
import * as v from "valibot";

/** Text that `parse` accepts; what it throws becomes the issue's message. */
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

/** A schema with what the API's document says of it. */
export const described = <S extends v.GenericSchema>(text: string, schema: S) =>
  v.pipe(schema, v.description(text));

/** Names are ids: they never change. */
export const nameSchema = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/, "expected 1 to 63 of a-z, 0-9, '-' and '.'"),
);
