/**
 * Commands that show the clocks of the databases and set them.
 *
 * @module
 */
import type { Command } from "commander";
import * as v from "valibot";
import { numberOf } from "./runner.ts";
import type { Run } from "./runner.ts";
import { formatItems } from "./table.ts";
import { viewOf } from "./views.ts";

const columns = [
  ...["decidedBy", "time", "machineTime", "differenceSeconds"],
  ...["openStep.noticedAt", "openStep.since"],
];

/** The allocator compares the difference with the clock's, so its size does not matter here. */
const safe = Number.MAX_SAFE_INTEGER;

const showClocks = viewOf(v.looseObject({ clocks: v.array(v.looseObject({})) }), ({ clocks }) =>
  formatItems(columns, clocks),
);

/** Adds the commands of the clocks. */
export function addClock(admin: Command, run: Run): void {
  const clock = admin.command("clock").description("show and set the clocks of the databases");
  clock
    .command("show")
    .description("show the clocks, and the step that is open")
    .action(run(({ client }) => client.clock.$get(), showClocks));
  clock
    .command("accept <difference>")
    .description("set the clock of a database file by the machine's clock; leases move with it")
    .addHelpText("after", "\n<difference> is in seconds, as `clock show` prints it: 7200 or -7200.")
    .action(
      run(
        ({ client }, [difference]) =>
          client["clock:accept"].$post({
            json: { differenceSeconds: numberOf("<difference>", difference, -safe, safe) },
          }),
        showClocks,
      ),
    );
}
