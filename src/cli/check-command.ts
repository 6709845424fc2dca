/**
 * `apportion check`: finds the faults of files before an allocator starts with them, and what they would change.
 *
 * @module
 */
import { Command, Option } from "commander";
import type { Declaration } from "../declaration/declaration.ts";
import { warningsOfDeclared } from "../declaration/domain-settings.ts";
import { exitCodes, UsageError } from "../failure.ts";
import { databaseCommandMsMax } from "../limits.ts";
import { print, printError } from "../program-output.ts";
import { openExistingDatabase, fileModeOf } from "../runtime/node.ts";
import type { ConfigMode } from "../runtime/node.ts";
import { filePrincipal } from "../store/configuration/declaration.ts";
import { openStore } from "../store/store.ts";
import type { Store } from "../store/store.ts";
import { visibleText } from "../visible-text.ts";
import { checkEnvironment, checkFile } from "./check-files.ts";
import type { CheckedFile, FileFault } from "./check-files.ts";
import { configModeOption } from "./config-mode.ts";
import { formatSteps } from "./plan-table.ts";
import type { Steps } from "./plan-table.ts";
import { exitOnFailure } from "./process.ts";
import { addTokenFlags, tokenOf } from "./token-options.ts";
import { serverToken } from "./database-options.ts";

interface Options {
  readonly environment?: true;
  readonly database?: string;
  readonly configMode?: ConfigMode;
  readonly json?: true;
}

/** Creates the command. */
export function checkCommand(): Command {
  const database = new Option(
    "--database <url>",
    "also show what applying the declared states would change in this database: file:PATH, http(s)://… or libsql://…",
  );
  const command = new Command("check")
    .description("find the faults of declared states and of allocator settings, without a change")
    .argument("[files...]", "declared states (.json, .yaml, .yml), and files of variables (.env)")
    .option(
      "--environment",
      "also check the variables and credentials that this process has, as `allocator` would",
    )
    .addOption(database)
    .addOption(configModeOption());
  return addTokenFlags(command, serverToken).option("--json", "print JSON").action(exitOnFailure(runCheck));
}

async function runCheck(files: readonly string[], options: Options, command: Command): Promise<void> {
  if (files.length === 0 && options.environment === undefined)
    throw new UsageError("Cannot check: found neither files nor --environment, expected one of them");
  // With a database, its plan says what it refuses: it may have some of it already.
  const checked = files.map((file) => checkFile(file, options.database === undefined));
  if (options.environment === true) checked.push(checkEnvironment());
  const faults = checked.flatMap((each) => each.faults);
  const plans =
    faults.length > 0 || options.database === undefined
      ? []
      : await planAll(checked, options.database, options.configMode, command);
  if (options.json === true) print(`${JSON.stringify({ faults, plans })}\n`);
  else {
    for (const fault of faults) printError(`${describeFault(fault)}\n`);
    for (const { file } of checked.filter((each) => each.faults.length === 0))
      print(`${visibleText(file)}: no faults\n`);
    for (const { steps } of plans) print(formatSteps({ applied: false, steps }));
  }
  for (const { declaration } of checked) warn(declaration);
  const isRefused = plans.some(({ steps }) => steps.some(({ change }) => change === "refuse"));
  if (faults.length > 0) process.exitCode = exitCodes.usage;
  else if (isRefused) process.exitCode = exitCodes.refused;
}

function warn(declaration: Declaration | undefined): void {
  for (const domain of declaration?.domains ?? [])
    for (const warning of warningsOfDeclared(domain)) printError(`warning: ${warning}\n`);
}

const describeFault = ({ file, line, path, problem }: FileFault): string =>
  [file, line, path === undefined ? undefined : ` ${path}`, ` ${problem}`]
    .filter((each) => each !== undefined)
    .join(":")
    .replaceAll("\n", "\\n");

/** @throws {OpeningError} When the database cannot be opened, or lacks migrations. */
async function planAll(
  checked: readonly CheckedFile[],
  url: string,
  mode: ConfigMode,
  command: Command,
): Promise<readonly { readonly file: string; readonly steps: Steps["steps"] }[]> {
  const access = { url, setting: "--database", token: tokenOf(command, serverToken, process.env) };
  const store = await openStore(access, (each) => openExistingDatabase(each, databaseCommandMsMax));
  try {
    const plans = [];
    for (const { file, declaration } of checked) {
      if (declaration !== undefined) plans.push({ file, steps: await plan(store, declaration, file, mode) });
    }
    return plans;
  } finally {
    store.close();
  }
}

async function plan(
  store: Store,
  declaration: Declaration,
  file: string,
  mode: ConfigMode,
): Promise<Steps["steps"]> {
  const options = { unnamed: "keep", file: fileModeOf(file, mode) } as const;
  const planned = await store.declaration.plan(filePrincipal, declaration, options);
  if (planned.kind === "planned") return planned.steps;
  throw new Error(`Cannot plan ${file}: found ${planned.kind}, expected a state that can be applied`);
}
