/**
 * Bugs of evidence: what the audit says, and what housekeeping deletes.
 *
 * @module
 */
import type { PlantedBug } from "./bug.ts";

export const evidenceBugs: readonly PlantedBug[] = [
  {
    name: "audit-names-the-environment",
    promise: "a record of the audit names the token that made the change",
    file: "src/store/evidence/leases.ts",
    search: "    actor: principal.name,\n    action,",
    replacement: '    actor: "environment",\n    action,',
  },
];
