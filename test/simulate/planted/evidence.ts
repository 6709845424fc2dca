/**
 * Bugs of evidence: what the audit says, and what housekeeping deletes.
 *
 * @module
 */
import type { PlantedBug } from "./bug.ts";

const retention = "src/store/evidence/retention.ts";

export const evidenceBugs: readonly PlantedBug[] = [
  {
    name: "audit-names-the-environment",
    promise: "a record of the audit names the token that made the change",
    file: "src/store/evidence/leases.ts",
    search: "    actor: principal.name,\n    action,",
    replacement: '    actor: "environment",\n    action,',
  },
  {
    name: "housekeeping-forgets-leases-of-reserved-pairs",
    promise: "housekeeping leaves leases alone that run",
    needs: "more reserved pairs that are leased when housekeeping runs",
    file: retention,
    search: "AND ${lease.expiresAt} < ${before} LIMIT ${limit}",
    replacement: "LIMIT ${limit}",
  },
  {
    name: "housekeeping-deletes-recent-history",
    promise: "history is kept for as long as it is configured",
    file: retention,
    search: "AND ${history.until} < ${before} RETURNING 1",
    replacement: "AND ${history.until} < ${before} + 170 RETURNING 1",
    further: {
      file: retention,
      search: "coalesce(sum(${scanned.until} < ${before}), 0)",
      replacement: "coalesce(sum(${scanned.until} < ${before} + 170), 0)",
    },
  },
];
