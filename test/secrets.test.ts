/** Secrets that an operator writes into a URL or a variable: no command prints them, whatever goes wrong. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { commandLine } from "./support/command-line.ts";
import { temporaryFolder } from "./support/folder.ts";
import { findFreePort } from "../src/free-port.ts";

const main = join(import.meta.dirname, "../src/cli/main.ts");
const secrets = ["s3cret-password", "s3cret-token", "s3cret-of-admins", "s3cret-of-relays"];
const [password, token, adminToken, relayToken] = secrets as [string, string, string, string];

/** Opens a port that answers every request with this text, for a server that is no database. */
async function startOther(text: string): Promise<string> {
  const server = createServer((_, response) => response.writeHead(500).end(text)).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function run(args: readonly string[], environment: Record<string, string>) {
  const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), main, ...args], {
    cwd: await temporaryFolder(),
    env: { PATH: process.env.PATH, ...environment },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text) => {
      output += String(text);
      // A service waits for its database server.
      if (output.includes("trying again")) child.kill();
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

const environmentFor = (url: string) => ({
  APPORTION_DATABASE_URL: url,
  APPORTION_DATABASE_TOKEN: token,
  APPORTION_RELAY_TOKEN: relayToken,
  APPORTION_ADMIN_TOKEN: adminToken,
  APPORTION_PLACEMENTS: JSON.stringify({ north: { url, token } }),
  DEBUG: "1",
});

const commands = ["allocator", "migrate", "housekeeping", "verify"];

test.each(commands)(
  "T20 `apportion %s` shows no secret when the server is down",
  { timeout: 60_000 },
  async (name) => {
    const url = `http://operator:${password}@127.0.0.1:${await findFreePort()}`;
    const { code, output } = await run([name], environmentFor(url));
    expect([code, output]).toEqual([name === "allocator" ? 0 : 3, expect.stringContaining("ECONNREFUSED")]);
    for (const secret of secrets) expect(output).not.toContain(secret);
  },
);

test.each(commands)("T20 `apportion %s --help` shows no secret", { timeout: 60_000 }, async (name) => {
  const url = `https://operator:${password}@db.example?authToken=${token}`;
  const { code, output } = await run([name, "--help"], environmentFor(url));
  expect([code, output]).toEqual([0, expect.stringContaining("Usage")]);
  for (const secret of secrets) expect(output).not.toContain(secret);
});

test("T20 `apportion start` with a server that is none shows no secret", { timeout: 60_000 }, async () => {
  const url = `libsql://operator:${password}@${await startOther("no database")}?tls=0&authToken=${token}`;
  const { code, output } = await run(["start", "--database", url], { DEBUG: "1" });
  expect([code, output]).toEqual([3, expect.stringContaining("500")]);
  for (const secret of secrets) expect(output).not.toContain(secret);
});

test.each([
  ["a password in the URL", `http://operator:${password}@127.0.0.1:1`, adminToken],
  ["a URL that is none", `operator:${password}@127.0.0.1`, adminToken],
  ["a password with a space", `http://operator:${password} @127.0.0.1:x`, adminToken],
  ["a token with a line break", "http://127.0.0.1:1", `${adminToken}\nx`],
])("T20 `apportion admin` with %s shows neither", async (_, url, secret) => {
  const admin = commandLine({ APPORTION_URL: url, APPORTION_ADMIN_TOKEN: secret });
  for (const args of [["domains", "list"], ["bindings"], ["export"]]) {
    const { code, stdout, stderr } = await admin(...args);
    expect(code).not.toBe(0);
    expect(stderr).toContain("Cannot call the API");
    for (const each of secrets) expect(stdout + stderr).not.toContain(each);
  }
});
