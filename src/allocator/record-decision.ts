/**
 * What became of a message, for those who look later: counted, and written down with its reason where it is not what
 * the client wished.
 *
 * @module
 */
import type { Decision } from "../lease/decision.ts";
import type { Query } from "../lease/query.ts";
import { reasons } from "../lease/reasons.ts";
import type { Counters } from "./counters.ts";
import type { Log } from "./log.ts";

/** Where it is kept. */
export interface Notebook {
  readonly counters: Counters;
  readonly log: Log;
}

/** @param query Undefined for octets that are none. */
export function note({ counters, log }: Notebook, query: Query | undefined, decision: Decision): void {
  if (!("reason" in decision)) {
    counters.add(decision.kind);
    return;
  }
  const { kind, reason } = decision;
  counters.add(`${kind}:${reason}`);
  const fields = { reason, clientId: query?.clientId, xid: query?.message.xid };
  // A pair that is of no use means that something else uses it: someone has to look (RFC 2131 §4.3.3).
  if (reason === "declined") log.warn(fields, reasons[reason].meaning);
  else log.debug(fields, kind === "nak" ? "refused" : "not answered");
}
