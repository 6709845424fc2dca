/**
 * Broken rules: each is one change of one place of the source, and some test must notice it. Those of one source file
 * stand together, in the order of their places in it; those of the admin API stand by what it promises.
 *
 * @module
 */
import { adminMutants } from "./admin.ts";
import { clockMutants } from "./clock.ts";
import { httpMutants } from "./http.ts";
import { discoverMutants } from "./lease/discover.ts";
import { endMutants } from "./lease/end.ts";
import { queryMutants } from "./lease/query.ts";
import { requestMutants } from "./lease/request.ts";
import { responseOptionMutants } from "./lease/response-options.ts";
import { responseMutants } from "./lease/response.ts";
import type { Mutant } from "./mutant.ts";
import { portsetMutants } from "./portset.ts";
import { relayMutants } from "./relay.ts";
import { storedLeaseMutants } from "./store/leases.ts";
import { offerMutants } from "./store/offers.ts";
import { trustMutants } from "./trust.ts";
import { wireMutants } from "./wire.ts";

/** All broken rules, from the octets to the admin API, and those of the relay. */
export const mutants: readonly Mutant[] = [
  ...trustMutants,
  ...clockMutants,
  ...wireMutants,
  ...portsetMutants,
  ...queryMutants,
  ...discoverMutants,
  ...requestMutants,
  ...endMutants,
  ...responseMutants,
  ...responseOptionMutants,
  ...offerMutants,
  ...storedLeaseMutants,
  ...httpMutants,
  ...adminMutants,
  ...relayMutants,
];
