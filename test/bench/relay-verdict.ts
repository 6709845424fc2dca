/**
 * Judges the figures of `npm run bench:relay`: whether they are valid, and whether they are good enough.
 *
 * @module
 */

/** Figures of one load. */
export interface LoadRow {
  /** Load as a multiple of the capacity. */
  readonly load: number;
  /** Frames a second that the allocator can serve. */
  readonly capacity: number;
  readonly seconds: number;
  /** Datagrams that the generator sent. */
  readonly sent: number;
  /** Answers that arrived within the deadline. */
  readonly inTime: number;
  /** Datagrams that the kernel dropped at the relay's sockets, and answers that it dropped at the generator's. */
  readonly kernelDrops: number;
}

/** Figures of one step of a memory run. */
export interface MemoryRow {
  /** Answers that the generator has received so far. */
  readonly answered: number;
  readonly rssMiB: number;
}

/** Lowest accepted goodput at the highest load, as a fraction of the best goodput. */
export const goodputMin = 0.9;

/** Lowest accepted goodput at a load that the allocator can serve, as a fraction of that load. */
export const servedMin = 0.9;

/** Lowest accepted number of sent datagrams, as a fraction of the planned number. */
export const sentMin = 0.98;

/** Highest accepted memory at the end, as a fraction of the peak during the first fifth of the steps. */
export const growthMax = 1.1;

/**
 * Judges the rows of a run with several loads.
 *
 * @param rows At least one.
 * @returns A sentence for each fault.
 */
export function judgeLoads(rows: readonly LoadRow[]): string[] {
  const faults = rows.flatMap((row) => [...judgeGenerator(row), ...judgeKernel(row), ...judgeGoodput(row)]);
  const share = shareOfBest(rows);
  if (share < goodputMin) {
    faults.push(
      `goodput at the highest load is ${percent(share)} of the best, expected at least ${percent(goodputMin)}`,
    );
  }
  return faults;
}

/** @returns Goodput at the highest load, as a fraction of the best goodput. */
export function shareOfBest(rows: readonly LoadRow[]): number {
  const goodput = ({ inTime, seconds }: LoadRow) => inTime / seconds;
  const greatest = rows.reduce((most, row) => (row.load > most.load ? row : most));
  return goodput(greatest) / Math.max(1, ...rows.map(goodput));
}

/**
 * Judges a memory run. Kernel drops are no fault here, because only datagrams that the relay received are counted.
 *
 * @param rows At least one, in order of time.
 * @returns A sentence for each fault.
 */
export function judgeMemory(rows: readonly MemoryRow[]): string[] {
  const faults: string[] = [];
  const early = Math.max(...rows.slice(0, Math.ceil(rows.length / 5)).map(({ rssMiB }) => rssMiB));
  const { rssMiB, answered } = rows.at(-1)!;
  if (rssMiB > early * growthMax) {
    faults.push(
      `the relay holds ${Math.round(rssMiB)} MiB at the end, expected at most ` +
        `${percent(growthMax)} of the ${Math.round(early)} MiB that it held after a fifth`,
    );
  }
  if (answered === 0) faults.push("the generator got no answer: nothing was relayed");
  return faults;
}

/** Rejects figures that were limited by the generator instead of the relay. */
function judgeGenerator({ load, capacity, seconds, sent }: LoadRow): string[] {
  const planned = load * capacity * seconds;
  if (sent >= planned * sentMin) return [];
  return [
    `at ${load} x the generator sent ${sent} of ${Math.round(planned)} datagrams, expected ` +
      `at least ${percent(sentMin)}: this machine is too busy for this --capacity`,
  ];
}

function judgeKernel({ load, kernelDrops }: LoadRow): string[] {
  if (kernelDrops === 0) return [];
  return [
    `at ${load} x the kernel dropped ${kernelDrops} datagrams, expected none: the relay or the generator got too ` +
      "little CPU time, or net.core.rmem_max is too small",
  ];
}

/** At a load up to the capacity, nearly all queries must be answered in time. */
function judgeGoodput({ load, capacity, seconds, inTime }: LoadRow): string[] {
  const expected = Math.min(load, 1) * capacity;
  const goodput = inTime / seconds;
  if (load > 1 || goodput >= expected * servedMin) return [];
  return [
    `at ${load} x goodput is ${Math.round(goodput)}/s, expected at least ${percent(servedMin)} of the ` +
      `${Math.round(expected)}/s that the allocator could have served`,
  ];
}

/** Formats a fraction as a percentage. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
