/**
 * The trace of a run: what happened when, in words, and how often each kind of fault. Two runs of one seed have the same
 * trace, so its hash is the same too.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { formatIPv4 } from "../../src/wire/ipv4-address.ts";
import type { NamedPair } from "../oracle/pools.ts";
import type { Kernel } from "./kernel.ts";

/** Called for each event of the trace, with the virtual time. */
export type OnEvent = (atMs: number, text: string) => void;

/** Characters that are hashed at once. */
const unhashedCharactersMax = 100_000;

/** What has happened so far. */
export class Trace {
  /** How often each kind of fault happened. */
  readonly faults = new Map<string, number>();
  readonly #kernel: Kernel;
  readonly #onEvent: OnEvent | undefined;
  readonly #hash = createHash("sha256");
  #unhashed = "";

  constructor(kernel: Kernel, onEvent?: OnEvent) {
    this.#kernel = kernel;
    this.#onEvent = onEvent;
  }

  count(fault: string): void {
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1);
  }

  tell(text: string): void {
    const { nowMs } = this.#kernel;
    this.#unhashed += `${nowMs} ${text}\n`;
    if (this.#unhashed.length > unhashedCharactersMax) this.#update();
    this.#onEvent?.(nowMs, text);
  }

  /** Octets that were sent. They are part of the hash only. */
  add(octets: Uint8Array): void {
    const { buffer, byteOffset, length } = octets;
    this.#unhashed += Buffer.from(buffer, byteOffset, length).toString("latin1");
  }

  /** Ends the trace. */
  digest(): string {
    this.#update();
    return this.#hash.digest("hex");
  }

  #update(): void {
    this.#hash.update(this.#unhashed);
    this.#unhashed = "";
  }
}

export function describePair(pair: NamedPair | undefined): string {
  if (pair === undefined) return "";
  const { address, portParams } = pair;
  return portParams === undefined ? formatIPv4(address) : `${formatIPv4(address)} PSID ${portParams.psid}`;
}

/** @returns What a log line says of an error; empty if it has none. */
export function describeFields(fields: object): string {
  const { err } = fields as { readonly err?: Error };
  return err === undefined ? "" : `(${err.message})`;
}
