/**
 * What else of the system is random or takes real time: hashes that Node computes in a thread, and secrets of tokens.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { Random } from "../support/random.ts";
import { streams } from "./streams.ts";

/** Makes them the simulator's. Everything in this process gets them from now on. */
export function replaceOutside(): void {
  Object.defineProperty(crypto.subtle, "digest", {
    configurable: true,
    value: (_algorithm: string, data: Uint8Array) =>
      Promise.resolve(new Uint8Array(createHash("sha256").update(data).digest()).buffer),
  });
  seedSecrets(0);
}

/** Secrets of the next run. */
export function seedSecrets(seed: number): void {
  const random = new Random(seed, streams.secrets);
  Object.defineProperty(crypto, "getRandomValues", {
    configurable: true,
    value: (octets: Uint8Array) => {
      octets.set(random.octets(octets.length));
      return octets;
    },
  });
}
