/**
 * `apportion admin`: calls the admin API from the command line. It prints tables for people, and JSON with `--json`.
 *
 * @module
 */
import { Command, Option } from "commander";
import { defaultAllocatorUrl } from "../defaults.ts";
import { formatOfFile, formatText, parseText } from "../declaration/declaration-text.ts";
import { exitCodes, UsageError } from "../failure.ts";
import {
  adminSilenceSeconds,
  adminSilenceSecondsMax,
  adminSilenceSecondsMin,
  configBodyOctetsMax,
  pageItemsMax,
  tokenOverlapSecondsMax,
} from "../limits.ts";
import { checkArguments, date, filterOption, wholeNumber } from "./admin/arguments.ts";
import { addClock } from "./admin/clock.ts";
import { addEvidence, addLeaseChanges } from "./admin/evidence.ts";
import { pathOf, resources } from "./admin/resources.ts";
import type { ChangeOptions, Resource } from "./admin/resources.ts";
import { addIfMatch, apiToken, createRunner, ifMatchOf, numberOf } from "./admin/runner.ts";
import type { AdminIo, Api, Flags, Run } from "./admin/runner.ts";
import { visibleLine } from "../visible-text.ts";
import { declaredState, named, pageOf, poolPlan, secret, steps, stepsShape } from "./admin/views.ts";
import { isDiscarded, print, printed, printError } from "../program-output.ts";
import { readTextFile } from "../text-file.ts";
import type { Steps } from "./plan-table.ts";
import { decimal } from "./argument-parsers.ts";
import { addTokenFlags } from "./token-options.ts";

const processIo: AdminIo = {
  stdout: print,
  stderr: printError,
  drain: printed,
  isDiscarded,
  setExitCode: (code) => {
    process.exitCode = code;
  },
  exit: (code) => process.exit(code),
  environment: process.env,
};

/** Creates the command. */
export function adminCommand(io: AdminIo = processIo): Command {
  const admin = new Command("admin")
    .description("manage an allocator through its admin API")
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr })
    .exitOverride(({ exitCode }) => io.exit(exitCode === 0 ? 0 : exitCodes.usage))
    .addOption(
      new Option("--api <url>", "URL of the allocator")
        .env("APPORTION_URL")
        .default(undefined, defaultAllocatorUrl),
    );
  addTokenFlags(admin, apiToken)
    .option("--json", "print JSON")
    .option(
      "--timeout <seconds>",
      "longest time without a sign of the allocator",
      decimal(adminSilenceSecondsMin, adminSilenceSecondsMax),
      adminSilenceSeconds,
    );
  const run = createRunner(io, admin);
  for (const resource of resources) addResource(admin, resource, run);
  const find = (name: string) => admin.commands.find((command) => command.name() === name)!;
  addLeaseChanges(find("leases"), run);
  addIfMatch(find("domains").command("release <name>"))
    .description("take a domain from the file that owns it, so that it can be changed here")
    .action(
      run(
        ({ client }, [name], flags) =>
          client.domains[":name"].release.$post(
            { param: pathOf({ name: name! }) },
            { headers: ifMatchOf(flags) },
          ),
        named,
      ),
    );
  addPoolChanges(find("pools"), run);
  addIfMatch(find("tokens").command("rotate <name>"))
    .description("replace the secret of a token; the new secret is shown only once")
    .option("--overlap <seconds>", "seconds for which the old secret stays valid", "3600")
    .action(
      run(({ client }, [name], flags) => {
        const json = { overlapSeconds: numberOf("--overlap", flags.overlap, 0, tokenOverlapSecondsMax) };
        const headers = ifMatchOf(flags);
        return client.tokens[":name"].rotate.$post({ param: pathOf({ name: name! }), json }, { headers });
      }, secret),
    );
  addEvidence(admin, run);
  addClock(admin, run);
  addDeclaredState(admin, run, io);
  checkArguments(admin);
  return admin;
}

/** Adds the planner, and the drain of a pool. */
function addPoolChanges(pools: Command, run: Run): void {
  pools
    .command("plan <file>")
    .description("show what the pool in a JSON or YAML file would look like, without creating it")
    .action(
      run(
        async ({ client }, [file]) => client["pools:plan"].$post({ json: readJson(file!) as never }),
        poolPlan,
      ),
    );
  addIfMatch(pools.command("drain <name>"))
    .description("stop granting new leases from a pool")
    .option(
      "--until <date>",
      "allow renewals until this time (default: one maximum lease time from now)",
      date,
    )
    .option("--force", "drain at once: without --until, or until a date that is past")
    .action(
      run(({ client }, [name], flags) => {
        const json = typeof flags.until === "string" ? { until: flags.until } : {};
        const { query, headers } = changeOptionsOf(flags);
        return client.pools[":name"].drain.$post(
          { param: pathOf({ name: name! }), query, json },
          { headers },
        );
      }, named),
    );
}

function readJson(file: string): unknown {
  return parseText(readText(file), formatOfFile(file), file);
}

