/**
 * `/clock`: shows the clocks of the databases, and lets an operator accept a step of the machine's clock.
 *
 * @module
 */
import { Hono } from "hono";
import * as v from "valibot";
import { formatDate, formatDateOrNull } from "../../../declaration/dates.ts";
import { objectOf } from "../../../declaration/schema-parts.ts";
import { clockDifferenceSecondsMax } from "../../../limits.ts";
import type { ClockAcceptance, ClockReport, ClockStep } from "../../../store/evidence/clock.ts";
import type { AuthEnv } from "../../auth.ts";
import { problem } from "../../problem.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { requireAllDomains } from "../resource.ts";
import { requireJson, validBody, withoutQuery } from "../validation.ts";

const tag = "clock";

const differenceText = "The machine's clock less the database's clock, in whole seconds.";

const stepFields = {
  noticedAt: v.pipe(v.string(), v.description("By the database's clock before it followed the step.")),
  since: v.pipe(
    v.string(),
    v.description(
      "When the database's clock was last set before the step. Look-ups doubt the times from then on.",
    ),
  ),
  differenceSeconds: v.pipe(v.number(), v.integer(), v.description(differenceText)),
};

const clocksSchema = v.strictObject({
  clocks: v.pipe(
    v.array(
      v.strictObject({
        decidedBy: v.pipe(
          v.picklist(["file", "server"]),
          v.description("`file`: the file has its own clock. `server`: the clock of the server's machine."),
        ),
        time: v.string(),
        machineTime: v.nullable(v.string()),
        differenceSeconds: v.nullable(v.pipe(v.number(), v.integer(), v.description(differenceText))),
        openStep: v.nullable(v.strictObject(stepFields)),
        settledSteps: v.array(
          v.strictObject({
            ...stepFields,
            settledAt: v.nullable(v.string()),
            how: v.nullable(v.picklist(["undone", "changed", "leases-ended", "accepted", "following"])),
          }),
        ),
      }),
    ),
    v.description("One for each database, that of the main database first."),
  ),
});

const acceptanceSchema = objectOf({
  differenceSeconds: v.pipe(
    v.number(),
    v.integer(),
    v.minValue(-clockDifferenceSecondsMax),
    v.maxValue(clockDifferenceSecondsMax),
    v.description("The difference that `GET /clock` shows. If it is another by now, nothing is changed."),
  ),
});

/** Creates the routes of the clocks. They require a token for all domains. */
export function clockRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>()
    .get(
      "/clock",
      operation({
        tag,
        summary: "Show the clocks of the databases",
        answers: { 200: clocksSchema },
      }),
      withoutQuery,
      async (context) => {
        const principal = context.get("principal");
        requireAllDomains(principal, "read the clocks");
        return context.json({ clocks: (await store.clock.report(principal)).map(show) });
      },
    )
    .post(
      "/clock:accept",
      operation({
        tag,
        summary: "Set the clock of a database file by the machine's clock",
        description:
          "All leases and offers move with the clock, so none ends early or late. Dates that operators gave do not move. Nothing is served while the rows are changed.",
        answers: { 200: clocksSchema },
        problems: [409],
      }),
      withoutQuery,
      requireJson(),
      validBody(acceptanceSchema),
      async (context) => {
        const principal = context.get("principal");
        requireAllDomains(principal, "set the clocks");
        const { differenceSeconds } = context.req.valid("json");
        const result = await store.clock.accept(principal, differenceSeconds);
        if (result.kind !== "accepted") throw notAccepted(differenceSeconds, result);
        return context.json({ clocks: (await store.clock.report(principal)).map(show) });
      },
    );
}

const wholeSeconds = (ms: number): number => Math.round(ms / 1000);

function show({ now, machine, open, settled }: ClockReport) {
  return {
    decidedBy: machine === null ? ("server" as const) : ("file" as const),
    time: formatDate(now),
    machineTime: formatDateOrNull(machine?.now ?? null),
    differenceSeconds: machine === null ? null : wholeSeconds(machine.differenceMs),
    openStep: open === null ? null : showStep(open),
    settledSteps: settled.map((step) => ({
      ...showStep(step),
      settledAt: formatDateOrNull(step.settledAt),
      how: step.how,
    })),
  };
}

function showStep({ noticedAt, since, differenceMs }: ClockStep) {
  return {
    noticedAt: formatDate(noticedAt),
    since: formatDate(since),
    differenceSeconds: wholeSeconds(differenceMs),
  };
}

function notAccepted(asked: number, refusal: Exclude<ClockAcceptance, { readonly kind: "accepted" }>): Error {
  switch (refusal.kind) {
    case "no-step":
      return problem(409, "Cannot set the clock: found no difference of 2 s or more, expected one");
    case "other-difference": {
      const found = refusal.differencesMs.map(wholeSeconds).join(" s and ");
      return problem(409, `Cannot set the clock: found a difference of ${found} s, expected ${asked} s`);
    }
    case "changed-meanwhile":
      return problem(409, "Cannot set the clock: it was set at the same time; read it again, then retry");
  }
}
