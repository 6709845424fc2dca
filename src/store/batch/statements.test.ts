import { expect, test } from "vitest";
import { temporaryDatabase, vectorDomain } from "../../../test/support/database.ts";
import { batchStatements } from "./statements.ts";

const values = {
  offers: "[]",
  wishes: "[]",
  pools: "[]",
  binds: "[]",
  ends: "[]",
  all: "[]",
  revision: 1n,
  now: null,
  until: null,
  received: null,
};

/** Names under which the statements know the tables that grow: those of `lease`, then those of `pool`. */
const growing = ["lease", "own", "used", "other", "taken", "free", "pool", "p", "target"];

test.each(batchStatements.map(({ name, sql }) => [name, sql]))(
  "%s finds rows of the tables that grow by key, and scans none of them",
  async (_, sql) => {
    const aliases = [...sql.matchAll(/\b(?:lease|pool) (?:AS )?([a-z]+)\b/g)].map((match) => match[1]!);
    const keywords = ["where", "set", "on", "order", "as"];
    for (const alias of aliases) expect([...growing, ...keywords]).toContain(alias.toLowerCase());

    const database = await temporaryDatabase(vectorDomain);
    const args = Object.fromEntries(Object.entries(values).filter(([name]) => sql.includes(`:${name}`)));
    const plan = await database.execute({ sql: `EXPLAIN QUERY PLAN ${sql}`, args });
    const steps = plan.rows.map((row) => row.detail as string);
    const onGrowing = steps.filter((step) =>
      growing.includes(/^(?:SCAN|SEARCH) (\S+)/.exec(step)?.[1] ?? ""),
    );
    expect(onGrowing.length).toBeGreaterThan(0);
    for (const step of onGrowing)
      expect(step).toMatch(/^SEARCH \S+ USING (INTEGER PRIMARY KEY|(COVERING )?INDEX)/);
  },
);
