/**
 * One exchange: a query that is retransmitted until an answer arrives (RFC 2131 §4.1), and its answers.
 *
 * ```ts
 * import { exchange } from "./exchange.ts";
 *
 * const { answers } = await exchange(link, query, expected, {
 *   timing: systemTiming,
 *   firstDelayMs: 4000,
 *   deadlineMs: systemTiming.nowMs() + 10_000,
 *   gatherMs: 0,
 * });
 * ```
 *
 * @module
 */
import { gatheredOffersMax, retransmissionDoublingsMax } from "../limits.ts";
import { decodeAnswer } from "./answer.ts";
import type { Answer, Expected, IgnoreReason } from "./answer.ts";
import type { Link } from "./link.ts";
import type { Timing } from "../timing.ts";

/** Timing of an exchange. */
interface ExchangeOptions {
  readonly timing: Timing;
  /** Milliseconds before the first retransmission; RFC 2131 §4.1 recommends 4000. The delay doubles each time. */
  readonly firstDelayMs: number;
  /** Time to give up, in milliseconds on the clock of `timing`. */
  readonly deadlineMs: number;
  /** Milliseconds to wait for other servers after the first answer. 0: the first answer ends the exchange. */
  readonly gatherMs: number;
}

/** Result of an exchange. */
interface ExchangeResult {
  /** In order of arrival; empty when the deadline passed without an answer. */
  readonly answers: Answer[];
  /** How many times the query was sent. */
  readonly sent: number;
  /** Number of ignored datagrams, by reason. */
  readonly ignored: ReadonlyMap<IgnoreReason, number>;
  /** The last socket error, such as an unreachable network. */
  readonly error: Error | undefined;
}

/**
 * Computes the delay before the next retransmission.
 *
 * The delay doubles, up to 16 times the first. It is shifted at random by up to a quarter of the first delay, so that
 * clients that started together spread out. With a first delay of 4 s, the delays are 4, 8, 16, 32 and 64 s ± 1 s
 * (RFC 2131 §4.1).
 *
 * @param sent How many times the query was sent, 1 or more.
 * @param firstDelayMs First delay in milliseconds, before the random shift.
 * @param random A random number: at least 0, less than 1.
 * @returns Milliseconds.
 */
export function retransmissionDelayMs(sent: number, firstDelayMs: number, random: number): number {
  const doublings = Math.min(sent - 1, retransmissionDoublingsMax);
  return firstDelayMs * (2 ** doublings + (2 * random - 1) / 4);
}

/**
 * Sends a query repeatedly until it is answered or the deadline passes.
 *
 * A socket error does not end the exchange: the server may become reachable before the deadline.
 *
 * @param link Sends the query and receives the answers.
 * @param query A DHCPV4-QUERY, or a RELAY-FORW around one.
 * @param expected Which answers to accept.
 */
export function exchange(
  link: Link,
  query: Uint8Array,
  expected: Expected,
  { timing, firstDelayMs, deadlineMs, gatherMs }: ExchangeOptions,
): Promise<ExchangeResult> {
  const answers: Answer[] = [];
  const ignored = new Map<IgnoreReason, number>();
  let sent = 0;
  let error: Error | undefined;
  return new Promise((resolve) => {
    let cancelRetransmission = (): void => undefined;
    let cancelEnd = (): void => undefined;
    const stopListening = link.listen(onDatagram, (found) => {
      error = found;
    });
    endAfter(deadlineMs - timing.nowMs());
    transmit();

    function transmit(): void {
      link.send(query);
      sent++;
      const delayMs = retransmissionDelayMs(sent, firstDelayMs, timing.random());
      cancelRetransmission = timing.later(transmit, delayMs);
    }

    function onDatagram(datagram: Uint8Array): void {
      const result = decodeAnswer(datagram, expected);
      if (result.kind === "ignored") {
        ignored.set(result.reason, (ignored.get(result.reason) ?? 0) + 1);
        return;
      }
      answers.push(result.answer);
      if (gatherMs === 0 || answers.length === gatheredOffersMax) end();
      else if (answers.length === 1) {
        cancelRetransmission();
        endAfter(Math.min(gatherMs, deadlineMs - timing.nowMs()));
      }
    }

    function endAfter(delayMs: number): void {
      cancelEnd();
      cancelEnd = timing.later(end, delayMs);
    }

    function end(): void {
      cancelRetransmission();
      cancelEnd();
      stopListening();
      resolve({ answers, sent, ignored, error });
    }
  });
}
