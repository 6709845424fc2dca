/**
 * Mutants of the admin API, the evidence and the binding table.
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
    name: "drain-with-read-scope",
    rules: ["changes require the scope admin"],
    file: "src/http/admin/app.ts",
    search: 'const isRead = ["GET", "HEAD"].includes(context.req.method);',
    replacement:
      'const isRead = ["GET", "HEAD"].includes(context.req.method) || context.req.path.endsWith("/drain");',
    tests: adminTests,
  },
  {
    name: "relay-scope-opens-admin-api",
    rules: ["the scope relay allows the relay endpoint only"],
    file: "src/http/admin/app.ts",
    search: '[guard("read"), guard("admin")]',
    replacement: '[guard("read", "relay"), guard("admin")]',
    tests: adminTests,
  },
  {
    name: "lists-show-all-domains",
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
    name: "reservation-lists-show-all-domains",
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
    name: "audit-shows-all-domains",
    rules: ["a token of one domain sees nothing of another"],
    file: "src/store/configuration/audit.ts",
    search: "placesFor(databases, principal, filter.domain)",
    replacement: "placesFor(databases, { ...principal, domain: null }, filter.domain)",
    tests: adminTests,
  },
  {
    name: "lease-lists-show-all-domains",
    rules: ["a token of one domain sees nothing of another"],
    file: findLeases,
    search: "placesFor(databases, principal, domain)",
    replacement: "placesFor(databases, { ...principal, domain: null }, domain)",
    tests: adminTests,
  },
  {
    name: "lease-by-id-across-domains",
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
    name: "binding-table-shows-all-domains",
    rules: ["a token of one domain sees nothing of another"],
    file: "src/store/evidence/bindings.ts",
    search: "placesFor(databases, principal, domain)",
    replacement: "placesFor(databases, { ...principal, domain: null }, domain)",
    tests: adminTests,
  },
  {
    name: "statistics-show-all-domains",
    rules: ["a token of one domain sees nothing of another"],
    file: "src/store/evidence/statistics.ts",
    search: "pools.filter(({ domain }) => canAccess(principal, domain))",
    replacement: "pools.filter(({ domain }) => canAccess(principal, domain) || true)",
    tests: adminTests,
  },
  {
    name: "domain-token-applies-whole-configuration",
    rules: ["a token of one domain changes nothing of another"],
    file: "src/http/admin/config/routes.ts",
    search: 'requireAllDomains(principal, "change the whole configuration");',
    replacement: "",
    tests: adminTests,
  },
  {
    name: "expired-token-accepted",
    rules: ["a token is valid until it expires"],
    file: tokens,
    search: "or(isNull(accessToken.expiresAt), gt(accessToken.expiresAt, now))",
    replacement: "or(isNull(accessToken.expiresAt), gt(accessToken.expiresAt, 0))",
    tests: adminTests,
  },
  {
    name: "rotated-secret-never-expires",
    rules: ["a rotated secret is valid during the overlap only"],
    file: tokens,
    search: "accessToken.previousUntil} > ${now}, 0)",
    replacement: "accessToken.previousUntil} > 0, 0)",
    tests: adminTests,
  },
  {
    name: "failed-tokens-not-limited",
    rules: ["failed tokens are limited by client address"],
    file: "src/http/failure-limit.ts",
    search: "count(own, token, authFailuresMax);",
    replacement: "",
    tests: adminTests,
  },
];

const changeMutants: readonly Mutant[] = [
  {
    name: "if-match-ignored",
    rules: ["RFC 9110 §13.1.1"],
    file: "src/store/configuration/precondition.ts",
    search: 'return typeof required === "number" && required !== version',
    replacement: 'return typeof required === "number" && version < 0 && required !== version',
    tests: adminTests,
  },
  {
    name: "invalid-cursor-is-a-500",
    rules: ["no request causes a 500"],
    file: "src/http/admin/paging.ts",
    search: "  } catch {\n    return undefined;\n  }",
    replacement: '  } catch {\n    throw new RangeError("Cannot read the cursor");\n  }',
    tests: adminTests,
  },
  {
    name: "change-without-audit-row",
    rules: ["every change is audited"],
    file: change,
    search: "    writer.run(auditOfLast(audit)),\n    ...further,\n    ...queries,",
    replacement: "    writer.run(sql`SELECT 1`),\n    ...further,\n    ...queries,",
    tests: adminTests,
  },
  {
    name: "refused-change-in-audit",
    rules: ["refused changes are not audited"],
    file: "src/store/configuration/audit.ts",
    search: "return sql`${auditAlways(entry)} WHERE changes() > 0`;",
    replacement: "return auditAlways(entry);",
    tests: adminTests,
  },
  {
    name: "overlapping-pools-accepted",
    rules: ["pools do not overlap"],
    file: "src/store/configuration/pool-changes.ts",
    search: "AND NOT EXISTS (SELECT 1 FROM ${pool} WHERE ${overlaps(values)})",
    replacement: "AND NOT EXISTS (SELECT 1 FROM ${pool} WHERE ${pool.firstAddress} = ${values.firstAddress})",
    tests: adminTests,
  },
  {
    name: "declared-state-partly-applied",
    rules: ["a declared state is applied atomically"],
    file: change,
    search: "${secondRow} WHERE changes() = 0",
    replacement: "${secondRow} WHERE changes() < 0",
    tests: storeTests,
  },
  {
    name: "stale-plan-applied",
    rules: ["a plan is applied only to the configuration that it was made for"],
    file: change,
    search: "WHERE ${configuration.id} = 1 AND",
    replacement: "WHERE ${configuration.id} = 2 AND",
    tests: storeTests,
  },
  {
    name: "dry-run-applies-changes",
    rules: ["a dry run changes nothing"],
    file: "src/http/admin/config/routes.ts",
    search: 'context.req.valid("query").dryRun === "true";',
    replacement: 'context.req.valid("query").dryRun === "false";',
    tests: adminTests,
  },
  {
    name: "dry-run-ignores-etag",
    rules: ["a dry run with a stale ETag is refused, as an application is"],
    file: "src/store/configuration/declaration.ts",
    search: "  if (stale !== undefined) return stale;\n",
    replacement: "",
    tests: adminTests,
  },
  {
    name: "if-none-match-accepted-for-configuration",
    rules: ["a configuration always exists"],
    file: "src/store/configuration/declaration.ts",
    search: "if (precondition?.mustBeNew === true)",
    replacement: "if (precondition?.version === 0)",
    tests: adminTests,
  },
  {
    name: "reservation-partly-replaced",
    rules: ["a reservation is replaced atomically"],
    file: "src/store/configuration/reservation-changes.ts",
    search: "eq(reservation.version, version), isPossible))",
    replacement: "eq(reservation.version, version)))",
    tests: adminTests,
  },
  {
    name: "manual-release-without-quarantine",
    rules: ["a binding leaves the feed before its pair is assigned again"],
    file: "src/store/evidence/lease-changes.ts",
    search: "${freeNever}, ${instantSeconds} + ${quarantineSeconds})`",
    replacement: "${freeNever}, ${instantSeconds} + 0 * ${quarantineSeconds})`",
    tests: storeTests,
  },
];

const evidenceMutants: readonly Mutant[] = [
  {
    name: "tenure-includes-its-end",
    rules: ["a tenure is half-open"],
    file: "src/store/evidence/history.ts",
    search: "tenure.since <= at && at < tenure.until;",
    replacement: "tenure.since <= at && at <= tenure.until;",
    tests: storeTests,
  },
  {
    name: "binding-log-misses-begins-and-ends",
    rules: ["RFC 7596 §6.1"],
    file: feedTriggers,
    search: "WHEN (NEW.since IS NOT OLD.since OR NEW.softwire IS NOT OLD.softwire)",
    replacement: "WHEN (NEW.softwire IS NOT OLD.softwire)",
    tests: storeTests,
  },
  {
    name: "binding-log-of-unbound-leases",
    rules: ["RFC 7596 §6.1"],
    file: feedTriggers,
    search: "iif(OLD.since IS NULL, NULL, OLD.softwire), OLD.expires_at);",
    replacement: "NEW.softwire, OLD.expires_at);",
    tests: storeTests,
  },
  {
    name: "binding-psid-left-justified",
    rules: ["the PSIDs of a binding table are right-justified"],
    file: "src/binding-table/rfc8676.ts",
    search: '"psid-len": psidLength, psid },',
    replacement: '"psid-len": psidLength, psid: psid << (16 - psidLength) },',
    tests: ["test/binding-formats.test.ts", "src/http/admin/evidence.test.ts"],
  },
  {
    name: "housekeeping-stops-after-a-failure",
    rules: ["housekeeping continues after a failure"],
    file: "src/runtime/housekeeping.ts",
    search: 'log.warn({ err: error }, "housekeeping failed; the next run retries");',
    replacement: "return;",
    tests: ["src/runtime"],
  },
];

/** Rules for domains on several databases. */
const placementMutants: readonly Mutant[] = [
  {
    name: "pools-of-moved-domain-listed-twice",
    rules: ["a list has each item once, from the database of its domain"],
    file: pools,
    search: "        gt(pool.name, after),\n          inScope(domain.name, scope),",
    replacement: "        gt(pool.name, after),",
    tests: adminTests,
  },
  {
    name: "token-of-moved-domain-accepted",
    rules: ["a token is valid only in the database of its domain"],
    file: tokens,
    search: "and(isPresented, isUnexpired, inScope(domain.name, scope))",
    replacement: "and(isPresented, isUnexpired)",
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
    name: "declared-state-partly-applied-across-databases",
    rules: ["a declared state is applied atomically"],
    file: "src/store/configuration/declaration.ts",
    search: "if (shares.some(({ draft }) => isRefused(draft)))",
    replacement: "if (shares.length === 0)",
    tests: adminTests,
  },
];

