/**
 * One exchange: a query, sent again until an answer comes (RFC 2131 §4.1), and the answers to it.
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

/** How long an exchange may take. */
interface ExchangeOptions {
  readonly timing: Timing;
  /** Milliseconds before the query is sent again; RFC 2131 §4.1 says 4000. Doubles each time. */
  readonly firstDelayMs: number;
  /** When to give up, on the clock of `timing`. */
  readonly deadlineMs: number;
  /** Milliseconds to wait for more answers after the first, of other servers. 0: the first one ends the exchange. */
  readonly gatherMs: number;
}

/** What came of an exchange. */
interface ExchangeResult {
  /** In the order of arrival; empty when the deadline passed. */
  readonly answers: Answer[];
  /** How often the query was sent. */
  readonly sent: number;
  /** Datagrams that were not answers, by reason. */
  readonly ignored: ReadonlyMap<IgnoreReason, number>;
  /** What the socket last complained of, such as an unreachable network. */
  readonly error: Error | undefined;
}

/**
 * Computes the time before the query is sent once more: it doubles up to 16 times the first, and is shifted at
 * random by up to a quarter of the first, so that clients which started together don't stay together. With a first
 * delay of 4 s these are the 4, 8, 16, 32, 64 s ± 1 s of RFC 2131 §4.1.
 *
 * @param sent How often the query was sent, 1 or more.
 * @param random 0 up to, but not including, 1.
 * @returns Milliseconds.
 */
export function retransmissionDelayMs(sent: number, firstDelayMs: number, random: number): number {
  const doublings = Math.min(sent - 1, retransmissionDoublingsMax);
  return firstDelayMs * (2 ** doublings + (2 * random - 1) / 4);
}

/**
 * Sends a query until it is answered or the deadline passes. An unreachable server is no reason to stop: it may come
 * up before the deadline.
 *
 * @param query A DHCPV4-QUERY, or a RELAY-FORW around one.
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
