/**
 * What clients were told and what they gave back, one JSON object a line: the evidence by which `apportion verify`
 * judges the database. Written by the load generator, which knows nothing else of the server.
 *
 * @module
 */
import * as v from "valibot";

const record = v.variant("is", [
  v.strictObject({
    is: v.literal("ack"),
    /** Octets of option 61 in hexadecimal. */
    client: v.string(),
    /** When it came, and when the message that it answers was first sent: milliseconds since 1970. */
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
  /** Written before it is sent. Nobody answers it. */
  v.strictObject({ is: v.literal("release"), client: v.string(), at: v.number() }),
]);

/** One thing that happened to a client. */
export type WireRecord = v.InferOutput<typeof record>;

/** Takes records as they happen. */
export type WireLog = (record: WireRecord) => void;

/** @returns The line of a record, with its end. */
export function formatWireRecord(entry: WireRecord): string {
  return `${JSON.stringify(entry)}\n`;
}

/**
 * Reads one line.
 *
 * @throws {SyntaxError} When it is no record.
 */
export function parseWireRecord(line: string): WireRecord {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), record), line);
  if (result.success) return result.output;
  throw new SyntaxError(`Cannot read the wire log: found "${line}", expected a record of a client`);
}
