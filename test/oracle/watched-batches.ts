/**
 * Watches the batches of an allocator: which claims a transaction is for, and which facts it returned.
 *
 * @module
 */
import type { Claim } from "../../src/lease/claim.ts";
import type { CommitOptions, CommitResult } from "../../src/store/batch/commit.ts";
import type { Partition } from "../../src/store/partition.ts";
import type { Store } from "../../src/store/store.ts";

/** What a transaction was for. */
export interface BatchCause {
  readonly allocator: string;
  readonly claims: readonly Claim[];
  readonly options: CommitOptions;
}

/** Receives what an allocator does in batches. */
export interface BatchListener {
  readonly allocator: string;
  /** Called before and after a batch sends its transaction: whatever is written in between is for this cause. */
  readonly setCause: (cause: BatchCause | undefined) => void;
  readonly onFacts: (cause: BatchCause, result: CommitResult) => void;
}

/** @returns The same store, which reports each batch. */
export function watchBatches(store: Store, listener: BatchListener): Store {
  const [first, ...others] = store.partitions;
  const watch = (partition: Partition): Partition => watchPartition(partition, listener);
  return { ...store, partitions: [watch(first), ...others.map(watch)] };
}

function watchPartition(partition: Partition, { allocator, setCause, onFacts }: BatchListener): Partition {
  return {
    ...partition,
    commit: async (claims, options) => {
      const cause: BatchCause = { allocator, claims, options };
      setCause(cause);
      // The store writes before it waits for anything.
      const committed = partition.commit(claims, options);
      setCause(undefined);
      const result = await committed;
      onFacts(cause, result);
      return result;
    },
  };
}
