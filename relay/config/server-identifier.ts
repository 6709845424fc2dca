/**
 * The DUID with which this relay answers Information-Requests. It must never change, because a client treats two DUIDs
 * as two servers. It is derived from the machine's id, so that the relay needs no file for it that could be lost.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { encodeDuidUuid, uuidOctets } from "../../src/wire/duid.ts";
import { ConfigError } from "./config-error.ts";

/** machine-id(5): 32 hexadecimal digits, generated when the system was installed. */
const machineIdFile = "/etc/machine-id";

/** Hashed together with the machine's id, which must not be exposed to the network unhashed (machine-id(5)). */
const useName = "apportion-relay";

/**
 * Derives a DUID-UUID (RFC 6355) for this machine.
 *
 * @param readMachineId Returns the machine's id; by default that of machine-id(5).
 * @throws {ConfigError} If the machine has no id, as in some containers.
 */
export function deriveServerIdentifier(readMachineId: () => string = readSystemId): Uint8Array {
  const id = tryRead(readMachineId);
  if (id === undefined || !/^[0-9a-f]{32}$/.test(id)) {
    throw new ConfigError([
      {
        name: "information.serverIdentifier",
        problem:
          `found nothing, and no machine id in ${machineIdFile}, expected a DUID, or a machine id to derive ` +
          "one from",
      },
    ]);
  }
  const uuid = createHmac("sha256", Buffer.from(id, "hex")).update(useName).digest().subarray(0, uuidOctets);
  // Set version 4 and the variant 10, as for a random UUID: it carries no other information (RFC 9562 §5.4).
  uuid[6] = (uuid[6]! & 0x0f) | 0x40;
  uuid[8] = (uuid[8]! & 0x3f) | 0x80;
  return encodeDuidUuid(new Uint8Array(uuid));
}

function readSystemId(): string {
  return readFileSync(machineIdFile, "utf8");
}

function tryRead(read: () => string): string | undefined {
  try {
    return read().trim();
  } catch {
    return undefined;
  }
}
