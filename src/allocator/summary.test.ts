import { expect, test } from "vitest";
import { createManualTiming } from "../../test/support/manual-timing.ts";
import { createCounters } from "./counters.ts";
import { startSummaries, summarize } from "./summary.ts";

test("summarize() counts answers by outcome, refusals and silence by reason, and nothing else", () => {
  const before = { messages: 5, ack: 2, "nak:wrong-network": 1 };
  const after = {
    ...before,
    messages: 9,
    ack: 3,
    "nak:wrong-network": 2,
    "silence:no-domain": 1,
    answersLeftOut: 1,
  };
  expect(summarize(before, after)).toEqual({
    messages: 4,
    ack: 1,
    nak: { "wrong-network": 1 },
    silence: { "no-domain": 1 },
  });
  expect(summarize(after, after)).toBeUndefined();
});

test("startSummaries() logs a line for each minute in which messages came, until it is stopped", () => {
  const timing = createManualTiming();
  const counters = createCounters();
  const lines: object[] = [];
  const quiet = () => undefined;
  const log = { debug: quiet, warn: quiet, error: quiet, info: (fields: object) => void lines.push(fields) };
  const stop = startSummaries(counters, log, { intervalMs: 60_000, later: timing.later });
  timing.advance(60_000);
  counters.add("messages", 2);
  counters.add("offer", 2);
  timing.advance(60_000);
  timing.advance(60_000);
  expect(lines).toEqual([{ messages: 2, offer: 2 }]);
  stop();
  counters.add("messages");
  timing.advance(120_000);
  expect(lines).toHaveLength(1);
});
