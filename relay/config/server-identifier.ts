/**
 * The DUID that this relay answers Information-Requests with. A client takes two DUIDs for two servers, so it must
 * stay the same, without a file of ours that could be lost: it is made of what the system keeps of itself.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { encodeDuidUuid, uuidOctets } from "../../src/wire/duid.ts";
import { ConfigError } from "./config-error.ts";

/** machine-id(5): 32 hexadecimal digits, made when the system was installed. */
const machineIdFile = "/etc/machine-id";

/** The machine's id is not to be shown to the network as it is (machine-id(5)), so each use hashes it with its name. */
const useName = "apportion-relay";

/**
 * Derives a DUID-UUID (RFC 6355) of this machine.
 *
 * @param readMachineId Gives the machine's id; that of machine-id(5) when left out.
 * @throws {ConfigError} When the machine has none, such as some containers.
 */
export function deriveServerIdentifier(readMachineId: () => string = readSystemId): Uint8Array {
  const id = tryRead(readMachineId);
  if (id === undefined || !/^[0-9a-f]{32}$/.test(id)) {
    throw new ConfigError([
      `information.serverIdentifier: found nothing, and no machine id in ${machineIdFile}, expected a DUID here, or a ` +
        "machine id to make one of",
    ]);
  }
  const uuid = createHmac("sha256", Buffer.from(id, "hex")).update(useName).digest().subarray(0, uuidOctets);
  // Version 4, variant 1: what readers of UUIDs expect of one that says nothing (RFC 9562 §5.4).
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