function readText(file: string): string {
  try {
    return readTextFile(file, { octetsMax: configBodyOctetsMax, expected: "JSON or YAML" });
  } catch (error) {
    throw new UsageError(`Cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
}

function addResource(admin: Command, resource: Resource, run: Run): void {
  const command = admin.command(resource.name).description(resource.description);
  const list = command.command("list").description(`list ${resource.name}`);
  for (const [field, filter] of Object.entries(resource.filters)) list.addOption(filterOption(field, filter));
  list
    .option("--limit <count>", "how many to show at most", wholeNumber(1, pageItemsMax))
    .option("--cursor <next>", "show those after this place, which the page before printed as `next`");
  list.action(
    run(
      ({ client }, _, flags) => resource.list(client, flags as Record<string, string>),
      pageOf(resource.columns),
    ),
  );
  const { get, put, patch, delete: remove, one, created = one } = resource;
  const change = (name: "put" | "patch" | "delete", args: string, description: string): Command => {
    const changing = addIfMatch(command.command(`${name} ${args}`).description(description));
    const meaning = resource.force?.[name];
    return meaning === undefined ? changing : changing.option("--force", meaning);
  };
  if (get !== undefined)
    command
      .command(`get <${resource.key ?? "name"}>`)
      .alias("show")
      .description("show one; its ETag is printed to standard error")
      .action(run(({ client }, [name]) => get(client, name!), one, ["etag"]));
  if (put !== undefined) {
    change("put", "<name> <file>", "create or replace, from a JSON or YAML file")
      .option("--new", "only create; fail if the name already exists")
      .action(
        run(
          async ({ client }, [name, file], flags) =>
            put(client, name!, readJson(file!), changeOptionsOf(flags)),
          created,
        ),
      );
  }
  if (patch !== undefined) {
    change("patch", "<name> <json>", "change fields with a JSON merge patch").action(
      run(
        ({ client }, [name, json], flags) =>
          patch(client, name!, parseText(json!, "json", "<json>", "JSON"), changeOptionsOf(flags)),
        one,
      ),
    );
  }
  if (remove !== undefined) {
    change("delete", "<name>", "delete one").action(
      run(({ client }, [name], flags) => remove(client, name!, changeOptionsOf(flags)), "nothing"),
    );
  }
}

function changeOptionsOf(flags: Flags): ChangeOptions {
  const headers = { ...ifMatchOf(flags), ...(flags.new === true && { "if-none-match": "*" }) };
  return { query: flags.force === true ? { force: "true" } : {}, headers };
}

/** Says how many leases are in use in the pools that a prune drains. */
function formatLeasesInUse({ steps: planned }: Steps): string {
  const inUse = planned.filter(({ leasesInUse = 0 }) => leasesInUse > 0);
  const total = inUse.reduce((sum, { leasesInUse = 0 }) => sum + leasesInUse, 0);
  const pools = inUse.map(({ name, leasesInUse }) => `${visibleLine(name)} (${leasesInUse})`);
  return `prune: ${total} leases are in use in the pools that it drains${pools.length > 0 ? `: ${pools.join(", ")}` : ""}\n`;
}

function addDeclaredState(admin: Command, run: Run, io: AdminIo): void {
  const put = async ({ request }: Api, file: string, dryRun: boolean, flags: Flags): Promise<Response> => {
    const body = formatText(readJson(file), "json");
    const headers = { "content-type": "application/json", ...ifMatchOf(flags) };
    const query = new URLSearchParams({
      ...(dryRun && { dryRun: "true" }),
      ...(flags.prune === true && { prune: "true" }),
      ...(flags.force === true && { force: "true" }),
    });
    return request(`/admin/v1/config?${query.toString()}`, { method: "PUT", body, headers });
  };
  const apply = async (api: Api, file: string, flags: Flags): Promise<Response> => {
    if (flags.prune === true && flags.dryRun !== true) {
      const planned = await put(api, file, true, flags);
      if (!planned.ok) return planned;
      io.stderr(formatLeasesInUse(await api.read(planned, stepsShape)));
    }
    return put(api, file, flags.dryRun === true, flags);
  };
  const prune = ["--prune", "drain or delete what the state does not name (default: it stays)"] as const;
  const force = ["--force", "accept drain dates that are past: drain those pools at once"] as const;
  admin
    .command("plan <file>")
    .description("show what applying a declared state (JSON or YAML) would change, field by field")
    .option(...prune)
    .option(...force)
    .action(run((api, [file], flags) => put(api, file!, true, flags), steps));
  addIfMatch(admin.command("apply <file>"))
    .description("change domains, pools and reservations to match a declared state")
    .option("--dry-run", "only show what would change")
    .option(...prune)
    .option(...force)
    .action(run((api, [file], flags) => apply(api, file!, flags), steps));
  admin
    .command("export")
    .description("print domains, pools and reservations as a declared state, and its ETag to standard error")
    .action(run(({ client }) => client.config.$get(), declaredState, ["etag"]));
}
