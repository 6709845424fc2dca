/**
 * The domain of the model: how it is declared, and what a run sets.
 *
 * @module
 */
import type { Statement } from "../../src/store/database/database.ts";
import type { MessageRules } from "../oracle/expected.ts";
import type { JudgedConfiguration } from "../oracle/judge.ts";
import { freeNever } from "../oracle/leases.ts";
import type { DomainRules } from "../oracle/transitions.ts";
import { clientIds } from "./messages.ts";
import type { Settings } from "./plan.ts";

export const domainName = "model";
const leaseSeconds = { default: 600, min: 60, max: 3600 };

/** The domain of every run. The settings of a run override some of its fields. */
export const declaration = {
  domains: [
    {
      name: domainName,
      default: true,
      serverIdentifier: "198.51.100.1",
      leaseSeconds,
      offerHoldSeconds: 60,
      declineSeconds: 900,
      pools: [
        { name: "shared", kind: "shared" as const, range: "192.0.2.0/31", psidLength: 2 },
        { name: "full", kind: "full" as const, range: "203.0.113.0/31" },
      ],
    },
  ],
};

/** Empties a database, and applies the settings of a run. */
export function resetStatements({
  fill,
  hasReservation,
  softwireIntervalSeconds,
  ...fields
}: Settings): Statement[] {
  const { siteLeasesMax, quarantineSeconds, rebootNeedsSameSource } = fields;
  const statements: Statement[] = [
    { sql: "DELETE FROM lease", args: [] },
    { sql: "DELETE FROM history", args: [] },
    { sql: "UPDATE pool SET cursor = 0, fill = ?", args: [fill] },
    {
      sql: `UPDATE domain SET settings = json_set(settings, '$.siteLeasesMax', ?, '$.quarantineSeconds', ?,
        '$.rebootNeedsSameSource', json(?), '$.softwire.updateIntervalSeconds', ?)`,
      args: [siteLeasesMax, quarantineSeconds, String(rebootNeedsSameSource), softwireIntervalSeconds],
    },
  ];
  if (hasReservation)
    statements.push({
      sql: `INSERT INTO lease (slot, domain_id, client_id, state, expires_at, free_at, updated_at)
        SELECT (SELECT min(id) FROM pool) << 32, id, unhex(?), 3, 0, ?, 0 FROM domain`,
      args: [clientIds[0]!, freeNever],
    });
  return statements;
}

/** @returns The rules of the domain in a run. */
export function rulesOf({ domains }: JudgedConfiguration, settings: Settings): MessageRules {
  const [[domainId, domain]] = [...domains] as [[number, DomainRules]];
  return {
    ...domain,
    domainId,
    leaseSeconds: leaseSeconds.default,
    leaseSecondsMin: leaseSeconds.min,
    rebootNeedsSameSource: settings.rebootNeedsSameSource,
  };
}
