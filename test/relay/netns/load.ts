/**
 * `load.ts JSON`: obtains leases for the clients of each round, then renews all leases. Prints `round N` after each
 * round, and finally a report as one line of JSON. See service.ts.
 */
import { leasesOf } from "../../../src/load/lease-table.ts";
import { leaseLoad, renewLoad } from "../../../src/load/load.ts";
import type { LoadResult } from "../../../src/load/result.ts";
import { violationsOf } from "../../bench/violations.ts";
import type { LoadOfRounds, LoadReport } from "./service.ts";

const { rounds, ...options } = JSON.parse(process.argv[2]!) as LoadOfRounds;
const leased: LoadResult[] = [];
for (let round = 0; round < rounds; round++) {
  leased.push(await leaseLoad({ ...options, firstClient: round * options.clients }));
  process.stdout.write(`round ${round}\n`);
}
// A lease that was lost or leased to another client is not acknowledged with the same pair.
const renewed: LoadResult[] = [];
for (const { leases } of leased) renewed.push(await renewLoad(options, leases));
const report: LoadReport = {
  held: renewed.flatMap(({ leases }) => leasesOf(leases)).length,
  violations: violationsOf(renewed),
  naks: renewed.reduce((sum, { counts }) => sum + counts.naks + counts.timeouts, 0),
  retransmits: leased.reduce((sum, { counts }) => sum + counts.retransmits, 0),
};
process.stdout.write(`${JSON.stringify(report)}\n`);
