/**
 * `apportion check`: finds the faults of files before an allocator starts with them, and what they would change.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { parseEnv } from "node:util";
import { Command, Option } from "commander";
import { withoutByteOrderMark } from "../byte-order-mark.ts";
import { formatOfFile, parseText } from "../declaration/declaration-text.ts";
import { DeclarationError, parseDeclaration } from "../declaration/declaration.ts";
import type { Declaration } from "../declaration/declaration.ts";
import { linesOf } from "../declaration/declared-lines.ts";
import { siteLimitOf, warningsOf } from "../declaration/domain-settings.ts";
import { exitCodes, UsageError } from "../failure.ts";
import { describeFileFault } from "../file-fault.ts";
import { databaseCommandMsMax } from "../limits.ts";
import { print, printError } from "../program-output.ts";
import { withCredentials } from "../runtime/credentials.ts";
import { openExistingDatabase, fileModeOf } from "../runtime/node.ts";
import type { ConfigMode } from "../runtime/node.ts";
import { filePrincipal } from "../store/configuration/declaration.ts";
import { openStore } from "../store/store.ts";
import type { Store } from "../store/store.ts";
import { configModeOption } from "./config-mode.ts";
import { formatSteps } from "./plan-table.ts";
import type { Steps } from "./plan-table.ts";
import { exitOnFailure } from "./process.ts";
import { findSettingFaults, variableOf } from "./settings-faults.ts";
import { addTokenFlags, tokenOf } from "./token-options.ts";
import { serverToken } from "./database-options.ts";

interface Options {
  readonly environment?: true;
  readonly database?: string;
  readonly configMode?: ConfigMode;
  readonly json?: true;
}

/** A fault of a file or of the environment. */
interface Fault {
  /** The file; `environment` for the variables of the process. */
  readonly file: string;
  /** Undefined if the fault has no line. */
  readonly line?: number | undefined;
  /** Path of the field, or name of the variable; undefined if the fault is of the whole file. */
  readonly path?: string | undefined;
  /** What was found and what was expected. */
  readonly problem: string;
}

/** What was read from one file. */
interface Checked {
  readonly file: string;
  readonly faults: readonly Fault[];
  /** If it is a declared state without faults. */
  readonly declaration?: Declaration;
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
  const checked = files.map(checkFile);
  if (options.environment === true) checked.push(checkEnvironment());
  const faults = checked.flatMap((each) => each.faults);
  const plans =
    faults.length > 0 || options.database === undefined
      ? []
      : await planAll(checked, options.database, options.configMode, command);
  if (options.json === true) print(`${JSON.stringify({ faults, plans })}\n`);
  else {
    for (const fault of faults) printError(`${describeFault(fault)}\n`);
    for (const { file } of checked.filter((each) => each.faults.length === 0)) print(`${file}: no faults\n`);
    for (const { steps } of plans) print(formatSteps({ applied: false, steps }));
  }
  for (const { declaration } of checked) warn(declaration);
  const isRefused = plans.some(({ steps }) => steps.some(({ change }) => change === "refuse"));
  if (faults.length > 0) process.exitCode = exitCodes.usage;
  else if (isRefused) process.exitCode = exitCodes.refused;
}

function warn(declaration: Declaration | undefined): void {
  for (const domain of declaration?.domains ?? [])
    for (const warning of warningsOf(domain.name, siteLimitOf(domain))) printError(`warning: ${warning}\n`);
}

const describeFault = ({ file, line, path, problem }: Fault): string =>
  [file, line, path === undefined ? undefined : ` ${path}`, ` ${problem}`]
    .filter((each) => each !== undefined)
    .join(":");

function checkFile(file: string): Checked {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const problem = describeFileFault(error, "a declared state, or a file of variables");
    return { file, faults: [{ file, problem }] };
  }
  return /(^|\.)env$/.test(basename(file)) ? checkVariables(file, text) : checkDeclaration(file, text);
}

function checkVariables(file: string, text: string): Checked {
  const lines = text.split("\n");
  const lineOf = (name: string): number | undefined => {
    const at = lines.findLastIndex((line) => new RegExp(`^\\s*(export\\s+)?${name}\\s*=`).test(line));
    return at < 0 ? undefined : at + 1;
  };
  const faults = findSettingFaults(parseEnv(withoutByteOrderMark(text)), false).map(({ name, problem }) => ({
    file,
    line: lineOf(variableOf(name)),
    path: name,
    problem,
  }));
  return { file, faults };
}

function checkEnvironment(): Checked {
  const file = "environment";
  const faults = findSettingFaults(withCredentials(process.env), true);
  return { file, faults: faults.map(({ name, problem }) => ({ file, path: name, problem })) };
}

function checkDeclaration(file: string, text: string): Checked {
  try {
    const declaration = parseDeclaration(parseText(text, formatOfFile(file), file), file);
    return { file, faults: [], declaration };
  } catch (error) {
    if (error instanceof DeclarationError) return { file, faults: faultsOf(error, file, text) };
    if (!(error instanceof SyntaxError)) throw error;
    return { file, faults: [{ file, problem: error.message.slice(`Cannot read ${file}: `.length) }] };
  }
}

function faultsOf({ issues }: DeclarationError, file: string, text: string): readonly Fault[] {
  const lineOf = linesOf(text);
  return issues.map((issue) => {
    const path = issue.slice(0, issue.indexOf(": "));
    return { file, line: lineOf(path), path, problem: issue.slice(path.length + 2) };
  });
}

/** @throws {OpeningError} When the database cannot be opened, or lacks migrations. */
async function planAll(
  checked: readonly Checked[],
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
