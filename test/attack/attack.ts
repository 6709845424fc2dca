/**
 * What an attack is, and how attacks are run: one after the other, each with a deadline, so that a process that hangs is
 * a result and not the end of the run.
 *
 * @module
 */
import { Field, sharedSetup } from "./field.ts";
import type { DomainInput, FieldSetup } from "./field.ts";

/** What was seen of an attack. */
export interface Outcome {
  /** A short text with the figures that were really seen. */
  readonly seen: string;
  /** Whether the service did what it should. */
  readonly held: boolean;
}

/** One attack on a running relay and allocator. */
export interface Attack {
  /** Id of the fault that it tries, such as `T5`. */
  readonly id: string;
  /** What is tried, for the table. */
  readonly tried: string;
  /** Domains that it needs, in addition to that of the honest clients. */
  readonly domains?: readonly DomainInput[];
  /** A separate field, for an attack that must not affect others. Default: the shared field. */
  readonly setup?: FieldSetup;
  /** Time limit in milliseconds. Default: 60,000. */
  readonly deadlineMs?: number;
  /** A tool that it needs and that is not installed. */
  readonly missing?: string | undefined;
  readonly run: (field: Field) => Promise<Outcome>;
}

/** A row of the table. */
export interface Row {
  readonly id: string;
  readonly tried: string;
  readonly seen: string;
  readonly result: "held" | "broken" | "skipped";
}

/** Time limit of an attack in milliseconds: most take less than three seconds, on two cores that are shared. */
const deadlineMs = 60_000;

/** Milliseconds in which an honest client must have a lease after an attack. */
const recoveryMs = 15_000;

/** Runs attacks one after the other. Those without a field of their own share one, until an attack is not held. */
export async function* runAttacks(attacks: readonly Attack[]): AsyncGenerator<Row> {
  const domains = attacks.flatMap((attack) => (attack.setup === undefined ? (attack.domains ?? []) : []));
  let shared: Field | undefined;
  try {
    for (const attack of attacks) {
      const { setup } = attack;
      const openField = async (): Promise<Field> =>
        setup === undefined ? (shared ??= await Field.open({ ...sharedSetup, domains })) : Field.open(setup);
      const row = await runAttack(attack, openField);
      yield row;
      if (row.result === "broken" && setup === undefined) {
        await shared?.close();
        shared = undefined;
      }
    }
  } finally {
    await shared?.close();
  }
}

async function runAttack(attack: Attack, openField: () => Promise<Field>): Promise<Row> {
  const { id, tried, missing } = attack;
  if (missing !== undefined) return { id, tried, seen: `${missing} is not installed`, result: "skipped" };
  try {
    const field = await openField();
    try {
      const { seen, held } = await within(attack.deadlineMs ?? deadlineMs, () => attack.run(field));
      const failure = await within(recoveryMs, () => field.findFailure());
      const row = { id, tried, seen: failure === undefined ? seen : `${seen}; then ${failure}` };
      return { ...row, result: held && failure === undefined ? "held" : "broken" };
    } finally {
      if (attack.setup !== undefined) await field.close();
    }
  } catch (error) {
    return { id, tried, seen: (error as Error).message.split("\n", 1)[0]!, result: "broken" };
  }
}

/** @throws {Error} When it takes longer than the time limit. */
async function within<T>(limitMs: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${limitMs / 1000} s`));
    }, limitMs);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Formats the line with which the table ends: `26 held, 1 broken`. */
export function formatCounts(rows: readonly Row[]): string {
  const countOf = (result: Row["result"]): number => rows.filter((row) => row.result === result).length;
  const skipped = countOf("skipped");
  return `${countOf("held")} held, ${countOf("broken")} broken${skipped === 0 ? "" : `, ${skipped} skipped`}`;
}
