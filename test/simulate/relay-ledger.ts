/**
 * What goes into a relay process and comes out of it, as its host sees it, compared with what the relay counts: each
 * datagram has exactly one outcome.
 *
 * @module
 */
import type { CountersSnapshot } from "../../relay/counters.ts";
import type { DropReason } from "../../relay/reasons.ts";
import type { HttpAnswer } from "../../relay/uplink/connections.ts";
import { must } from "../oracle/violation.ts";

/** Reasons to drop frames whose POST failed, and answers. Nothing but a failed POST happens in the simulator. */
const afterPost: readonly DropReason[] = ["allocator-unavailable", "allocator-refused"];
const never: readonly DropReason[] = [
  "malformed-body",
  "malformed-answer",
  "unknown-interface-id",
  "unusable-destination",
  "send-failed",
  "unknown-server",
  "relay-closing",
];

/** A POST that has begun. */
export interface LedgerPost {
  /** The relay gets an answer. */
  readonly answered: (answer: HttpAnswer) => void;
  /** The relay gets none. */
  readonly failed: () => void;
}

/** The ledger of one relay process. */
export class RelayLedger {
  readonly #relay: string;
  #received = 0;
  #sent = 0;
  /** Frames of POSTs that have not failed: under way, or served. */
  #frames = 0;
  #answers = 0;

  /** @param relay Its name. */
  constructor(relay: string) {
    this.#relay = relay;
  }

  /** The relay reads a datagram. */
  recordReceived(): void {
    this.#received++;
  }

  /** The relay sends a datagram. */
  recordSent(): void {
    this.#sent++;
  }

  /** The relay begins a POST. Of its outcomes, the first counts. */
  recordPost(body: Uint8Array): LedgerPost {
    const frames = countFrames(body);
    this.#frames += frames;
    let isOpen = true;
    const settle = (act: () => void): void => {
      if (isOpen) act();
      isOpen = false;
    };
    const fail = (): void => {
      this.#frames -= frames;
    };
    return {
      answered: ({ status, body: answers }) => {
        settle(() => {
          if (status === 200) this.#answers += countFrames(answers);
          else fail();
        });
      },
      failed: () => {
        settle(fail);
      },
    };
  }

  /**
   * Compares it with the counters of the relay.
   *
   * @param waiting Frames in the queue.
   * @param isKilled Whether the process ends here, perhaps between two answers of one POST.
   * @throws {Violation} If they differ.
   */
  check(counters: CountersSnapshot, waiting: number, isKilled: boolean): void {
    const { received, sent, forwarded, answered, dropped, toServers } = counters;
    const sumOf = (reasons: readonly string[]): number =>
      Object.entries(dropped).reduce(
        (sum, [reason, count]) => sum + (reasons.includes(reason) ? count : 0),
        0,
      );
    const found = { relay: this.#relay, counters, waiting };
    const failed = sumOf(afterPost);
    const atEntry = sumOf(Object.keys(dropped)) - failed;
    must(sumOf(never) === 0 && toServers === 0, "a relay dropped what it had no reason to drop", found);
    must(received === this.#received, "a relay does not count what it receives", found, this.#received);
    must(sent === this.#sent, "a relay does not count what it sends", found, this.#sent);
    must(received === atEntry + waiting + forwarded, "a datagram has not one outcome in its relay", found);
    must(
      forwarded - failed === this.#frames,
      "a frame has not one outcome in its relay",
      found,
      this.#frames,
    );
    must(answered === this.#answers, "a relay does not count the answers that it gets", found, this.#answers);
    must(isKilled ? sent <= answered : sent === answered, "a relay does not deliver each answer", found);
  }
}

/** @returns How many frames a body has, each behind its length in two octets (RFC 5460 §5.1). */
export function countFrames(body: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < body.length; at += 2 + body[at]! * 256 + body[at + 1]!) count++;
  return count;
}
