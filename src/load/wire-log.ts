/**
 * The wire log: one JSON object per line for each ACK, NAK and RELEASE. `apportion verify` checks the database against
 * it. The load generator writes it, and knows nothing about the server except what the messages say.
 *
 * @module
 */
import * as v from "valibot";

const record = v.variant("is", [
  v.strictObject({
    is: v.literal("ack"),
    /** Octets of option 61 in hexadecimal. */
    client: v.string(),
    /** When the ACK arrived, and when the message that it answers was first sent: milliseconds since 1970. */
    at: v.number(),
    sentAt: v.number(),
    /** Unsigned 32 bits. */
    address: v.number(),
    psidOffset: v.number(),
    /** 0 for a full address. */
    psidLength: v.number(),
    psid: v.number(),
    leaseSeconds: v.number(),
  }),
  v.strictObject({ is: v.literal("nak"), client: v.string(), at: v.number() }),
  /** Recorded before the RELEASE is sent, because a RELEASE is not answered. */
  v.strictObject({ is: v.literal("release"), client: v.string(), at: v.number() }),
]);

/** One event of a client. */
export type WireRecord = v.InferOutput<typeof record>;

/** Receives records as the events happen. */
export type WireLog = (record: WireRecord) => void;

/** @returns The line for a record, including its newline. */
export function formatWireRecord(entry: WireRecord): string {
  return `${JSON.stringify(entry)}\n`;
}

/**
 * Parses one line.
 *
 * @throws {SyntaxError} When the line is not a record.
 */
export function parseWireRecord(line: string): WireRecord {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), record), line);
  if (result.success) return result.output;
  throw new SyntaxError(`Cannot parse the wire log: found "${line}", expected a wire log record`);
}
