import { expect, test } from "vitest";
import { temporaryDatabase, vectorDomain } from "../../../test/support/database.ts";
import { execute, query, queryNumber } from "../../../test/support/sql.ts";
import { prepareStatement } from "../database/queries.ts";
import { batchParameters } from "./commit.ts";
import { batchStatements } from "./statements.ts";
import type { ParameterName } from "./statements/statement.ts";

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

test("E3 hand-over-moved reads no claim while nobody moves, and asks a partial index whether anybody does", async () => {
  const { template } = batchStatements.find(({ name }) => name === "hand-over-moved")!;
  const database = await temporaryDatabase(vectorDomain);
  const revision = await queryNumber(database, "SELECT revision FROM configuration");
  // No statement can read these claims without failing.
  const unreadable = { ...values, revision, binds: "?", offers: "?", ends: "?" };
  const statement = prepareStatement<ParameterName>(template)(unreadable);
  await database.write([statement]);
  await execute(
    database,
    `INSERT INTO lease (slot, domain_id, client_id, state, expires_at, free_at, updated_at, move_to)
      VALUES (4294967296, 1, x'01', 3, 0, 0, 0, 4294967297)`,
  );
  await expect(database.write([statement])).rejects.toThrow(/malformed JSON/);
  const plan = await query(database, `EXPLAIN QUERY PLAN ${statement.sql.replaceAll(/[?]\d+/g, "NULL")}`);
  const asked = plan.filter(({ detail }) =>
    /^SEARCH own USING .*INDEX lease_by_moving_client/.test(String(detail)),
  );
  expect(asked.length).toBeGreaterThanOrEqual(6);
});
