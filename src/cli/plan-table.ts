/**
 * The steps that applying a declared state takes, as a table.
 *
 * @module
 */
import { visibleLine } from "../visible-text.ts";
import { formatItems } from "./admin/table.ts";

const planColumns = ["what", "name", "domain", "change", "fields", "leasesInUse", "reason"];

/** A plan or its application, as the API answers it. An allocator of 0.1.0 sends neither warnings nor fields. */
export interface Steps {
  readonly applied: boolean;
  readonly steps: readonly {
    readonly name: string;
    readonly change: string;
    readonly leasesInUse?: number;
    readonly fields?: readonly { readonly path: string; readonly from: unknown; readonly to: unknown }[];
  }[];
  readonly warnings?: readonly string[];
}

/** Changes of a plan that leave what is there. */
const idleChanges: readonly string[] = ["unchanged", "keep", "refuse"];

/** Says whether the changes were made: their table looks the same before and after. */
function formatOutcome({ applied, steps }: Steps): string {
  const count = steps.filter(({ change }) => !idleChanges.includes(change)).length;
  if (!applied) {
    const isRefused = steps.some(({ change }) => change === "refuse");
    return `only planned: nothing was changed${isRefused ? ", and to apply it would be refused" : ""}\n`;
  }
  return count === 0 ? "applied: there was nothing to change\n" : `applied: ${count} changed\n`;
}

/** Formats a plan as a table: a changed field is shown as `path: from -> to`. The last line says whether it was applied. */
export function formatSteps({ applied, steps, warnings = [] }: Steps): string {
  const rows = steps.map(({ fields = [], ...step }) => ({
    ...step,
    fields: fields
      .map(({ path, from, to }) => `${path}: ${JSON.stringify(from)} -> ${JSON.stringify(to)}`)
      .join("; "),
  }));
  return (
    formatItems(planColumns, rows) +
    warnings.map((warning) => `warning: ${visibleLine(warning)}\n`).join("") +
    formatOutcome({ applied, steps })
  );
}
