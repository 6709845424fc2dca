import { expect, test } from "vitest";
import { vectorOctets } from "../../test/support/vectors.ts";
import { laneOf } from "./lane.ts";

test.each([
  ["discover-shared-nohint", "discovers"],
  ["request-selecting", "requests"],
  ["request-init-reboot", "requests"],
  ["request-renewing", "requests"],
  ["release-shared", "requests"],
  ["decline-shared", "requests"],
  ["inform", "discovers"],
  ["bad-inner-no-msgtype", "discovers"],
  ["bad-relay-short", "discovers"],
])("laneOf puts %s among the %s", (name, lane) => {
  expect(laneOf(vectorOctets(name).octets)).toBe(lane);
});
