/**
 * `load.ts JSON`: lets many clients obtain leases and renew them all, and says in one line of JSON what became of it.
 * See service.ts.
 */
import { leasesOf } from "../../../src/client/lease-table.ts";
import { leaseLoad, renewLoad } from "../../../src/client/load.ts";
import type { LoadOptions } from "../../../src/client/load.ts";
import { violationsOf } from "../../bench/violations.ts";

const options = JSON.parse(process.argv[2]!) as LoadOptions;
const leased = await leaseLoad(options);
const renewed = await renewLoad(options, leased.leases);
process.stdout.write(
  `${JSON.stringify({
    held: leasesOf(renewed.leases).length,
    violations: violationsOf([leased, renewed].slice(1)),
    retransmits: leased.counts.retransmits + renewed.counts.retransmits,
  })}\n`,
);
