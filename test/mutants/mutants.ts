/**
 * All mutants. Each changes one place of the source, and at least one test must then fail. Mutants of the same source
 * file are listed together, in the order of the file; those of the admin API are grouped by its rules.
 *
 * @module
 */
import { adminMutants } from "./admin.ts";
import { clockMutants } from "./clock.ts";
import { httpMutants } from "./http.ts";
import { configurationMutants } from "./configuration.ts";
import { discoverMutants } from "./lease/discover.ts";
import { endMutants } from "./lease/end.ts";
import { queryMutants } from "./lease/query.ts";
import { lineMutants } from "./lease/line.ts";
import { requestMutants } from "./lease/request.ts";
import { responseOptionMutants } from "./lease/response-options.ts";
import { responseMutants } from "./lease/response.ts";
import type { Mutant } from "./mutant.ts";
import { moveMutants } from "./moves.ts";
import { outageMutants } from "./outages.ts";
import { parserMutants } from "./parsers.ts";
import { portsetMutants } from "./portset.ts";
import { relayMutants } from "./relay.ts";
import { endOfLeaseMutants } from "./store/ends.ts";
import { settingMutants } from "./settings.ts";
import { serverMutants } from "./store/server.ts";
import { storedLeaseMutants } from "./store/leases.ts";
import { offerMutants } from "./store/offers.ts";
import { strangerMutants } from "./strangers.ts";
import { storageMutants } from "./storage.ts";
import { trustMutants } from "./trust.ts";
import { wireMutants } from "./wire.ts";

/** Mutants of the codecs, the lease rules, the store, the HTTP API and the relay. */
export const mutants: readonly Mutant[] = [
  ...trustMutants,
  ...clockMutants,
  ...storageMutants,
  ...wireMutants,
  ...parserMutants,
  ...portsetMutants,
  ...queryMutants,
  ...discoverMutants,
  ...requestMutants,
  ...endMutants,
  ...lineMutants,
  ...responseMutants,
  ...responseOptionMutants,
  ...offerMutants,
  ...storedLeaseMutants,
  ...endOfLeaseMutants,
  ...serverMutants,
  ...httpMutants,
  ...strangerMutants,
  ...outageMutants,
  ...moveMutants,
  ...adminMutants,
  ...configurationMutants,
  ...relayMutants,
  ...settingMutants,
];
