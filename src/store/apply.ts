/**
 * Makes the database hold a declared state. Applying it again changes nothing.
 *
 * @module
 */
import type { Client, InStatement } from "@libsql/client";
import { drizzle } from "drizzle-orm/libsql/http";
import { geometryOf, parsePortRange } from "../lease/declaration.ts";
import type { Declaration, DomainDeclaration, PoolDeclaration } from "../lease/declaration.ts";
import { domain, pool } from "./schema.ts";

/** What {@link applyDeclaration} did to one domain or pool. */
export interface Change {
  readonly what: "domain" | "pool";
  readonly name: string;
  /** `kept`: the database has it, the declaration does not; nothing is deleted that may hold leases. */
  readonly change: "created" | "changed" | "unchanged" | "kept";
}

/** A declared state that the database cannot take over. */
export class ApplyError extends Error {
  constructor(refusals: readonly string[]) {
    super(`Cannot apply the declared state:\n${refusals.map((refusal) => `  ${refusal}`).join("\n")}`);
    this.name = "ApplyError";
  }
}

/**
 * Creates what is missing and changes the settings of domains that differ.
 *
 * A pool's range, offset, length, reserved ports and fill order never change, only its options do, once it
 * exists, because leases and history name its slots by number: a declaration that differs is refused as a whole.
 *
 * @returns What was done.
 * @throws {ApplyError} When a pool exists with another geometry or in another domain, or overlaps one that exists.
 * @throws {LibsqlError} When the database cannot be reached.
 */
export async function applyDeclaration(client: Client, declaration: Declaration): Promise<readonly Change[]> {
  const { changes, statements } = await planChanges(client, declaration);
  if (statements.length > 0) {
    await client.batch(statements, "write");
    // The statements leave alone what another process created since the plan was made. So look again: what is
    // still to be done now can't be done.
    await planChanges(client, declaration, { nothingLeft: true });
  }
  return changes;
}

interface Plan {
  readonly changes: Change[];
  readonly statements: InStatement[];
  readonly refusals: string[];
}

async function planChanges(
  client: Client,
  declaration: Declaration,
  { nothingLeft = false } = {},
): Promise<Plan> {
  const database = drizzle(client);
  const [domainRows, poolRows] = await database.batch([
    database.select().from(domain),
    database.select().from(pool),
  ]);
  const plan: Plan = { changes: [], statements: [], refusals: [] };
  for (const [domainIndex, declared] of declaration.domains.entries()) {
    const existing = domainRows.find((row) => row.name === declared.name);
    planDomain(plan, declared, existing);
    for (const [poolIndex, each] of declared.pools.entries()) {
      const path = `domains.${domainIndex}.pools.${poolIndex}`;
      planPool(plan, path, each, declared.name, existing?.id, poolRows);
    }
  }
  if (nothingLeft && plan.statements.length > 0)
    plan.refusals.push("the database was changed at the same time");
  if (plan.refusals.length > 0) throw new ApplyError(plan.refusals);
  planKept(plan, "domain", declaration.domains, domainRows);
  planKept(
    plan,
    "pool",
    declaration.domains.flatMap(({ pools }) => pools),
    poolRows,
  );
  return plan;
}

type PoolRow = typeof pool.$inferSelect;

function planDomain(
  plan: Plan,
  declared: DomainDeclaration,
  existing: typeof domain.$inferSelect | undefined,
): void {
  const { name } = declared;
  const text = JSON.stringify({ ...declared, name: undefined, pools: undefined });
  if (existing?.settings === text) {
    plan.changes.push({ what: "domain", name, change: "unchanged" });
    return;
  }
  plan.changes.push({ what: "domain", name, change: existing === undefined ? "created" : "changed" });
  plan.statements.push({
    sql: `INSERT INTO domain (name, settings) VALUES (:name, :text)
      ON CONFLICT (name) DO UPDATE SET settings = excluded.settings`,
    args: { name, text },
  });
}

function planPool(
  plan: Plan,
  path: string,
  declared: PoolDeclaration,
  domainName: string,
  domainId: number | undefined,
  rows: readonly PoolRow[],
): void {
  const { name } = declared;
  const wanted = poolColumns(declared);
  const existing = rows.find((row) => row.name === name);
  if (existing !== undefined) {
    const differing = (Object.keys(wanted) as (keyof typeof wanted)[]).filter(
      (key) => key !== "options" && wanted[key] !== existing[key],
    );
    for (const key of differing) {
      plan.refusals.push(
        `${path}: found ${key} ${wanted[key]}, expected ${existing[key]} as pool "${name}" has it; it can't change`,
      );
    }
    if (existing.domainId !== domainId)
      plan.refusals.push(`${path}: pool "${name}" belongs to another domain`);
    const isChanged = existing.options !== wanted.options;
    plan.changes.push({ what: "pool", name, change: isChanged ? "changed" : "unchanged" });
    if (isChanged) plan.statements.push({ sql: updatePool, args: { name, options: wanted.options } });
    return;
  }
  const other = rows.find(
    (row) => row.firstAddress <= wanted.lastAddress && wanted.firstAddress <= row.lastAddress,
  );
  if (other !== undefined) {
    plan.refusals.push(`${path}.range: found ${declared.range}, which overlaps pool "${other.name}"`);
    return;
  }
  plan.changes.push({ what: "pool", name, change: "created" });
  plan.statements.push({ sql: insertPool, args: { name, domainName, ...wanted } });
}

const updatePool = "UPDATE pool SET options = :options WHERE name = :name";

/** Refuses overlaps by itself, so that two writers at once cannot create one. */
const insertPool = `INSERT INTO pool (domain_id, name, first_address, last_address, psid_offset, psid_length,
    reserved_ports, fill, options, psids, slots)
  SELECT id, :name, :firstAddress, :lastAddress, :psidOffset, :psidLength, :reservedPorts, :fill, :options, :psids,
    :slots
  FROM domain WHERE name = :domainName
    AND NOT EXISTS (SELECT 1 FROM pool WHERE first_address <= :lastAddress AND last_address >= :firstAddress)
  ON CONFLICT (name) DO NOTHING`;

function poolColumns(declared: PoolDeclaration) {
  const geometry = geometryOf(declared);
  return {
    firstAddress: geometry.firstAddress,
    lastAddress: geometry.lastAddress,
    psidOffset: geometry.psidOffset,
    psidLength: geometry.psidLength,
    reservedPorts: JSON.stringify(declared.kind === "full" ? [] : declared.reservedPorts.map(parsePortRange)),
    fill: declared.fill,
    options: JSON.stringify(declared.options),
    psids: geometry.psids.length,
    slots: geometry.slots,
  };
}

function planKept(
  plan: Plan,
  what: Change["what"],
  declared: readonly { readonly name: string }[],
  rows: readonly { readonly name: string }[],
): void {
  for (const { name } of rows) {
    if (!declared.some((each) => each.name === name)) plan.changes.push({ what, name, change: "kept" });
  }
}
