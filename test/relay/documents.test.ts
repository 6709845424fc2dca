/**
 * Compares the README, the manual page and the example settings with the code: flags, keys, reasons and metrics.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { relayCommand } from "../../relay/service/command.ts";
import { parseRelaySettings, schema } from "../../relay/config/config.ts";
import { createMetrics } from "../../relay/service/metrics.ts";
import { dropReasons } from "../../relay/reasons.ts";
import { startRelay } from "../../relay/relay.ts";
import { configOf } from "./stage.ts";

const read = (file: string): string => readFileSync(join(import.meta.dirname, "../../relay", file), "utf8");

const readme = read("README.md");
/** Roff writes a real hyphen as `\-`. */
const manual = read("../src/cli/packaging/debian/apportion-relay.8").replaceAll("\\-", "-");
const example = read("relay.example.toml");
const documents = { readme, manual, example };

/** Flags of other tools that the documents use. */
const othersFlags = new Set([
  ...["--now"], // systemctl
  ...["--unix-socket"], // curl
  ...["--allow-net", "--allow-env", "--allow-read", "--allow-sys", "--allow-write"], // deno
  ...["--capacity", "--loads", "--seconds", "--datagrams", "--rate", "--relay-flag"], // npm run bench:relay
]);

function flagsOf(command: Command): string[] {
  return ["--help", ...command.options.map(({ long }) => long!), ...command.commands.flatMap(flagsOf)];
}

test.each(Object.entries(documents))("the %s names only flags that exist", (_name, text) => {
  const nothing = { run: () => Promise.resolve(), readStatus: () => Promise.reject(new Error()) };
  const known = new Set(flagsOf(relayCommand({ ...nothing, print: () => undefined }, {})));
  const named = [...text.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([flag]) => flag);
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter((flag) => !known.has(flag) && !othersFlags.has(flag))).toEqual([]);
});

/** Schema of a setting or a table, possibly wrapped in a default, a list or a transformation. */
interface AnySchema {
  readonly entries?: Readonly<Record<string, AnySchema>>;
  readonly wrapped?: AnySchema;
  readonly item?: AnySchema;
}

function keysOf({ entries = {}, wrapped, item }: AnySchema): string[] {
  const inner = wrapped ?? item;
  if (inner !== undefined) return keysOf(inner);
  return Object.entries(entries).flatMap(([name, each]) => [
    name,
    ...keysOf(each).map((key) => `${name}.${key}`),
  ]);
}

const paths = keysOf(schema as unknown as AnySchema);
const names = new Set(paths.map((path) => path.split(".").at(-1)));

test("the README names only tables and keys that exist", () => {
  const tables = [...readme.matchAll(/`\[([a-z]+)\]/g)].map(([, name]) => name!);
  expect(tables.length).toBeGreaterThan(0);
  expect(tables.filter((name) => !paths.includes(name))).toEqual([]);
  const keys = [...readme.matchAll(/`([a-z]+[A-Z]\w*)(?: = [^`]*)?`/g)].map(([, name]) => name!);
  expect(keys.length).toBeGreaterThan(5);
  expect(keys.filter((name) => !names.has(name))).toEqual([]);
  const dotted = [...readme.matchAll(/`([a-z]+\.[a-z]+[A-Za-z]*)`/g)].map(([, path]) => path!);
  const files = /\.(ts|toml|service|token|mjs|js)$/;
  expect(dotted.filter((path) => !files.test(path) && !paths.includes(path))).toEqual([]);
});

/** Name of a table -> its section in the README. */
const sections = new Map(
  readme.split("\n### `").map((section) => [section.split("`", 1)[0]!.replace(/^\[+|\]+$/g, ""), section]),
);

/** @returns The default of a key in the README, without backticks; undefined if the key has no row. */
function defaultInReadme(path: string): string | undefined {
  const [table, key = table] = path.split(".");
  const row = new RegExp(`^\\| \`${key}\` +\\| +(.*?) +\\|`, "m").exec(sections.get(table!) ?? "");
  return row?.[1]!.replaceAll("`", "");
}

test("the README and the example explain every key", () => {
  const leaves = paths.filter((path) => !paths.some((other) => other.startsWith(`${path}.`)));
  expect(leaves.length).toBeGreaterThan(30);
  expect(leaves.filter((path) => defaultInReadme(path) === undefined)).toEqual([]);
  const inExample = new Set([...example.matchAll(/^#?([a-zA-Z0-9]+) = /gm)].map(([, key]) => key!));
  expect(leaves.filter((path) => !inExample.has(path.split(".").at(-1)!))).toEqual([]);
});

test("the README has the defaults of numbers and switches", () => {
  const { allocator, queue, storm, capture, servers } = parseRelaySettings({});
  const tables = { allocator, queue, storm, capture, servers };
  for (const [table, values] of Object.entries(tables)) {
    for (const [key, value] of Object.entries(values)) {
      if (typeof value !== "number" && typeof value !== "boolean") continue;
      expect([`${table}.${key}`, defaultInReadme(`${table}.${key}`)]).toEqual([
        `${table}.${key}`,
        String(value),
      ]);
    }
  }
});

test("the README names no reason that does not exist", () => {
  const others = new Set(["apportion-relay", "relay-token", "pools-exhausted", "no-domain"]);
  const named = [...readme.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(([, word]) => word!);
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((word) => !others.has(word) && !(word in dropReasons))).toEqual([]);
});

test("the README names only metrics that exist", async () => {
  const relay = await startRelay(configOf({}), { log: { info: () => undefined, warn: () => undefined } });
  const metrics = await createMetrics(
    () => relay.status(),
    () => 0,
  ).read();
  await relay.close();
  const named = [...readme.matchAll(/apportion_relay_\w+/g)].map(([name]) => name);
  expect(named.length).toBeGreaterThan(0);
  for (const name of named) expect(metrics).toContain(`# TYPE ${name} `);
});