const domainPut = "src/store/configuration/domain-put.ts";
const servedTests = ["src/http/admin/domains"];

const servedMutants: readonly Mutant[] = [
  {
    name: "domain-token-changes-whom-it-serves",
    rules: ["T14"],
    file: domainPut,
    search: "if (principal.domain === null) return undefined;",
    replacement: 'if (principal.scope !== "read") return undefined;',
    tests: servedTests,
  },
  {
    name: "domain-token-replaces-whom-it-serves",
    rules: ["T14"],
    file: "src/store/configuration/domains.ts",
    search: "trespass(principal, stored.settings, settings) ??\n        replacementRefusal",
    replacement: "replacementRefusal",
    tests: servedTests,
  },
  {
    name: "domain-token-removes-prefixes",
    rules: ["T14"],
    file: "src/store/configuration/served.ts",
    search: "[...addedTo(has, wants).values(), ...addedTo(wants, has).values()]",
    replacement: "[...addedTo(has, wants).values()]",
    tests: servedTests,
  },
  {
    name: "same-prefix-by-text",
    rules: ["T15"],
    file: "src/store/configuration/served.ts",
    search: "add(`prefix ${formatIPv6Prefix(parseIPv6Prefix(text))}`",
    replacement: "add(`prefix ${text}`",
    tests: servedTests,
  },
  {
    name: "same-line-by-text",
    rules: ["T15"],
    file: "src/store/configuration/served.ts",
    search: "${encodeHex(parseInterfaceId(interfaceId))}",
    replacement: "${interfaceId}",
    tests: servedTests,
  },
  {
    name: "same-prefix-at-the-same-time",
    rules: ["T15"],
    file: "src/store/configuration/domain-changes.ts",
    search: "if (revision === undefined) return undefined;",
    replacement: "if (revision !== 0) return undefined;",
    tests: ["src/store/configuration/refusals.test.ts"],
  },
  {
    name: "same-prefix-in-another-database",
    rules: ["T15"],
    file: domainPut,
    search: "if (clash !== undefined) return { clash, others: others.length };",
    replacement: "",
    tests: servedTests,
  },
  {
    name: "same-prefix-at-the-same-time-in-two-databases",
    rules: ["T15"],
    file: domainPut,
    search: "if (served.size === 0) return undefined;",
    replacement: "if (served.size !== -1) return undefined;",
    tests: ["src/store/configuration/refusals.test.ts"],
  },
  {
    name: "same-prefix-declared",
    rules: ["T15"],
    file: "src/store/configuration/plan-domains.ts",
    search: "const other = others.find((each) => each !== name);",
    replacement: "const other = others.find((each) => each === undefined);",
    tests: servedTests,
  },
  {
    name: "old-twins-cannot-be-changed",
    rules: ["T15"],
    file: domainPut,
    search: "const added = addedTo(servedBy(stored.settings), servedBy(settings));",
    replacement: "const added = servedBy(settings);",
    tests: servedTests,
  },
  {
    name: "outermost-line-decides",
    rules: ["T15"],
    file: "src/lease/select-domain.ts",
    search: "for (let level = believed.length - 1; level > 0; level--) {\n    const { linkAddress, options }",
    replacement:
      "for (let level = 1; level < believed.length; level++) {\n    const { linkAddress, options }",
    tests: ["src/lease/select-domain.test.ts"],
  },
];

export const adminMutants: readonly Mutant[] = [
  ...servedMutants,
  ...accessMutants,
  ...changeMutants,
  ...evidenceMutants,
  ...placementMutants,
];
