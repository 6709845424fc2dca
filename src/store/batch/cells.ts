/**
 * Claims as octets for a statement parameter. A statement that reads claims as JSON spends most of its time finding
 * their fields. Here each row begins with cells of fixed width, so `substr` finds a field at once:
 *
 * - A number is decimal digits after spaces; null is `-`.
 * - An IPv6 address is its 16 octets; null is `::`, which no client has.
 * - Other octets and texts follow the cells, and their cell has position and length. A text is written once, however many
 *   rows have it.
 *
 * Another parameter has the positions of the rows as a JSON array. So a statement can read some rows of a parameter, or
 * none.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { claimCellsOctets } from "../../limits.ts";
import { writeHex } from "../../wire/hex.ts";

/** One kind of cell: how a value is written, and how SQL reads it. */
interface CellKind<T> {
  readonly octets: number;
  /** @param at Offset of the cell, from 0. */
  readonly write: (writer: CellWriter, at: number, value: T) => void;
  /**
   * @param cells The parameter that has the rows.
   * @param at Position of the cell, from 1.
   */
  readonly read: (cells: SQL, at: SQL) => SQL;
}

/** Position and length of what follows the cells: up to 100 million octets. */
const referenceDigits = 8;
const referenceOctets = 2 * referenceDigits;

const addressOctets = 16;

const digitsOf = (cells: SQL, at: SQL, digits: number): SQL =>
  sql`CAST(substr(${cells}, ${at}, ${sql.raw(String(digits))}) AS INTEGER)`;

const referredOf = (cells: SQL, at: SQL): SQL =>
  sql`substr(${cells}, ${digitsOf(cells, at, referenceDigits)}, ${digitsOf(cells, sql`${at} + ${sql.raw(String(referenceDigits))}`, referenceDigits)})`;

/** @param digits Number of digits of the largest value. Values are integers, at least 0. */
export const numberCell = (digits: number): CellKind<number> => ({
  octets: digits,
  write: (writer, at, value) => {
    writer.writeNumber(at, digits, value);
  },
  read: (cells, at) => digitsOf(cells, at, digits),
});

/** Like {@link numberCell}, for values that may be missing. */
export const optionalNumberCell = (digits: number): CellKind<number | null> => ({
  octets: digits,
  write: (writer, at, value) => {
    if (value === null) writer.writeMinus(at);
    else writer.writeNumber(at, digits, value);
  },
  read: (cells, at) => sql`iif(substr(${cells}, ${at}, 1) = x'2d', NULL, ${digitsOf(cells, at, digits)})`,
});

/** A condition: 0 or 1. */
export const flagCell: CellKind<boolean> = {
  octets: 1,
  write: (writer, at, value) => {
    writer.writeNumber(at, 1, value ? 1 : 0);
  },
  read: (cells, at) => digitsOf(cells, at, 1),
};

export const addressCell: CellKind<Uint8Array> = {
  octets: addressOctets,
  write: (writer, at, value) => {
    assertAddress(value.length);
    writer.writeInPlace(at, value);
  },
  read: (cells, at) => sql`substr(${cells}, ${at}, ${sql.raw(String(addressOctets))})`,
};

/** Like {@link addressCell}, for an address in hexadecimal that may be missing. */
export const optionalAddressCell: CellKind<string | null> = {
  octets: addressOctets,
  write: (writer, at, value) => {
    if (value === null) {
      writer.clear(at, addressOctets);
      return;
    }
    assertAddress(value.length / 2);
    writer.writeHexInPlace(at, value);
  },
  read: (cells, at) =>
    sql`nullif(${addressCell.read(cells, at)}, zeroblob(${sql.raw(String(addressOctets))}))`,
};

/** A longer one would overwrite the next cell. */
function assertAddress(octets: number): void {
  if (octets !== addressOctets) {
    throw new RangeError(`Cannot write an address: found ${octets} octets, expected ${addressOctets}`);
  }
}

/** Any number of octets. */
export const octetsCell: CellKind<Uint8Array> = {
  octets: referenceOctets,
  write: (writer, at, value) => {
    writer.writeInPlace(writer.refer(at, value.length), value);
  },
  read: referredOf,
};

/** Any number of octets, given in hexadecimal. */
export const hexCell: CellKind<string> = {
  octets: referenceOctets,
  write: (writer, at, value) => {
    writer.writeHexInPlace(writer.refer(at, value.length / 2), value);
  },
  read: referredOf,
};

