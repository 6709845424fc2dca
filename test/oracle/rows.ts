/**
 * The rows that the oracle judges.
 *
 * @module
 */

/** A row of the table `lease`. Octets are in hexadecimal. */
export interface LeaseRow {
  readonly slot: number;
  readonly domainId: number;
  readonly client: string | null;
  readonly line: string;
  readonly state: number;
  /** Unix seconds, as all times. */
  readonly expiresAt: number;
  readonly freeAt: number;
  /** While the pair is offered or reserved: when the quarantine of the lease before ends. */
  readonly quarantineUntil: number | null;
  readonly since: number | null;
  /** Lease time in the last answer to the client. */
  readonly statedSeconds: number | null;
  readonly updatedAt: number;
  readonly softwire: string | null;
  readonly source: string | null;
  readonly site: string | null;
  /** The slot that the client of this row moves to, and the slot whose client moves to this row. */
  readonly moveTo: number | null;
  readonly moveFrom: number | null;
}
