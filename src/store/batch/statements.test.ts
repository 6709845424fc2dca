import { expect, test } from "vitest";
import { temporaryDatabase, vectorDomain } from "../../../test/support/database.ts";
import { prepareStatement } from "../database/queries.ts";
import { batchParameters } from "./commit.ts";
import { batchStatements } from "./statements.ts";
import type { ParameterName } from "./statements.ts";

const values = batchParameters([], { revision: 1 });

/** Names under which the statements know the tables that grow: those of `lease`, then those of `pool`. */
const growing = [
  "lease",
  "own",
  "goal",
  "mine",
  "former",
  "used",
  "other",
  "taken",
  "free",
  "pool",
  "p",
  "target",
];

test.each(batchStatements.map(({ name, template }) => [name, template]))(
  "%s finds rows of growing tables by key, and never scans them",
  async (_, template) => {
    const { sql, args } = prepareStatement<ParameterName>(template)(values);
    const aliases = [...sql.matchAll(/"(?:lease|pool)" (?:AS )?"([a-z]+)"/g)].map((match) => match[1]!);
    for (const alias of aliases) expect(growing).toContain(alias);

    const database = await temporaryDatabase(vectorDomain);
    const [plan] = await database.read([{ sql: `EXPLAIN QUERY PLAN ${sql}`, args }]);
    const steps = plan!.rows.map((row) => row[3] as string);
    const onGrowing = steps.filter((step) =>
      growing.includes(/^(?:SCAN|SEARCH) (\S+)/.exec(step)?.[1] ?? ""),
    );
    expect(onGrowing.length).toBeGreaterThan(0);
    for (const step of onGrowing)
      expect(step).toMatch(/^SEARCH \S+ USING (INTEGER PRIMARY KEY|(COVERING )?INDEX)/);
  },
);

test.each(batchStatements.map(({ name, template }) => [name, template]))(
  "%s has constants in its text and not among its arguments, because a partial index needs them there",
  (_, template) => {
    const marked = Object.fromEntries(Object.keys(values).map((name) => [name, `:${name}`]));
    const { args } = prepareStatement(template)(marked);
    for (const argument of args) expect(String(argument)).toMatch(/^:/);
  },
);
