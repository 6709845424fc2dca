/**
 * The golden packets: 76 UDP payloads, each with the fields that an independent decoder found and with the behaviour
 * that is expected of a server.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeHex } from "../../src/wire/hex.ts";

/** One packet. */
export interface Vector {
  readonly name: string;
  /** `ok`: well formed. `odd`: legal but unusual. `bad`: must be dropped, ignored or refused. */
  readonly kind: "ok" | "odd" | "bad";
  readonly src: string;
  readonly hex: string;
  readonly expect: string | null;
  readonly decoded: unknown;
}

const file = join(import.meta.dirname, "../vectors/vectors.json");

/** All packets, in the order of the file. */
export const vectors = (JSON.parse(readFileSync(file, "utf8")) as { readonly packets: readonly Vector[] })
  .packets;

/** @throws {RangeError} When no packet has that name. */
export function vectorOctets(name: string): { readonly octets: Uint8Array; readonly source: string } {
  const vector = vectors.find((each) => each.name === name);
  if (vector === undefined) throw new RangeError(`Cannot find packet "${name}"`);
  return { octets: decodeHex(vector.hex), source: vector.src };
}
