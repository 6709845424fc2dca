/**
 * A short run whose power is taken away after each of its writes. `npm run power-loss` does longer ones.
 */
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { plants } from "./actor.ts";
import type { Plant } from "./actor.ts";
import { losePower } from "./power-loss.ts";
import { whyNotRecorded } from "./record.ts";

const without = await whyNotRecorded();
const seed = Number(process.env.POWER_LOSS_SEED ?? Math.floor(Math.random() * 2 ** 31));

test.skipIf(without !== "")(
  `no loss of power loses what was acknowledged (seed ${seed})${without}`,
  { timeout: 180_000 },
  async () => {
    // All that may be lost after an acknowledgement is tried, and a quarter of the rest.
    const report = await losePower({ seed, commits: 30, folder: await temporaryFolder(), percent: 25 });
    expect(report.violations).toEqual([]);
    expect(report.restarts).toBeGreaterThan(30);
    expect(report.leasesChecked).toBeGreaterThan(0);
    expect(report.checkpoints).toBeGreaterThan(1);
  },
);

/** How each planted fault shows. */
const signs: Record<Plant, RegExp> = {
  "synchronous-off": /the content is not that of the last acknowledged commit/,
  "synchronous-normal": /the content is not that of the last acknowledged commit/,
  "answer-before-commit": /look-up of .*: found , expected certain/,
  "lying-disk": /the content is not that of the last acknowledged commit|the database is damaged/,
};

test.skipIf(without !== "").each(plants)(
  `a planted fault is noticed: %s${without}`,
  { timeout: 180_000 },
  async (plant) => {
    const folder = await temporaryFolder();
    const { violations } = await losePower({ seed: 1, commits: 8, folder, plant, percent: 25 });
    expect(violations.join("\n")).toMatch(signs[plant]);
  },
);
