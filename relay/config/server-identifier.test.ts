import { expect, test } from "vitest";
import { encodeHex } from "../../src/wire/hex.ts";
import { deriveServerIdentifier } from "./server-identifier.ts";

const machineId = "00112233445566778899aabbccddeeff";

test("RFC 6355 deriveServerIdentifier() derives one DUID-UUID per machine: always the same, and unique to it", () => {
  const duid = encodeHex(deriveServerIdentifier(() => `${machineId}\n`));
  expect(duid).toMatch(/^0004[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  expect(encodeHex(deriveServerIdentifier(() => machineId))).toBe(duid);
  expect(encodeHex(deriveServerIdentifier(() => machineId.replace("00", "01")))).not.toBe(duid);
});

test("deriveServerIdentifier() does not reveal the machine's id", () => {
  expect(encodeHex(deriveServerIdentifier(() => machineId))).not.toContain(machineId);
});

test.each(["", "uninitialized\n", machineId.slice(1)])(
  "deriveServerIdentifier() rejects the machine id %j",
  (id) => {
    expect(() => deriveServerIdentifier(() => id)).toThrow("information.serverIdentifier");
  },
);

test("deriveServerIdentifier() names the file if the machine has no id", () => {
  const read = () => {
    throw new Error("ENOENT");
  };
  expect(() => deriveServerIdentifier(read)).toThrow("/etc/machine-id, expected a DUID");
});
