/**
 * Records the outcome of each message. All decisions are counted. Those that refuse or ignore a client are logged with
 * their reason.
 *
 * @module
 */
import type { Decision } from "../lease/decision.ts";
import type { Query } from "../lease/query.ts";
import { nearestLink, showLine } from "../lease/line.ts";
import { reasons } from "../lease/reasons.ts";
import type { Reason } from "../lease/reasons.ts";
import { formatIPv6 } from "../wire/ipv6-address.ts";
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
  // Another device is using a declined pair, so an operator has to investigate (RFC 2131 §4.3.3).
  if (reason === "declined") log.warn(fieldsOf(query, reason), reasons[reason].meaning);
  else if (log.logsDebug?.() !== false)
    log.debug(fieldsOf(query, reason), kind === "nak" ? "refused" : "not answered");
}

/** Who asked, and where: what an operator needs to find the client. */
function fieldsOf(query: Query | undefined, reason: Reason): object {
  if (query === undefined) return { reason };
  const { clientId, message, source, believed } = query;
  const link = nearestLink(believed);
  return {
    reason,
    clientId,
    xid: message.xid,
    source: formatIPv6(source),
    linkAddress: link && formatIPv6(link),
    ...showLine(believed),
  };
}