export const textCell: CellKind<string> = {
  octets: referenceOctets,
  write: (writer, at, value) => {
    writer.writeText(at, value);
  },
  read: (cells, at) => sql`CAST(${referredOf(cells, at)} AS TEXT)`,
};

/** A list of numbers, as JSON. Null is an empty text. */
export const listCell: CellKind<readonly number[] | null> = {
  octets: referenceOctets,
  write: (writer, at, value) => {
    writer.writeText(at, value === null ? "" : JSON.stringify(value));
  },
  read: (cells, at) => sql`nullif(${textCell.read(cells, at)}, '')`,
};

/** A named field of a row. */
export interface Field<C> {
  readonly octets: number;
  readonly write: (writer: CellWriter, at: number, claim: C) => void;
  readonly read: CellKind<C>["read"];
}

/** @returns A field whose cell has what `valueOf` finds in a claim. */
export function field<C, T>(kind: CellKind<T>, valueOf: (claim: C) => T): Field<C> {
  return {
    octets: kind.octets,
    write: (writer, at, claim) => {
      kind.write(writer, at, valueOf(claim));
    },
    read: kind.read,
  };
}

const encoder = new TextEncoder();
const space = 0x20;
const minus = 0x2d;
const zero = 0x30;

/** Below it, a quotient fits in 32 bits, and `| 0` rounds it down faster than `Math.floor`. */
const smallMax = 1e9;

/** Writes rows, one after the other. */
export class CellWriter {
  #octets = new Uint8Array(claimCellsOctets);
  #end = 0;
  readonly #texts = new Map<string, { readonly offset: number; readonly length: number }>();

  /** Forgets all rows, and keeps the memory. */
  reset(): void {
    this.#end = 0;
    this.#texts.clear();
  }

  /** @returns The offset of a new row, whose cells are spaces. */
  addRow(octets: number): number {
    const at = this.#reserve(octets);
    this.#octets.fill(space, at, this.#end);
    return at;
  }

  writeNumber(at: number, digits: number, value: number): void {
    let end = at + digits;
    let rest = value;
    while (rest >= smallMax) {
      const higher = Math.floor(rest / 10);
      this.#octets[--end] = zero + (rest - higher * 10);
      rest = higher;
    }
    do {
      const higher = (rest / 10) | 0;
      this.#octets[--end] = zero + (rest - higher * 10);
      rest = higher;
    } while (rest > 0);
    if (end < at || value < 0) {
      throw new RangeError(`Cannot write ${value}: expected at least 0 and at most ${digits} digits`);
    }
  }

  writeMinus(at: number): void {
    this.#octets[at] = minus;
  }

  clear(at: number, octets: number): void {
    this.#octets.fill(0, at, at + octets);
  }

  writeInPlace(at: number, octets: Uint8Array): void {
    this.#octets.set(octets, at);
  }

  /** @param hex Two lower-case digits for each octet. */
  writeHexInPlace(at: number, hex: string): void {
    writeHex(this.#octets, at, hex);
  }

  /** Adds octets after all rows so far, to which a cell refers. @returns Their offset. */
  refer(at: number, length: number): number {
    const offset = this.#reserve(length);
    this.#writeReference(at, offset, length);
    return offset;
  }

  writeText(at: number, text: string): void {
    const known = this.#texts.get(text);
    if (known !== undefined) {
      this.#writeReference(at, known.offset, known.length);
      return;
    }
    const octets = encoder.encode(text);
    const offset = this.refer(at, octets.length);
    this.#octets.set(octets, offset);
    this.#texts.set(text, { offset, length: octets.length });
  }

  /** @returns The rows, in memory of their own. */
  finish(): Uint8Array {
    return this.#octets.slice(0, this.#end);
  }

  #writeReference(at: number, offset: number, length: number): void {
    this.writeNumber(at, referenceDigits, offset + 1);
    this.writeNumber(at + referenceDigits, referenceDigits, length);
  }

  #reserve(octets: number): number {
    const at = this.#end;
    this.#end += octets;
    if (this.#end > this.#octets.length) {
      const larger = new Uint8Array(2 * this.#end);
      larger.set(this.#octets);
      this.#octets = larger;
    }
    return at;
  }
}
