/**
 * `apportion admin`: the admin API on the command line. Tables for people, `--json` for programs.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { formatOfFile, formatText, parseText } from "../lease/declaration-text.ts";
import { createAdminClient, resources } from "./admin/resources.ts";
import type { AdminClient, Answer, Resource } from "./admin/resources.ts";
import { formatTable } from "./admin/table.ts";

/** How the process ends. */
export const adminExitCodes = { done: 0, refused: 1, usage: 2, unreachable: 3 } as const;

/** What the command does to the process; a test puts its own in place. */
export interface AdminIo {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly setExitCode: (code: number) => void;
  /** Ends at once: help was asked for, or a flag is wrong. */
  readonly exit: (code: number) => never;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const processIo: AdminIo = {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  setExitCode: (code) => {
    process.exitCode = code;
  },
  exit: (code) => process.exit(code),
  environment: process.env,
};

interface Global {
  readonly url?: string;
  readonly token?: string;
  readonly json?: boolean;
}

type Flags = Record<string, string | boolean | undefined>;

/** The API said no, or something that is not of the API. */
class AnswerError extends Error {
  readonly exitCode: number;
  constructor(status: number, message: string) {
    super(message);
    this.exitCode = status >= 500 ? adminExitCodes.unreachable : adminExitCodes.refused;
  }
}

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
  const pools = admin.commands.find((command) => command.name() === "pools")!;
  pools
    .command("plan <file>")
    .description("say what the pool of a JSON or YAML file would be")
    .action(
      run(async (client, [file]) => client["pools:plan"].$post({ json: (await readJson(file!)) as never })),
    );
  pools
    .command("drain <name>")
    .description("give no new leases from a pool")
    .option("--until <date>", "renewals go on until then (default: as long as the longest lease)")
    .action(
      run((client, [name], { until }) => {
        const json = typeof until === "string" ? { until } : {};
        return client.pools[":name"].drain.$post({ param: { name: name! }, json });
      }),
    );
  admin.commands
    .find((command) => command.name() === "tokens")!
    .command("rotate <name>")
    .description("give a token another secret, which is shown once")
    .option("--overlap <seconds>", "how long the old one is good, too", "3600")
    .action(
      run((client, [name], { overlap }) =>
        client.tokens[":name"].rotate.$post({
          param: { name: name! },
          json: { overlapSeconds: Number(overlap) },
        }),
      ),
    );
  addDeclaredState(admin, run, io);
  return admin;
}

type Action = (client: AdminClient, args: string[], flags: Flags) => Promise<Answer>;
type Show = (body: unknown) => string;
type Run = (action: Action, show?: Show) => (...args: unknown[]) => Promise<void>;

/** Calls, prints the answer, and says by the exit code how it went. */
function createRunner(io: AdminIo, admin: Command): Run {
  return (action, show = (body) => formatText(body, "yaml")) =>
    async (...given) => {
      const command = given.at(-1) as Command;
      const { url, token, json } = admin.opts<Global>();
      try {
        const secret = token ?? io.environment.APPORTION_ADMIN_TOKEN;
        if (secret === undefined) {
          throw new TypeError(
            "Cannot call the API: found no token, expected --token or APPORTION_ADMIN_TOKEN",
          );
        }
        const base = url ?? io.environment.APPORTION_URL ?? "http://127.0.0.1:8467";
        const response = await action(createAdminClient(base, secret), command.args, command.opts<Flags>());
        const body = await readAnswer(response);
        if (body !== undefined) io.stdout(json === true ? formatText(body, "json") : show(body));
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        const isNetwork = error instanceof TypeError && /fetch|network/i.test(message);
        io.stderr(isNetwork ? `Cannot reach the allocator: ${message}\n` : `${message}\n`);
        const usage = isNetwork ? adminExitCodes.unreachable : adminExitCodes.usage;
        io.setExitCode(error instanceof AnswerError ? error.exitCode : usage);
      }
    };
}

async function readAnswer(response: Answer): Promise<unknown> {
  const text = await response.text();
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  const body = isJson && text !== "" ? (JSON.parse(text) as unknown) : undefined;
  if (response.ok) return response.status === 202 ? { status: "unfinished: ask again to go on" } : body;
  const { detail, errors = [] } = (body ?? {}) as { detail?: string; errors?: Record<string, string>[] };
  const lines = errors.map(
    ({ path, found, expected }) => `\n  ${path}: found ${found}, expected ${expected}`,
  );
  throw new AnswerError(
    response.status,
    `${detail ?? `Cannot call the API: found status ${response.status}`}${lines.join("")}`,
  );
}

async function readJson(file: string): Promise<unknown> {
  return parseText(await readFile(file, "utf8"), formatOfFile(file), file);
}

function resourceCommand(resource: Resource, run: Run): Command {
  const command = new Command(resource.name).description(`read and change ${resource.name}`);
  const table: Show = (body) => formatTable(resource.columns, (body as { items: unknown[] }).items);
  const list = command.command("list").description(`list ${resource.name}`);
  for (const filter of resource.filters) list.option(`--${filter} <value>`);
  list.option("--limit <count>").option("--cursor <next>");
  list.action(run((client, _, flags) => resource.list(client, flags as Record<string, string>), table));
  const { get, put, patch } = resource;
  if (get !== undefined) command.command("get <name>").action(run((client, [name]) => get(client, name!)));
  const ifMatch = (flags: Flags) => ("ifMatch" in flags ? { "if-match": String(flags.ifMatch) } : {});
  if (put !== undefined) {
    command
      .command("put <name> <file>")
      .description("create or replace, from a JSON or YAML file")
      .option("--if-match <etag>", 'what is replaced; "*" for whatever is there')
      .action(
        run(async (client, [name, file], flags) => put(client, name!, await readJson(file!), ifMatch(flags))),
      );
  }
  if (patch !== undefined) {
    command
      .command("patch <name> <json>")
      .description("change fields: a JSON merge patch")
      .option("--if-match <etag>")
      .action(
        run((client, [name, json], flags) =>
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
        run((client, [name], { force }) => remove(client, name!, force === true ? { force: "true" } : {})),
      );
  }
  return command;
}

const planColumns = ["what", "name", "change", "reason"];

function addDeclaredState(admin: Command, run: Run, io: AdminIo): void {
  const put = async (client: AdminClient, file: string, dryRun: boolean): Promise<Answer> => {
    const body = formatText(await readJson(file), "json");
    const url = client.config.$url({ query: {} });
    if (dryRun) url.searchParams.set("dryRun", "true");
    const token = admin.opts<Global>().token ?? io.environment.APPORTION_ADMIN_TOKEN ?? "";
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    return fetch(url, { method: "PUT", body, headers });
  };
  const table: Show = (body) => formatTable(planColumns, (body as { steps: unknown[] }).steps);
  admin
    .command("plan <file>")
    .description("say what applying a declared state (JSON or YAML) would do")
    .action(run((client, [file]) => put(client, file!, true), table));
  admin
    .command("apply <file>")
    .description("make domains, pools and reservations what a declared state says")
    .option("--dry-run", "only say what would be done")
    .action(run((client, [file], { dryRun }) => put(client, file!, dryRun === true), table));
  admin
    .command("export")
    .description("print domains, pools and reservations as a declared state")
    .action(run((client) => client.config.$get()));
}
