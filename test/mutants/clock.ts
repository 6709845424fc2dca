/**
 * Guards that are broken: the clock of a file, what a step of the machine's clock moves, and what look-ups know of it.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const fileClock = "src/store/database/file-clock.ts";
const clockStep = "src/store/database/clock-step.ts";
const history = "src/store/evidence/history.ts";
const tests = ["test/clock-steps.test.ts", "src/store/database", "src/store/evidence/clock-doubt.test.ts"];

const mutant = (name: string, file: string, search: string, replacement: string): Mutant => ({
  name,
  rules: ["T9"],
  file,
  search,
  replacement,
  tests,
});

export const clockMutants: readonly Mutant[] = [
  mutant(
    "file-clock-follows-steps",
    fileClock,
    "ELSE ${instant.baseMs} END`;",
    "ELSE ${machine.wall} - ${machine.boot} END`;",
  ),
  mutant(
    "file-clock-goes-back",
    fileClock,
    "sql`max(${instant.nowMs}, ${baseOf(machine)} + ${machine.boot})`;",
    "sql`(${baseOf(machine)} + ${machine.boot})`;",
  ),
  mutant(
    "boot-sets-the-clock-back",
    fileClock,
    "THEN max(${clockAtBoot(machine)}, ${instant.nowMs}) - ${machine.boot}",
    "THEN ${clockAtBoot(machine)} - ${machine.boot}",
  ),
  mutant(
    "boot-is-not-noticed",
    fileClock,
    "OR ${instant.baseMs} + ${boot} < ${instant.nowMs} - ${stepLiteral})`;",
    ")`;",
  ),
  mutant(
    "boot-follows-an-open-step",
    fileClock,
    "${stepLiteral}, ${openDifference}, 0))`;",
    "${stepLiteral}, 0, 0))`;",
  ),
  mutant("step-is-told-again-and-again", fileClock, "isStep(now) && !isSameStep(before, now)", "isStep(now)"),
  mutant(
    "step-is-recorded-again-and-again",
    clockStep,
    "AND NOT EXISTS (SELECT 1 FROM ${clockStep} WHERE ${clockStep.settledAt} IS NULL)`;",
    "`;",
  ),
  mutant(
    "step-is-followed-while-leases-run",
    clockStep,
    "const someHeld = sql`EXISTS",
    "const someHeld = sql`NULL AND EXISTS",
  ),
  mutant(
    "step-ends-leases-of-reserved-pairs",
    clockStep,
    "WHERE ${lease.freeAt} <> ${freeNever} OR (${lease.state} <= ${bound} AND ${lease.expiresAt} > ${instantSeconds}))`;",
    "WHERE ${lease.freeAt} <> ${freeNever})`;",
  ),
  mutant(
    "leases-stay-when-the-clock-goes-forward",
    clockStep,
    "seconds > 0 ? moveForward(seconds)",
    "seconds > 0 ? []",
  ),
  mutant("leases-stay-when-the-clock-goes-back", clockStep, ": moveBack(seconds);", ": [];"),
  mutant(
    "earlier-leases-move-back-with-the-clock",
    clockStep,
    "sql`iif(${isOfThisClock}, ${seconds}, ${newNow} - ${lease.updatedAt})`;",
    "sql`${seconds}`;",
  ),
  mutant(
    "clock-that-was-set-is-set-again",
    clockStep,
    "const isBaseStill = (baseMs: number): SQL => sql`(SELECT ${instant.baseMs} FROM ${instant}) = ${baseMs}`;",
    "const isBaseStill = (baseMs: number): SQL => sql`${baseMs} = ${baseMs}`;",
  ),
  mutant(
    "allocators-are-not-told-of-the-clock",
    clockStep,
    "...moves, tellAllocators, setClock",
    "...moves, setClock",
  ),
  mutant(
    "old-reading-of-a-clock-that-was-set",
    "src/allocator/pipeline.ts",
    "        arrival.received = undefined;\n",
    "",
  ),
  mutant(
    "tenure-ends-by-the-clock-after-it",
    "migrations/0012_clock_triggers.sql",
    "iif(NEW.updated_at < OLD.updated_at, (SELECT now_ms / 1000 FROM instant), NEW.updated_at)",
    "NEW.updated_at",
  ),
  mutant(
    "upgrade-leaves-leases-of-the-future",
    "migrations/0012_clock_triggers.sql",
    "WHERE lease.updated_at > t.now + 60;",
    "WHERE 0;",
  ),
  mutant(
    "evidence-in-doubt-is-certain",
    history,
    "const shown = isInDoubt ? withoutRepetitions(holders) : holders;",
    "const shown = holders;",
  ),
  mutant(
    "other-clock-is-not-asked",
    history,
    "if (otherTimes.length > 0) {",
    "if (otherTimes.length > 100) {",
  ),
  mutant(
    "undone-step-puts-evidence-in-doubt",
    clockStep,
    "export const isDoubtful = sql`(${clockStep.settledAt} IS NULL OR ${clockStep.how} IN ('leases-ended', 'accepted'))`;",
    "export const isDoubtful = sql`1`;",
  ),
  mutant(
    "skipped-times-are-certain",
    "src/store/evidence/clock-doubt.ts",
    "until + Math.max(shift.most, 0), unmoved)",
    "until, unmoved)",
  ),
  mutant(
    "part-of-a-second-of-a-step-forgotten",
    "src/store/evidence/clock-doubt.ts",
    "Math.ceil(step.differenceMs / 1000)",
    "Math.floor(step.differenceMs / 1000)",
  ),
  mutant(
    "housekeeping-deletes-in-doubt",
    "src/store/evidence/retention.ts",
    "if (open.length > 0) return",
    "if (open.length > 1) return",
  ),
  mutant(
    "binding-table-version-of-two-clocks",
    "src/store/evidence/binding-feed.ts",
    'if (isSetBack(setBack, timeOfVersion(since))) return gone("clock-set-back");',
    "",
  ),
  mutant(
    "any-difference-is-accepted",
    "src/store/evidence/clock.ts",
    "isSameStep(look.differenceMs, differenceSeconds * 1000)",
    "isSameStep(look.differenceMs, look.differenceMs + 0 * differenceSeconds)",
  ),
  mutant(
    "token-of-one-domain-reads-clocks",
    "src/http/admin/clock/routes.ts",
    'requireAllDomains(principal, "read the clocks");',
    "",
  ),
  mutant(
    "token-of-one-domain-sets-clocks",
    "src/http/admin/clock/routes.ts",
    'requireAllDomains(principal, "set the clocks");',
    "",
  ),
  mutant(
    "sleep-of-the-machine-is-not-counted",
    "src/store/database/boot-clock.ts",
    "return both.low <= both.high ? both : read;",
    "return both;",
  ),
];
