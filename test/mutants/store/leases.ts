/**
 * Mutants of how leases are bound, renewed and ended in the database, and of the batch.
 *
 * @module
 */
import type { Mutant } from "../mutant.ts";
import {
  commitTests,
  endTests,
  httpTests,
  modelTests,
  requestTests,
  sharingTests,
} from "../noticing-tests.ts";

const statements = "src/store/batch/statements.ts";
const triggers = "migrations/0001_triggers.sql";

export const storedLeaseMutants: readonly Mutant[] = [
  {
    name: "stale-claims-committed",
    rules: ["no answer uses an outdated configuration"],
    file: statements,
    search:
      '`json_each(iif((SELECT ${configuration.revision} FROM ${configuration}) = ${parameter("revision")}\n',
    replacement: '`json_each(iif(${parameter("revision")} >= 0\n',
    tests: [...commitTests, ...httpTests],
  },
  {
    name: "site-limit-counts-only-leases",
    rules: ["R7618-10-02"],
    file: statements,
    search: "AND ${used.state} <= ${bound} AND ${used.expiresAt} > now",
    replacement: "AND ${used.state} = ${bound} AND ${used.expiresAt} > now",
    tests: commitTests,
  },
  {
    name: "site-limit-counts-ended-leases",
    rules: ["R7618-10-02"],
    file: statements,
    search: "AND ${used.state} <= ${bound} AND ${used.expiresAt} > now",
    replacement: "AND ${used.state} <= ${bound}",
    tests: [...commitTests, ...modelTests],
  },
  {
    name: "release-of-another-clients-slot",
    rules: ["R7618-6-07"],
    file: statements,
    search: ["  CROSS JOIN ${ownOfClaim}", "  WHERE ${isNamedSlot} AND ${own.state} <= c.newest_state"].join(
      "\n",
    ),
    replacement: [
      "  CROSS JOIN ${lease} ${own} ON ${own.domainId} = c.domain_id",
      "  WHERE ${isNamedSlot} AND ${own.state} <= c.newest_state",
    ].join("\n"),
    tests: commitTests,
  },
  {
    name: "release-of-any-slot-of-the-client",
    rules: ["R7618-8-08", "A4"],
    file: statements,
    search: "WHERE ${isNamedSlot} AND ${own.state} <= c.newest_state",
    replacement: "WHERE ${own.state} <= c.newest_state",
    tests: commitTests,
  },
  {
    name: "late-batches-committed",
    rules: ["a batch is not committed after its deadline"],
    file: statements,
    search: '(${parameter("until")} IS NULL OR ${instantSeconds} <= ${parameter("until")})',
    replacement: '(${parameter("until")} IS NULL OR ${instantSeconds} <= ${parameter("until")} + 1000)',
    tests: commitTests,
  },
  {
    name: "late-release-ends-newer-lease",
    rules: ["a delayed message does not end a newer lease of its client"],
    file: statements,
    search: 'AND (${parameter("received")} IS NULL OR ${lastChangedMs} <= ${parameter("received")})',
    replacement: 'AND (${parameter("received")} IS NULL OR ${own.since} <= ${parameter("received")} / 1000)',
    tests: [...commitTests, ...httpTests],
  },
  {
    name: "milliseconds-of-an-earlier-change-used",
    rules: ["a delayed message does not end a newer lease of its client"],
    file: statements,
    search:
      "`iif(${own.touchedMs} / 1000 IS ${own.updatedAt}, ${own.touchedMs}, ${own.updatedAt} * 1000 + 999)`",
    replacement: "`ifnull(${own.touchedMs}, ${own.updatedAt} * 1000 + 999)`",
    tests: commitTests,
  },
  {
    name: "declined-pair-offered-to-its-client",
    rules: ["R2131-4.3.3-01", "A14"],
    file: statements,
    search:
      "${nameOf(lease.clientId)} = iif(e.state = ${declined} AND ${lease.freeAt} <> ${never}, NULL, ${lease.clientId}),",
    replacement: "",
    tests: endTests,
  },
  {
    name: "release-forgets-the-client",
    rules: ["R2131-4.3.4-01"],
    file: statements,
    search:
      "${nameOf(lease.clientId)} = iif(e.state = ${declined} AND ${lease.freeAt} <> ${never}, NULL, ${lease.clientId}),",
    replacement: "${nameOf(lease.clientId)} = NULL,",
    tests: endTests,
  },
  {
    name: "release-frees-nothing",
    rules: ["R2131-4.3.4-01"],
    file: statements,
    search:
      "  ${nameOf(lease.freeAt)} = iif(${lease.freeAt} = ${never}, ${never}, min(${lease.expiresAt}, e.now) + e.quarantine),",
    replacement: "  ${nameOf(lease.freeAt)} = ${lease.freeAt},",
    tests: endTests,
  },
  {
    name: "no-quarantine-in-the-row",
    rules: ["no pair is assigned before its quarantine ends"],
    file: statements,
    search: "min(${lease.expiresAt}, e.now) + e.quarantine),",
    replacement: "min(${lease.expiresAt}, e.now)),",
    tests: commitTests,
  },
  {
    name: "released-lease-keeps-its-softwire",
    rules: ["R8539-8-03"],
    file: statements,
    search:
      "${nameOf(lease.since)} = NULL, ${nameOf(lease.softwire)} = NULL,\n  ${nameOf(lease.updatedAt)} = e.now",
    replacement: "${nameOf(lease.since)} = NULL,\n  ${nameOf(lease.updatedAt)} = e.now",
    tests: sharingTests,
  },
  {
    name: "softwire-interval-ignored",
    rules: ["R8539-8.1-02"],
    file: statements,
    search: "OR (running AND own_softwire IS NOT NULL AND now - since < softwire_interval),",
    replacement: "OR softwire IS NULL,",
    tests: commitTests,
  },
  {
    name: "softwire-address-never-changes",
    rules: ["R8539-8.1-01"],
    file: statements,
    search: "OR (running AND own_softwire IS NOT NULL AND now - since < softwire_interval),",
    replacement: "OR (running AND own_softwire IS NOT NULL),",
    tests: sharingTests,
  },
  {
    name: "ended-lease-keeps-its-softwire",
    rules: ["R8539-8-03"],
    file: statements,
    search: "iif(${own.state} = ${bound} AND ${own.expiresAt} > now, ${own.softwire}, NULL) AS own_softwire,",
    replacement: "${own.softwire} AS own_softwire,",
    tests: modelTests,
  },
  {
    name: "softwire-conflict-stored",
    rules: ["R8539-8.2-01"],
    file: statements,
    search:
      "c.softwire IS NOT NULL AND EXISTS (\n        SELECT 1 FROM ${lease} ${other} WHERE ${other.softwire} = c.softwire AND ${other.slot} <> ${own.slot}",
    replacement:
      "c.softwire IS NULL AND EXISTS (\n        SELECT 1 FROM ${lease} ${other} WHERE ${other.softwire} = c.softwire AND ${other.slot} <> ${own.slot}",
    tests: commitTests,
  },
  {
    name: "ended-lease-stays-ended",
    rules: ["R2131-4.3.2-09"],
    file: statements,
    search: "      AND ${own.state} BETWEEN c.oldest_state AND ${bound}",
    replacement: "      AND ${own.state} BETWEEN c.oldest_state AND ${bound} AND ${own.expiresAt} > now",
    tests: requestTests,
  },
  {
    name: "renewal-binds-an-offer",
    rules: ["R2131-4.3.2-08"],
    file: statements,
    search: "AND ${own.state} BETWEEN c.oldest_state AND ${bound}",
    replacement: "AND ${own.state} <= ${bound}",
    tests: requestTests,
  },
  {
    name: "client-identifier-not-kept",
    rules: ["R7618-8-05"],
    file: statements,
    search: "${nameOf(lease.state)} = ${bound},\n  ${nameOf(lease.expiresAt)} = c.now + c.lease_seconds,",
    replacement:
      "${nameOf(lease.state)} = ${bound}, client_id = unhex(hex(${lease.clientId}) || '00'),\n  ${nameOf(lease.expiresAt)} = c.now + c.lease_seconds,",
    tests: sharingTests,
  },
  {
    name: "renewal-does-not-extend",
    rules: ["R2131-4.3.2-08", "R2131-4.3.2-10", "R2131-4.3.2-11"],
    file: statements,
    search: "  ${nameOf(lease.expiresAt)} = c.now + c.lease_seconds,",
    replacement:
      "  ${nameOf(lease.expiresAt)} = iif(c.running, ${lease.expiresAt}, c.now + c.lease_seconds),",
    tests: requestTests,
  },
  {
    name: "no-expiry-quarantine",
    rules: ["R7618-8-03"],
    file: statements,
    search: "c.now + c.lease_seconds + c.quarantine),",
    replacement: "c.now + c.lease_seconds),",
    tests: [...commitTests, ...modelTests],
  },
  {
    name: "softwire-address-not-stored",
    rules: ["R8539-8-01", "R8539-8-02"],
    file: statements,
    search: "${nameOf(lease.source)} = c.source, ${nameOf(lease.softwire)} = c.new_softwire,",
    replacement: "${nameOf(lease.source)} = c.source,",
    tests: sharingTests,
  },
  {
    name: "softwire-conflict-binds-without-softwire",
    rules: ["R8539-8.2-02"],
    file: statements,
    search: "AND (c.running OR NOT c.softwire_taken) AND (c.in_use OR ${siteHasRoom})",
    replacement: "AND (c.in_use OR ${siteHasRoom})",
    tests: sharingTests,
  },
  {
    name: "nak-to-a-pair-of-an-ended-lease",
    rules: ["R2131-4.3.2-13"],
    file: statements,
    search: [
      "      SELECT 1 FROM ${lease} ${other} WHERE ${other.slot} = c.first_slot",
      "        AND ${other.state} = ${bound} AND ${other.expiresAt} > now",
    ].join("\n"),
    replacement:
      "      SELECT 1 FROM ${lease} ${other} WHERE ${other.slot} = c.first_slot AND ${other.state} = ${bound}",
    tests: requestTests,
  },
  {
    name: "request-to-another-server-ends-lease",
    rules: ["R2131-4.3.2-02"],
    file: "src/store/batch/claim-rows.ts",
    search: 'claim.as === "withdrawn" ? LeaseState.offered : LeaseState.bound,',
    replacement: "LeaseState.bound,",
    tests: requestTests,
  },
  {
    name: "ack-before-commit",
    rules: ["R2131-4.3.2-03"],
    file: "src/store/batch/commit.ts",
    search: "const results = await database.write(statements.map((statement) => statement(values)));",
    replacement: [
      "const all = statements.map((statement) => statement(values));",
      "  const results = [{ columns: [], rows: [] }, ...(await database.write(all.slice(-1)))];",
      "  void database.write(all).catch(() => undefined);",
    ].join("\n"),
    tests: requestTests,
  },
  {
    name: "ack-after-a-failed-commit",
    rules: ["R2131-4.3.2-03"],
    file: "src/store/database/file.ts",
    search: '      driver.exec("COMMIT");\n      return results;',
    replacement: [
      "      try {",
      '        driver.exec("COMMIT");',
      "      } catch {",
      "        rollBack(driver);",
      "      }",
      "      return results;",
    ].join("\n"),
    tests: requestTests,
  },
  {
    name: "batch-judged-by-earlier-instant",
    rules: ["all leases are judged by the database's clock at the time of the batch"],
    file: "src/store/database/file.ts",
    search: "      if (first !== undefined) this.#run(driver, first());",
    replacement: "      if (first !== undefined && this.#prepared.size < 5) this.#run(driver, first());",
    tests: ["src/store/database", ...commitTests],
  },
  {
    name: "clock-read-before-the-lock",
    rules: ["a batch that waited for the lock is judged by the time at which it runs"],
    file: "src/store/database/file.ts",
    search: [
      '    return this.#transact("BEGIN IMMEDIATE", statements, () => ({',
      "      sql: setInstant,",
      "      args: [Math.floor(clockMs())],",
      "    }));",
    ].join("\n"),
    replacement: [
      "    const instant = { sql: setInstant, args: [Math.floor(clockMs())] };",
      '    return this.#transact("BEGIN IMMEDIATE", statements, () => instant);',
    ].join("\n"),
    tests: ["src/store/database"],
  },
  {
    name: "history-not-written",
    rules: ["every ended lease is in the history"],
    file: triggers,
    search:
      "WHEN OLD.since IS NOT NULL AND (NEW.since IS NOT OLD.since OR NEW.client_id IS NOT OLD.client_id)",
    replacement:
      "WHEN OLD.since IS NOT NULL AND OLD.expires_at > NEW.updated_at AND NEW.since IS NOT OLD.since",
    tests: commitTests,
  },
  {
    name: "history-ends-when-the-row-changes",
    rules: ["a tenure ends with its lease"],
    file: triggers,
    search: "min(OLD.expires_at, NEW.updated_at),",
    replacement: "NEW.updated_at,",
    tests: commitTests,
  },
];
