/**
 * Schemas of values that are written as text.
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
