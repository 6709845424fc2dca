/**
 * Whether what `npm run bench:relay` measured may be believed, and whether it is good enough.
 *
 * @module
 */

/** The measurement at one load. */
export interface LoadRow {
  /** In multiples of the capacity. */
  readonly load: number;
  /** Frames a second that the allocator serves. */
  readonly capacity: number;
  readonly seconds: number;
  /** Datagrams that left the generator. */
  readonly sent: number;
  /** Answers that came within the deadline. */
  readonly inTime: number;
  /** Datagrams that the kernel dropped at sockets of the relay, and answers that it dropped at those of the generator. */
  readonly kernelDrops: number;
}

/** The measurement after a number of datagrams. */
export interface MemoryRow {
  /** Answers that the generator got. */
  readonly answered: number;
  readonly rssMiB: number;
}

/** Goodput at the greatest load, in parts of the best. */
export const goodputMin = 0.9;

/** Goodput at a load that the allocator can serve, in parts of that load. */
export const servedMin = 0.9;

/** Datagrams that left the generator, as a fraction of the planned number. */
export const sentMin = 0.98;

/** Memory at the end, in parts of the most that was held when a fifth of the datagrams had come. */
export const growthMax = 1.1;

/**
 * Judges loads.
 *
 * @param rows At least one.
 * @returns A sentence for each fault; none when all is well.
 */
export function judgeLoads(rows: readonly LoadRow[]): string[] {
  const faults = rows.flatMap((row) => [...judgeGenerator(row), ...judgeKernel(row), ...judgeGoodput(row)]);
  const share = shareOfBest(rows);
  if (share < goodputMin) {
    faults.push(
      `goodput at the greatest load is ${percent(share)} of the best, expected at least ${percent(goodputMin)}`,
    );
  }
  return faults;
}

/** @returns Goodput at the greatest load, in parts of the best. */
export function shareOfBest(rows: readonly LoadRow[]): number {
  const goodput = ({ inTime, seconds }: LoadRow) => inTime / seconds;
  const greatest = rows.reduce((most, row) => (row.load > most.load ? row : most));
  return goodput(greatest) / Math.max(1, ...rows.map(goodput));
}

/**
 * Judges a memory run. What the kernel dropped is no fault of it, because only datagrams that the relay received count.
 *
 * @param rows At least one, in the order of time.
 * @returns A sentence for each fault; none when all is well.
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

/** A generator that can't keep its rate measures itself. */
function judgeGenerator({ load, capacity, seconds, sent }: LoadRow): string[] {
  const promised = load * capacity * seconds;
  if (sent >= promised * sentMin) return [];
  return [
    `at ${load} x the generator sent ${sent} of the ${Math.round(promised)} datagrams that it promised, expected ` +
      `at least ${percent(sentMin)}: this machine, as busy as it is, needs a smaller --capacity`,
  ];
}

function judgeKernel({ load, kernelDrops }: LoadRow): string[] {
  if (kernelDrops === 0) return [];
  return [
    `at ${load} x the kernel dropped ${kernelDrops} datagrams, expected none: the relay or the generator got too ` +
      "little of the processor, or net.core.rmem_max is too small",
  ];
}

/** What the allocator can serve, it must be given. */
function judgeGoodput({ load, capacity, seconds, inTime }: LoadRow): string[] {
  const expected = Math.min(load, 1) * capacity;
  const goodput = inTime / seconds;
  if (load > 1 || goodput >= expected * servedMin) return [];
  return [
    `at ${load} x goodput is ${Math.round(goodput)}/s, expected at least ${percent(servedMin)} of the ` +
      `${Math.round(expected)}/s that the allocator could have served`,
  ];
}

/** Formats a share. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
