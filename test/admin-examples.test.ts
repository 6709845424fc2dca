/**
 * Runs the examples in the help of `apportion admin`: an allocator understands each of them.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import pino from "pino";
import { expect, onTestFinished, test } from "vitest";
import { createProgram } from "../src/cli/program.ts";
import { startAllocator } from "../src/runtime/node.ts";
import { createStore } from "../src/store/store.ts";
import { adminToken, relayToken } from "./support/allocator.ts";
import { commandLine } from "./support/command-line.ts";
import { temporaryDatabase, temporaryFolder } from "./support/database.ts";

/** @returns The examples of a command and its subcommands, without the program. */
function examplesOf(command: Command): string[] {
  let help = "";
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  const lines = help.split("\nExamples:\n")[1]!.split("\n");
  const own = lines
    .filter((line) => line.startsWith("  apportion admin "))
    .map((line) => line.trim().slice("apportion admin ".length));
  return [...own, ...command.commands.flatMap(examplesOf)];
}

const admin = createProgram().commands.find((each) => each.name() === "admin")!;

/** Splits a line as a shell does: of its quotes, the examples have single ones. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!);

/** Those with a file of the reader's, or an allocator elsewhere. */
const needsMore = (line: string): boolean => /\.yaml|--api /.test(line);

/** Later examples need what deletions, releases and the like would end. */
const endsSomething = (line: string): boolean => /^\w+ (delete|release) /.test(line);

test("an allocator understands the examples of `apportion admin --help`", async () => {
  const store = createStore({ main: await temporaryDatabase({ domains: [] }), placed: new Map() });
  const log = pino({ level: "silent" });
  const allocator = await startAllocator(
    store,
    { relayToken, adminToken },
    { host: "127.0.0.1", port: 0 },
    log,
  );
  onTestFinished(() => allocator.close());
  const run = commandLine({ APPORTION_URL: allocator.url, APPORTION_ADMIN_TOKEN: adminToken });
  const file = join(await temporaryFolder(), "body.json");
  for (const [kind, name, body] of [
    ["domains", "isp", { serverIdentifier: "203.0.113.1", prefixes: ["2001:db8::/32"] }],
    ["pools", "isp-1", { domain: "isp", kind: "shared", range: "192.0.2.0/24", psidLength: 6 }],
    [
      "reservations",
      "customer-7",
      { domain: "isp", clientIdentifier: "ff00000007", address: "192.0.2.7", psid: 8 },
    ],
    ["tokens", "bng-1", { scope: "relay" }],
  ] as const) {
    writeFileSync(file, JSON.stringify(body));
    expect(await run(kind, "put", name, file)).toMatchObject({ code: 0, stderr: "" });
  }
  const examples = examplesOf(admin).filter((line) => !needsMore(line));
  expect(examples.length).toBeGreaterThan(30);
  for (const line of examples.sort((a, b) => Number(endsSomething(a)) - Number(endsSomething(b)))) {
    const { code, stderr } = await run(...wordsOf(line));
    // Nobody has a lease here, no clock was set, and what is in use is not deleted. That is refused, but understood.
    const codes = line.includes(" patch ") ? [0] : [0, 1];
    expect(codes, `${line}: ${stderr}`).toContain(code);
  }
});
