import { expect, test } from "vitest";
import { encodeHex } from "../../src/wire/hex.ts";
import { deriveServerIdentifier } from "./server-identifier.ts";

const machineId = "00112233445566778899aabbccddeeff";

test("RFC 6355 deriveServerIdentifier() makes the same DUID-UUID of the same machine, and another of another", () => {
  const duid = encodeHex(deriveServerIdentifier(() => `${machineId}\n`));
  expect(duid).toMatch(/^0004[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  expect(encodeHex(deriveServerIdentifier(() => machineId))).toBe(duid);
  expect(encodeHex(deriveServerIdentifier(() => machineId.replace("00", "01")))).not.toBe(duid);
});

test("deriveServerIdentifier() does not show the machine's id", () => {
  expect(encodeHex(deriveServerIdentifier(() => machineId))).not.toContain(machineId);
});

test.each(["", "uninitialized\n", machineId.slice(1)])("deriveServerIdentifier() refuses %j", (id) => {
  expect(() => deriveServerIdentifier(() => id)).toThrow("information.serverIdentifier");
});

test("deriveServerIdentifier() names the missing file", () => {
  const read = () => {
    throw new Error("ENOENT");
  };
  expect(() => deriveServerIdentifier(read)).toThrow("/etc/machine-id, expected a DUID");
});
