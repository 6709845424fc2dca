/**
 * Records the outcome of each message. All decisions are counted. Those that refuse or ignore a client are logged with
 * their reason.
 *
 * @module
 */
import type { Decision } from "../lease/decision.ts";
import type { Query } from "../lease/query.ts";
import { reasons } from "../lease/reasons.ts";
import type { Counters } from "./counters.ts";
import type { Log } from "./log.ts";

/** Where decisions are recorded. */
export interface DecisionRecord {
  readonly counters: Counters;
  readonly log: Log;
}

/**
 * Records a decision.
 *
 * @param query The query of the decision; undefined for a frame that could not be decoded.
 */
export function recordDecision(
  { counters, log }: DecisionRecord,
  query: Query | undefined,
  decision: Decision,
): void {
  if (!("reason" in decision)) {
    counters.add(decision.kind);
    return;
  }
  const { kind, reason } = decision;
  counters.add(`${kind}:${reason}`);
  const fields = { reason, clientId: query?.clientId, xid: query?.message.xid };
  // Another device is using a declined pair, so an operator has to investigate (RFC 2131 §4.3.3).
  if (reason === "declined") log.warn(fields, reasons[reason].meaning);
  else log.debug(fields, kind === "nak" ? "refused" : "not answered");
}
