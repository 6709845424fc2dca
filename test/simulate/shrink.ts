/**
 * Shrinks a failure: takes away what goes wrong, and clients, as long as the oracle still says the same.
 *
 * @module
 */
import { runSeed } from "./run-seed.ts";
import type { Outcome } from "./run-seed.ts";
import { features, wholeScenario } from "./scenario.ts";
import type { Reduction } from "./scenario.ts";
import type { DatabaseFolder } from "./template.ts";

/** A failure with what it still needs. */
export interface ShrunkFailure {
  readonly outcome: Exclude<Outcome, { kind: "held" }>;
  readonly reduction: Reduction;
  readonly runs: number;
}

/** Shares of the clients that are tried, in per cent. */
const shares = [3, 10, 25, 50];

/**
 * Shrinks a failure.
 *
 * @param timeIsUp Asked before each run.
 */
export async function shrink(
  failure: ShrunkFailure["outcome"],
  exchanges: number,
  folder: DatabaseFolder,
  timeIsUp: () => boolean,
): Promise<ShrunkFailure> {
  let shrunk: ShrunkFailure = { outcome: failure, reduction: wholeScenario, runs: 0 };
  let runs = 0;
  const attempt = async (reduction: Reduction): Promise<boolean> => {
    if (timeIsUp()) return false;
    runs++;
    const outcome = await runSeed(failure.seed, { exchanges, reduction }, folder);
    if (outcome.kind === "held" || outcome.rule !== failure.rule) return false;
    shrunk = { outcome, reduction, runs };
    return true;
  };
  for (const clientsPercent of shares) if (await attempt({ ...shrunk.reduction, clientsPercent })) break;
  for (const feature of features) {
    const { reduction } = shrunk;
    await attempt({ ...reduction, without: [...reduction.without, feature] });
  }
  return { ...shrunk, runs };
}
