/**
 * Domains that an operator creates and deletes. They have no clients, and nobody but operators may see them.
 *
 * @module
 */
import type { Random } from "../support/random.ts";
import type { Change } from "./operator.ts";

/** What the names of these domains, and of their pools, begin with. */
export const spareName = "spare";

/** Few, so that they are created again. */
const sparesMax = 2;

/** @returns Something to do with a domain of this kind. */
export function changeSpareDomain(random: Random): Change {
  const number = random.below(sparesMax);
  const domain = `${spareName}-${number}`;
  const pool = `${domain}-pool`;
  return random.pick<() => Change>([
    () => putDomain(random, domain, number),
    () => putPool(random, pool, domain, number),
    () => ({ method: "DELETE", path: `/pools/${pool}`, statuses: [202, 204, 404, 409, 412] }),
    () => ({ method: "DELETE", path: `/domains/${domain}`, statuses: [204, 404, 409, 412] }),
  ])();
}

function putDomain(random: Random, domain: string, number: number): Change {
  const leaseSeconds = random.pick([300, 600]);
  return {
    method: "PUT",
    path: `/domains/${domain}`,
    body: {
      prefixes: [`2001:db8:e${number}00::/40`],
      serverIdentifier: `198.51.100.${200 + number}`,
      leaseSeconds: { default: leaseSeconds, min: 60, max: leaseSeconds },
    },
    isCreation: random.oneIn(2),
    statuses: [200, 201, 409, 412, 428],
  };
}

function putPool(random: Random, pool: string, domain: string, number: number): Change {
  const range = `198.19.${number}.0-198.19.${number}.${random.pick([3, 15])}`;
  return {
    method: "PUT",
    path: `/pools/${pool}`,
    body: { domain, range, kind: "shared", psidLength: 4 },
    isCreation: random.oneIn(2),
    statuses: [200, 201, 400, 404, 409, 412, 428],
  };
}
