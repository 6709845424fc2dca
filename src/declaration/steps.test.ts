import { expect, test } from "vitest";
import { checkDeclaration } from "./check.ts";
import { runAtOnce, runInSlices } from "./steps.ts";

/** A clock that goes on by one millisecond with each step of some work. */
function clockOf<T>(work: Generator<void, T>) {
  let now = 0;
  const counted = function* () {
    for (let step = work.next(); ; step = work.next()) {
      now++;
      if (step.done === true) return step.value;
      yield;
    }
  };
  return { counted: counted(), clockMs: () => now };
}

test("T23 runInSlices() pauses whenever the steps have taken long enough", async () => {
  const work = function* () {
    for (let step = 0; step < 100; step++) yield;
    return "done";
  };
  const { counted, clockMs } = clockOf(work());
  const pauses: number[] = [];
  const pause = () => Promise.resolve(void pauses.push(clockMs()));
  expect(await runInSlices(counted, 20, clockMs, pause)).toBe("done");
  expect(pauses).toEqual([20, 40, 60, 80, 100]);
});

test("T23 a large declared state is checked in many steps, each of some items", () => {
  const lines = Array.from({ length: 65_536 }, (_, index) => ({
    linkAddress: "::1",
    interfaceId: `${index}`,
  }));
  const pools = Array.from({ length: 1000 }, (_, index) => ({
    name: `p${index}`,
    kind: "full",
    range: `10.0.${index >> 8}.${index & 255}/32`,
  }));
  const domain = { name: "isp", serverIdentifier: "203.0.113.1", lines, pools };
  const { counted, clockMs } = clockOf(checkDeclaration({ domains: [domain] }));
  const checked = runAtOnce(counted);
  expect(checked).toMatchObject({ success: true, declaration: { domains: [{ name: "isp", lines, pools }] } });
  expect(clockMs()).toBeGreaterThan(300);
});
