/**
 * Counts leases that ended, and ports that went on to another client. It shows that a run had such cases, and judges
 * nothing.
 *
 * @module
 */
import type { WireRecord } from "../../src/load/wire-log.ts";

/** Counts of the leases that ended. */
export interface PassedOn {
  readonly add: (record: WireRecord) => void;
  readonly counts: {
    /** Ports that a client got after the lease of another client had ended by itself. */
    afterEnd: number;
    /** The same, after a RELEASE. */
    afterRelease: number;
  };
}

/** Creates a counter that has seen nothing. It keeps an entry for each pair of the pools. */
export function createPassedOn(): PassedOn {
  const holders = new Map<string, { readonly client: string; isReleased: boolean }>();
  const pairs = new Map<string, string>();
  const counts = { afterEnd: 0, afterRelease: 0 };
  return {
    counts,
    add: (record) => {
      const { client } = record;
      if (record.is !== "ack") {
        const holder = holders.get(pairs.get(client) ?? "");
        if (holder?.client === client) holder.isReleased = true;
        return;
      }
      const pair = `${record.address} ${record.psid}`;
      const before = holders.get(pair);
      if (before !== undefined && before.client !== client) {
        pairs.delete(before.client);
        if (before.isReleased) counts.afterRelease++;
        else counts.afterEnd++;
      }
      holders.set(pair, { client, isReleased: false });
      pairs.set(client, pair);
    },
  };
}
