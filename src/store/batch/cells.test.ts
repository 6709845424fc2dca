import { sql } from "drizzle-orm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { temporaryDatabase, vectorDomain } from "../../../test/support/database.ts";
import { encodeHex } from "../../wire/hex.ts";
import { prepareStatement } from "../database/queries.ts";
import {
  addressCell,
  CellWriter,
  field,
  flagCell,
  hexCell,
  listCell,
  numberCell,
  octetsCell,
  optionalAddressCell,
  optionalNumberCell,
  textCell,
} from "./cells.ts";
import { rowFormat } from "./claim-rows.ts";

interface Sample {
  readonly number: number;
  readonly slot: number | null;
  readonly flag: boolean;
  readonly address: Uint8Array;
  readonly optionalAddress: string | null;
  readonly octets: Uint8Array;
  readonly hex: string;
  readonly text: string;
  readonly list: readonly number[] | null;
}

const sampleRows = rowFormat({
  number: field(numberCell(10), (sample: Sample) => sample.number),
  slot: field(optionalNumberCell(16), (sample: Sample) => sample.slot),
  flag: field(flagCell, (sample: Sample) => sample.flag),
  address: field(addressCell, (sample: Sample) => sample.address),
  optional_address: field(optionalAddressCell, (sample: Sample) => sample.optionalAddress),
  octets: field(octetsCell, (sample: Sample) => sample.octets),
  hex: field(hexCell, (sample: Sample) => sample.hex),
  text: field(textCell, (sample: Sample) => sample.text),
  list: field(listCell, (sample: Sample) => sample.list),
});

const slot = fc.maxSafeNat();
const address = fc.uint8Array({ minLength: 16, maxLength: 16 });
const samples = fc.array(
  fc.record<Sample>({
    number: fc.nat({ max: 4_294_967_295 }),
    slot: fc.option(fc.oneof(slot, fc.constantFrom(0, 999_999_999, 1e9, 1e15, Number.MAX_SAFE_INTEGER))),
    flag: fc.boolean(),
    address,
    optionalAddress: fc.option(
      address.filter((octets) => octets.some((octet) => octet !== 0)).map(encodeHex),
    ),
    octets: fc.uint8Array({ maxLength: 300 }),
    hex: fc.uint8Array({ maxLength: 300 }).map(encodeHex),
    // SQLite ends a text at its first NUL, and no line or site has one.
    text: fc.string({ unit: "grapheme", maxLength: 40 }).filter((text) => !text.includes("\0")),
    list: fc.option(fc.array(slot, { maxLength: 5 })),
  }),
  { maxLength: 6 },
);

const cells = sql`${sql.placeholder("cells")}`;
const values = sql`json_array(number, slot, flag, hex(address), hex(optional_address), hex(octets), hex(hex), text, list, typeof(text), typeof(octets))`;
const readSamples = prepareStatement<"cells" | "positions">(sql`SELECT ${values} FROM (
  SELECT ${sampleRows.columns(cells, "number", "slot", "flag", "address", "optional_address", "octets", "hex", "text", "list")}
  FROM json_each(${sql.placeholder("positions")})) ORDER BY ordinal`);

test("SQL reads from the cells what was written", async () => {
  const database = await temporaryDatabase(vectorDomain);
  await fc.assert(
    fc.asyncProperty(samples, async (written) => {
      const rows = sampleRows.write(written);
      const statement = readSamples({ cells: rows.cells, positions: JSON.stringify(rows.positions) });
      const [result] = await database.read([statement]);
      expect(result!.rows.map(([row]) => JSON.parse(row as string) as unknown)).toEqual(
        written.map((sample) => [
          sample.number,
          sample.slot,
          sample.flag ? 1 : 0,
          encodeHex(sample.address).toUpperCase(),
          (sample.optionalAddress ?? "").toUpperCase(),
          encodeHex(sample.octets).toUpperCase(),
          sample.hex.toUpperCase(),
          sample.text,
          sample.list && JSON.stringify(sample.list),
          "text",
          "blob",
        ]),
      );
    }),
    { numRuns: 200 },
  );
});

test("an address of another length is refused, because it would overwrite the next cell", () => {
  const writer = new CellWriter();
  const at = writer.addRow(32);
  expect(() => {
    addressCell.write(writer, at, new Uint8Array(17));
  }).toThrow("found 17 octets, expected 16");
  expect(() => {
    optionalAddressCell.write(writer, at, "00");
  }).toThrow("found 1 octets, expected 16");
});

test("a number that needs more digits than its cell is refused, and equal texts are written once", () => {
  const writer = new CellWriter();
  expect(() => {
    writer.writeNumber(writer.addRow(3), 3, 1000);
  }).toThrow("Cannot write 1000: expected at least 0 and at most 3 digits");

  const sample: Sample = {
    number: 1,
    slot: null,
    flag: true,
    address: new Uint8Array(16),
    optionalAddress: null,
    octets: new Uint8Array(),
    hex: "",
    text: "a site",
    list: null,
  };
  const [one, two] = [sampleRows.write([sample]), sampleRows.write([sample, sample])];
  const [first, second] = two.positions as [number, number];
  expect(two.cells.length).toBe(2 * one.cells.length - "a site".length);
  expect(second - first).toBe(one.cells.length);
});
