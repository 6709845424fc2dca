/**
 * `npm run attack`: tries every fault that was ever found against a real relay and a real allocator on loopback, and
 * prints a table of what was tried, what was seen, and whether the service held. It exits with 2 if one is broken.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import { formatTable } from "../../src/text-table.ts";
import { formatCounts, runAttacks } from "./attack.ts";
import type { Row } from "./attack.ts";
import { attacks } from "./attacks.ts";

function idsOf(text: string): string[] {
  const ids = text.split(",");
  const unknown = ids.find((id) => !attacks.some((attack) => attack.id === id));
  if (unknown === undefined) return ids;
  const known = attacks.map(({ id }) => id).join(", ");
  throw new InvalidArgumentError(`Found ${unknown}, expected some of ${known}.`);
}

const { only, json } = new Command("attack")
  .description("Attacks a relay and an allocator on loopback, and says whether they held")
  .option("--only <ids>", "run these attacks, such as T5,T7", idsOf)
  .option("--json", "print the rows as JSON", false)
  .parse()
  .opts<{ only?: string[]; json: boolean }>();

const rows: Row[] = [];
for await (const row of runAttacks(attacks.filter(({ id }) => only?.includes(id) ?? true))) {
  rows.push(row);
  process.stderr.write(`${row.id} ${row.result}\n`);
}
const table = formatTable(
  ["id", "tried", "seen", "result"],
  rows.map(({ id, tried, seen, result }) => [id, tried, seen, result]),
);
const lines = json ? [JSON.stringify(rows, undefined, 2)] : [...table, "", formatCounts(rows)];
process.stdout.write(`${lines.join("\n")}\n`);
if (rows.some(({ result }) => result === "broken")) process.exitCode = 2;
