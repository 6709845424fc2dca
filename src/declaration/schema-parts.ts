/**
 * Parts that the schemas of the declared state share.
 *
 * @module
 */
import * as v from "valibot";

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
