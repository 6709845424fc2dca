/**
 * `apportion admin`: the admin API on the command line. Tables for people, `--json` for programs.
 *
 * @module
 */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { formatOfFile, formatText, parseText } from "../lease/declaration-text.ts";
import { addEvidence, addLeaseChanges } from "./admin/evidence.ts";
import { resources } from "./admin/resources.ts";
import type { Resource } from "./admin/resources.ts";
import { adminExitCodes, createRunner } from "./admin/runner.ts";
import type { AdminIo, Api, Flags, Run, Show } from "./admin/runner.ts";
import { formatPage, formatTable } from "./admin/table.ts";

const processIo: AdminIo = {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  drain: async () => {
    if (process.stdout.writableNeedDrain) await once(process.stdout, "drain");
  },
  setExitCode: (code) => {
    process.exitCode = code;
  },
  exit: (code) => process.exit(code),
  environment: process.env,
};

const footer = `
Environment: APPORTION_URL, APPORTION_ADMIN_TOKEN.
Exit codes: ${adminExitCodes.done} done, ${adminExitCodes.refused} refused by the API, ${adminExitCodes.usage} usage, \
${adminExitCodes.unreachable} not reachable, or failed there.`;

/** Creates the command. */
export function adminCommand(io: AdminIo = processIo): Command {
  const admin = new Command("admin")
    .description("run the pools of an allocator by its admin API")
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr })
    .exitOverride(({ exitCode }) => io.exit(exitCode === 0 ? 0 : adminExitCodes.usage))
    .option("--url <url>", "where the allocator is (default: APPORTION_URL, or http://127.0.0.1:8467)")
    .option("--token <secret>", "of scope read or admin (default: APPORTION_ADMIN_TOKEN)")
    .option("--json", "print JSON")
    .addHelpText("after", footer);
  const run = createRunner(io, admin);
  for (const resource of resources)
    admin.addCommand(resourceCommand(resource, run).copyInheritedSettings(admin));
  const find = (name: string) => admin.commands.find((command) => command.name() === name)!;
  addLeaseChanges(find("leases"), run);
  const pools = find("pools");
  pools
    .command("plan <file>")
    .description("say what the pool of a JSON or YAML file would be")
    .action(
      run(async ({ client }, [file]) =>
        client["pools:plan"].$post({ json: (await readJson(file!)) as never }),
      ),
    );
  pools
    .command("drain <name>")
    .description("give no new leases from a pool")
    .option("--until <date>", "renewals go on until then (default: as long as the longest lease)")
    .action(
      run(({ client }, [name], { until }) => {
        const json = typeof until === "string" ? { until } : {};
        return client.pools[":name"].drain.$post({ param: { name: name! }, json });
      }),
    );
  find("tokens")
    .command("rotate <name>")
    .description("give a token another secret, which is shown once")
    .option("--overlap <seconds>", "how long the old one is good, too", "3600")
    .action(
      run(({ client }, [name], { overlap }) =>
        client.tokens[":name"].rotate.$post({
          param: { name: name! },
          json: { overlapSeconds: Number(overlap) },
        }),
      ),
    );
  addEvidence(admin, run);
  addDeclaredState(admin, run);
  return admin;
}

async function readJson(file: string): Promise<unknown> {
  return parseText(await readFile(file, "utf8"), formatOfFile(file), file);
}

function resourceCommand(resource: Resource, run: Run): Command {
  const command = new Command(resource.name).description(`read and change ${resource.name}`);
  const table: Show = (body) => formatPage(resource.columns, body);
  const list = command.command("list").description(`list ${resource.name}`);
  for (const filter of resource.filters) list.option(`--${filter} <value>`);
  list.option("--limit <count>").option("--cursor <next>");
  list.action(run(({ client }, _, flags) => resource.list(client, flags as Record<string, string>), table));
  const { get, put, patch } = resource;
  if (get !== undefined)
    command
      .command("get <name>")
      .alias("show")
      .action(run(({ client }, [name]) => get(client, name!)));
  const ifMatch = (flags: Flags) => ("ifMatch" in flags ? { "if-match": String(flags.ifMatch) } : {});
  if (put !== undefined) {
    command
      .command("put <name> <file>")
      .description("create or replace, from a JSON or YAML file")
      .option("--if-match <etag>", 'what is replaced; "*" for whatever is there')
      .action(
        run(async ({ client }, [name, file], flags) =>
          put(client, name!, await readJson(file!), ifMatch(flags)),
        ),
      );
  }
  if (patch !== undefined) {
    command
      .command("patch <name> <json>")
      .description("change fields: a JSON merge patch")
      .option("--if-match <etag>")
      .action(
        run(({ client }, [name, json], flags) =>
          patch(client, name!, parseText(json!, "json", "<json>"), ifMatch(flags)),
        ),
      );
  }
  const remove = resource.delete;
  if (remove !== undefined) {
    command
      .command("delete <name>")
      .option("--force", "also when it has leases: they end, and are kept in history")
      .action(
        run(({ client }, [name], { force }) =>
          remove(client, name!, force === true ? { force: "true" } : {}),
        ),
      );
  }
  return command;
}

const planColumns = ["what", "name", "change", "reason"];

function addDeclaredState(admin: Command, run: Run): void {
  const put = async ({ request }: Api, file: string, dryRun: boolean): Promise<Response> => {
    const body = formatText(await readJson(file), "json");
    const headers = { "content-type": "application/json" };
    return request(`/admin/v1/config${dryRun ? "?dryRun=true" : ""}`, { method: "PUT", body, headers });
  };
  const table: Show = (body) => formatTable(planColumns, (body as { steps: unknown[] }).steps);
  admin
    .command("plan <file>")
    .description("say what applying a declared state (JSON or YAML) would do")
    .action(run((api, [file]) => put(api, file!, true), table));
  admin
    .command("apply <file>")
    .description("make domains, pools and reservations what a declared state says")
    .option("--dry-run", "only say what would be done")
    .action(run((api, [file], { dryRun }) => put(api, file!, dryRun === true), table));
  admin
    .command("export")
    .description("print domains, pools and reservations as a declared state")
    .action(run(({ client }) => client.config.$get()));
}
