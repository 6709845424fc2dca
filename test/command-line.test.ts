/**
 * The command line as a whole: every command explains itself, a flag means the same wherever it stands, and the guide tells
 * all of them.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command, Option } from "commander";
import { describe, expect, test } from "vitest";
import { createProgram } from "../src/cli/program.ts";
import { exitCodes } from "../src/failure.ts";

const guide = readFileSync(join(import.meta.dirname, "../src/cli/README.md"), "utf8");

interface Named {
  /** Without the program: `admin pools list`. */
  readonly path: string;
  readonly command: Command;
}

function commandsOf(command: Command, path = ""): Named[] {
  return command.commands.flatMap((each) => {
    const name = `${path} ${each.name()}`.trim();
    return [{ path: name, command: each }, ...commandsOf(each, name)];
  });
}

const commands = commandsOf(createProgram());

/** Values of flags without which a command does not run. */
const values: Readonly<Record<string, string>> = {
  "--database": "file:a.db",
  "--at": "2026-11-24T03:04:05Z",
};

/** @returns The help, as people see it. */
function helpOf(command: Command): string {
  let help = "";
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  return help;
}

describe.each(commands)("apportion $path", ({ path, command }) => {
  test("says what it does, and has a sentence for every flag", () => {
    expect(command.description()).toMatch(/\w{3}/);
    const silent = command.options.filter(({ description }) => !/\w{3}/.test(description));
    expect(silent.map(({ flags }) => flags)).toEqual([]);
  });

  test("refuses a flag that it does not have", () => {
    if (command.commands.length > 0) return;
    const required = command.options.flatMap(({ long, mandatory }) =>
      mandatory ? [long!, values[long!]!] : [],
    );
    expect(faultOf([...path.split(" "), ...required, "--nonsense"])).toContain("unknown option '--nonsense'");
  });

  test("shows its exit codes, and at last examples that it understands", () => {
    const help = helpOf(command);
    expect(help).toContain("\nExit codes: 0 done, 1 refused or failed, 2 wrong");
    expect(help).not.toMatch(/default: "/);
    const [, list = ""] = help.split("\nExamples:\n");
    const examples = list.split("\n").filter((line) => line.startsWith(`  apportion ${path}`));
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) {
      const words = example.trim().replaceAll("'", "").split(/ +/).slice(1);
      // Only the file of a token is read while the line is parsed.
      const shown = words.filter(
        (_, at) => !words.slice(at - 1, at + 1).includes("--token-file") || at === 0,
      );
      const given = shown.includes(">") ? shown.slice(0, shown.indexOf(">")) : shown;
      expect([example, faultOf(given)]).toEqual([example, undefined]);
    }
  });
});

/** Parses a command line without running it. @returns What is wrong with it. */
function faultOf(words: readonly string[]): string | undefined {
  let fault: string | undefined;
  const program = createProgram();
  for (const { command } of [{ command: program }, ...commandsOf(program)]) {
    command.action(() => undefined);
    command.exitOverride((error) => {
      throw error;
    });
    command.configureOutput({ outputError: (text) => (fault = text) });
  }
  try {
    program.parse(words, { from: "user" });
  } catch (error) {
    fault ??= String(error);
  }
  return fault;
}

/** Filters of lists are fields of the API's queries. */
const isFilter = ({ flags }: Option): boolean => flags.endsWith("<value>");

interface FlagRow {
  readonly variable: string | undefined;
  readonly commands: readonly string[];
}

/** The flags of several commands, and those with a variable. */
function sharedFlags(): Record<string, FlagRow> {
  const rows = new Map<string, { variable: string | undefined; commands: Set<string> }>();
  for (const { path, command } of commands) {
    for (const option of command.options.filter((each) => !isFilter(each))) {
      const row = rows.get(option.long!) ?? { variable: option.envVar, commands: new Set<string>() };
      rows.set(option.long!, row);
      row.variable ??= option.envVar;
      expect([option.long, option.envVar ?? row.variable]).toEqual([option.long, row.variable]);
      row.commands.add(path.split(" ")[0]!);
    }
  }
  const shared = [...rows].filter(([, row]) => row.commands.size > 1 || row.variable !== undefined);
  return Object.fromEntries(
    shared.map(([flag, row]) => [flag, { variable: row.variable, commands: [...row.commands].sort() }]),
  );
}

test("the guide has one table of the flags that several commands have, or that a variable sets", () => {
  const cellsOf = (line: string): string[] => line.split("|").map((cell) => cell.trim());
  const rows = guide.split("\n").filter((line) => line.startsWith("| `--"));
  const told = rows.map((line) => {
    const [, flag, variable, names] = cellsOf(line);
    const commandNames = [...names!.matchAll(/`([\w-]+)`/g)].map(([, name]) => name!);
    return [
      flag!.slice(1, -1),
      { variable: variable === "–" ? undefined : variable!.slice(1, -1), commands: commandNames.sort() },
    ];
  });
  expect(Object.fromEntries(told)).toEqual(sharedFlags());
});

test("the guide has every command, and every exit code", () => {
  const told = [...guide.matchAll(/^\| `([a-z]+)` +\|/gm)].map(([, name]) => name!);
  expect(told.sort()).toEqual(
    createProgram()
      .commands.map((each) => each.name())
      .sort(),
  );
  const codes = [...guide.matchAll(/^\| (\d) +\|/gm)].map(([, code]) => Number(code));
  expect(codes).toEqual(Object.values(exitCodes));
});
