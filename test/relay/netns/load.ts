/**
 * `load.ts JSON`: lets clients obtain leases in rounds of other clients, then renews them all. Says `round N` after
 * each round, and in the end in one line of JSON what became of it. See service.ts.
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
// A lease that was lost, or given to another, is not acknowledged with the same pair.
const renewed: LoadResult[] = [];
for (const { leases } of leased) renewed.push(await renewLoad(options, leases));
const report: LoadReport = {
  held: renewed.flatMap(({ leases }) => leasesOf(leases)).length,
  violations: violationsOf(renewed),
  naks: renewed.reduce((sum, { counts }) => sum + counts.naks + counts.timeouts, 0),
  retransmits: leased.reduce((sum, { counts }) => sum + counts.retransmits, 0),
};
process.stdout.write(`${JSON.stringify(report)}\n`);
