/**
 * The statements of a batch. Each has a name, answers the question in its comment, and serves all claims of the batch:
 * claims are passed as rows of two parameters, so their number changes neither the number of statements nor the number of
 * round trips. Only the kinds of claims decide which statements run. They run in the order of {@link batchStatements}, in
 * one transaction that holds the write lock.
 *
 * Three rules keep them fast with millions of rows. Claims are the outer loop, and leases are found by key (`CROSS
 * JOIN` fixes this order; a test reads the query plans). A subselect that finds a slot is bounded by the number of
 * claims. No statement scans for expired leases: expiry is a comparison with `free_at` when a slot is needed.
 *
 * @module
 */
import { bindChanged, bindUnchanged } from "./statements/bind.ts";
import { endLeases } from "./statements/end.ts";
import { readFacts } from "./statements/facts.ts";
import { handOverMoved } from "./statements/hand-over.ts";
import { advanceCursor, offerNew, offerOwn, offerWanted } from "./statements/offer.ts";
import type { BatchStatement } from "./statements/statement.ts";

/** All statements that a batch may need, in the order in which they run. */
export const batchStatements: readonly BatchStatement[] = [
  endLeases,
  handOverMoved,
  offerOwn,
  offerWanted,
  offerNew,
  advanceCursor,
  bindUnchanged,
  bindChanged,
  readFacts,
];
