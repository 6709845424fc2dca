/**
 * Broken promises of the admin API, of the evidence and of the binding table.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const adminTests = ["src/http/admin"];
const storeTests = ["src/store", "src/http/admin/evidence.test.ts"];
const change = "src/store/configuration/change.ts";
const pools = "src/store/configuration/pools.ts";
const poolPut = "src/store/configuration/pool-put.ts";
const reservations = "src/store/configuration/reservations.ts";
const leases = "src/store/evidence/leases.ts";
const findLeases = "src/store/evidence/find-leases.ts";
const tokens = "src/store/configuration/tokens.ts";
const feedTriggers = "migrations/0005_feed_triggers.sql";

const accessMutants: readonly Mutant[] = [
  {
    name: "drain-with-a-token-that-may-only-read",
    rules: ["what changes something wants the scope admin"],
    file: "src/http/admin/app.ts",
    search: 'const isRead = ["GET", "HEAD"].includes(context.req.method);',
    replacement:
      'const isRead = ["GET", "HEAD"].includes(context.req.method) || context.req.path.endsWith("/drain");',
    tests: adminTests,
  },
  {
    name: "relays-read-the-admin-api",
    rules: ["the scope relay opens the relay endpoint alone"],
    file: "src/http/admin/app.ts",
    search: '[guard("read"), guard("admin")]',
    replacement: '[guard("read", "relay"), guard("admin")]',
    tests: adminTests,
  },
  {
    name: "lists-of-all-domains",
    rules: ["a token of one domain sees nothing of another"],
    file: pools,
    search: "placesFor(databases, principal, filter.domain),",
    replacement: "placesFor(databases, { ...principal, domain: null }, filter.domain),",
    tests: adminTests,
  },
  {
    name: "reads-across-domains",
    rules: ["a token of one domain sees nothing of another"],
    file: pools,
    search: "findIn(placesFor(databases, principal), (place) => findPool(place, name));",
    replacement:
      "findIn(placesFor(databases, { ...principal, domain: null }), (place) => findPool(place, name));",
    tests: adminTests,
  },
  {
    name: "reservations-of-all-domains",
    rules: ["a token of one domain sees nothing of another"],
    file: reservations,
    search: "placesFor(databases, principal, filter.domain),",
    replacement: "placesFor(databases, { ...principal, domain: null }, filter.domain),",
    tests: adminTests,
  },
  {
    name: "reservations-read-across-domains",
    rules: ["a token of one domain sees nothing of another"],
    file: reservations,
    search: "placesFor(databases, principal), (place) => findReservation",
    replacement: "placesFor(databases, { ...principal, domain: null }), (place) => findReservation",
    tests: adminTests,
  },
  {
    name: "record-of-all-domains",
    rules: ["a token of one domain sees nothing of another"],
    file: "src/store/configuration/audit.ts",
    search: "placesFor(databases, principal, filter.domain)",
    replacement: "placesFor(databases, { ...principal, domain: null }, filter.domain)",
    tests: adminTests,
  },
  {
    name: "leases-of-all-domains",
    rules: ["a token of one domain sees nothing of another"],
    file: findLeases,
    search: "placesFor(databases, principal, domain)",
    replacement: "placesFor(databases, { ...principal, domain: null }, domain)",
    tests: adminTests,
  },
  {
    name: "leases-named-across-domains",
    rules: ["a token of one domain sees nothing of another"],
    file: leases,
    search: "placesFor(databases, principal), async",
    replacement: "placesFor(databases, { ...principal, domain: null }), async",
    tests: adminTests,
  },
  {
    name: "look-ups-across-domains",
    rules: ["a token of one domain sees nothing of another"],
    file: "src/store/evidence/history.ts",
    search: "placesFor(databases, principal)",
    replacement: "placesFor(databases, { ...principal, domain: null })",
    tests: adminTests,
  },
  {
    name: "binding-table-of-all-domains",
    rules: ["a token of one domain sees nothing of another"],
    file: "src/store/evidence/bindings.ts",
    search: "placesFor(databases, principal, domain)",
    replacement: "placesFor(databases, { ...principal, domain: null }, domain)",
    tests: adminTests,
  },
  {
    name: "statistics-of-all-domains",
    rules: ["a token of one domain sees nothing of another"],
    file: "src/store/evidence/statistics.ts",
    search: "pools.filter(({ domain }) => canAccess(principal, domain))",
    replacement: "pools.filter(({ domain }) => canAccess(principal, domain) || true)",
    tests: adminTests,
  },
  {
    name: "whole-configuration-for-one-domain",
    rules: ["a token of one domain changes nothing of another"],
    file: "src/http/admin/config/routes.ts",
    search: 'requireAllDomains(principal, "change the whole configuration");',
    replacement: "",
    tests: adminTests,
  },
  {
    name: "token-without-an-end",
    rules: ["a token is good until it expires"],
    file: tokens,
    search: "or(isNull(accessToken.expiresAt), gt(accessToken.expiresAt, now))",
    replacement: "or(isNull(accessToken.expiresAt), gt(accessToken.expiresAt, 0))",
    tests: adminTests,
  },
  {
    name: "rotated-secret-good-for-ever",
    rules: ["a rotated secret is good for the overlap alone"],
    file: tokens,
    search: "gt(accessToken.previousUntil, now)",
    replacement: "gt(accessToken.previousUntil, 0)",
    tests: adminTests,
  },
  {
    name: "guesses-cost-nothing",
    rules: ["failures are limited by address"],
    file: "src/http/auth.ts",
    search: "failures.add(address);",
    replacement: "",
    tests: adminTests,
  },
];

const changeMutants: readonly Mutant[] = [
  {
    name: "if-match-dropped",
    rules: ["RFC 9110 §13.1.1"],
    file: "src/store/configuration/precondition.ts",
    search: 'return typeof asked === "number" && asked !== version ?',
    replacement: 'return typeof asked === "number" && version < 0 && asked !== version ?',
    tests: adminTests,
  },
  {
    name: "odd-cursor-is-a-fault-of-ours",
    rules: ["no request is a 500"],
    file: "src/http/admin/paging.ts",
    search: "  } catch {\n    return undefined;\n  }",
    replacement: '  } catch {\n    throw new RangeError("Cannot read the cursor");\n  }',
    tests: adminTests,
  },
  {
    name: "change-without-its-record",
    rules: ["every change is in audit"],
    file: change,
    search: "    writer.run(auditOfLast(audit)),\n    ...further,\n    ...queries,",
    replacement: "    writer.run(sql`SELECT 1`),\n    ...further,\n    ...queries,",
    tests: adminTests,
  },
  {
    name: "record-of-what-was-refused",
    rules: ["what was refused is not in audit"],
    file: "src/store/configuration/audit.ts",
    search: "return sql`${auditAlways(entry)} WHERE changes() > 0`;",
    replacement: "return auditAlways(entry);",
    tests: adminTests,
  },
  {
    name: "overlapping-pools-let-in",
    rules: ["pools do not overlap"],
    file: "src/store/configuration/pool-changes.ts",
    search: "AND NOT EXISTS (SELECT 1 FROM ${pool} WHERE ${overlaps(values)})",
    replacement: "AND NOT EXISTS (SELECT 1 FROM ${pool} WHERE ${pool.firstAddress} = ${values.firstAddress})",
    tests: adminTests,
  },
  {
    name: "declared-state-applied-in-part",
    rules: ["a declared state is applied as a whole, or not"],
    file: change,
    search: "${secondRow} WHERE changes() = 0",
    replacement: "${secondRow} WHERE changes() < 0",
    tests: storeTests,
  },
  {
    name: "plan-of-an-older-configuration-applied",
    rules: ["a declared state is applied to what it was planned by"],
    file: change,
    search: "WHERE ${configuration.id} = 1 AND",
    replacement: "WHERE ${configuration.id} = 2 AND",
    tests: storeTests,
  },
  {
    name: "dry-run-that-does-it",
    rules: ["a dry run changes nothing"],
    file: "src/http/admin/config/routes.ts",
    search: 'context.req.valid("query").dryRun === "true";',
    replacement: 'context.req.valid("query").dryRun === "false";',
    tests: adminTests,
  },
  {
    name: "dry-run-of-another-revision",
    rules: ["a dry run is refused for an older ETag, as an application is"],
    file: "src/store/configuration/declaration.ts",
    search: "  if (stale !== undefined) return stale;\n",
    replacement: "",
    tests: adminTests,
  },
  {
    name: "configuration-that-must-be-new",
    rules: ["there always is a configuration"],
    file: "src/store/configuration/declaration.ts",
    search: "if (precondition?.mustBeNew === true)",
    replacement: "if (precondition?.version === 0)",
    tests: adminTests,
  },
  {
    name: "reservation-replaced-in-part",
    rules: ["a reservation is replaced as a whole, or not"],
    file: "src/store/configuration/reservation-changes.ts",
    search: "eq(reservation.version, version), isPossible))",
    replacement: "eq(reservation.version, version)))",
    tests: adminTests,
  },
  {
    name: "released-by-hand-without-a-quarantine",
    rules: ["a lease's row leaves the feed before its pair is another's"],
    file: "src/store/evidence/lease-changes.ts",
    search: "${freeNever}, ${instantSeconds} + ${quarantineSeconds})`",
    replacement: "${freeNever}, ${instantSeconds} + 0 * ${quarantineSeconds})`",
    tests: storeTests,
  },
];

const evidenceMutants: readonly Mutant[] = [
  {
    name: "tenure-that-has-its-end",
    rules: ["a tenure is half-open"],
    file: "src/store/evidence/history.ts",
    search: "tenure.since <= at && at < tenure.until;",
    replacement: "tenure.since <= at && at <= tenure.until;",
    tests: storeTests,
  },
  {
    name: "binding-log-without-begins-and-ends",
    rules: ["RFC 7596 §6.1"],
    file: feedTriggers,
    search: "WHEN (NEW.since IS NOT OLD.since OR NEW.softwire IS NOT OLD.softwire)",
    replacement: "WHEN (NEW.softwire IS NOT OLD.softwire)",
    tests: storeTests,
  },
  {
    name: "binding-log-of-leases-that-were-none",
    rules: ["RFC 7596 §6.1"],
    file: feedTriggers,
    search: "iif(OLD.since IS NULL, NULL, OLD.softwire), OLD.expires_at);",
    replacement: "NEW.softwire, OLD.expires_at);",
    tests: storeTests,
  },
  {
    name: "psid-of-a-binding-left-justified",
    rules: ["the PSIDs of a binding table are right-justified"],
    file: "src/binding-table/rfc8676.ts",
    search: '"psid-len": psidLength, psid },',
    replacement: '"psid-len": psidLength, psid: psid << (16 - psidLength) },',
    tests: ["test/binding-formats.test.ts", "src/http/admin/evidence.test.ts"],
  },
  {
    name: "housekeeping-that-gives-up",
    rules: ["a failure of housekeeping is not the end of it"],
    file: "src/runtime/housekeeping.ts",
    search: 'log.warn({ err: error }, "housekeeping failed; retrying later");',
    replacement: "return;",
    tests: ["src/runtime"],
  },
];

/** Domains on several databases. */
const placementMutants: readonly Mutant[] = [
  {
    name: "what-a-domain-left-behind-is-listed",
    rules: ["a list has each thing once, from where it is"],
    file: pools,
    search: "        gt(pool.name, after),\n          inScope(domain.name, scope),",
    replacement: "        gt(pool.name, after),",
    tests: adminTests,
  },
  {
    name: "token-that-a-domain-left-behind",
    rules: ["a token goes with its domain"],
    file: tokens,
    search: "isPrevious), isGood, inScope(domain.name, scope))",
    replacement: "isPrevious), isGood)",
    tests: adminTests,
  },
  {
    name: "pools-overlap-across-databases",
    rules: ["pools of two databases do not overlap"],
    file: poolPut,
    search: "overlap: overlap === undefined ? undefined : poolOfRow(overlap),",
    replacement: "overlap: undefined,",
    tests: adminTests,
  },
  {
    name: "state-declared-in-part-of-the-databases",
    rules: ["a declared state is applied as a whole, or not"],
    file: "src/store/configuration/declaration.ts",
    search: "if (shares.some(({ draft }) => isRefused(draft)))",
    replacement: "if (shares.length === 0)",
    tests: adminTests,
  },
];

export const adminMutants: readonly Mutant[] = [
  ...accessMutants,
  ...changeMutants,
  ...evidenceMutants,
  ...placementMutants,
];
