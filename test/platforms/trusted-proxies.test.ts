/** The setting for trusted proxies, on allocators that run as an operator starts them. */
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { authFailuresMax } from "../../src/limits.ts";
import { runToEnd, startService } from "../bench/service.ts";
import { prepareDatabase, temporaryFolder } from "../support/database.ts";
import { deno, filePermissions, serveOnDeno } from "../support/deno.ts";
import { requestAlone } from "../support/request-alone.ts";

const script = join(import.meta.dirname, "../../src/cli/main.ts");
const tokens = { APPORTION_RELAY_TOKEN: "a-token-of-the-platform-tests" };

async function startOnNode(flags: readonly string[], environment: Readonly<Record<string, string>>) {
  const service = await startService({
    name: "allocator",
    script: [script, "allocator", "--http", "127.0.0.1:0", ...flags],
    environment: {
      ...tokens,
      APPORTION_DATABASE_URL: `file:${join(await temporaryFolder(), "apportion.db")}`,
      ...environment,
    },
    readyMessage: "allocator listening",
  });
  onTestFinished(service.kill);
  return String(service.ready.url);
}

async function startOnDeno(environment: Readonly<Record<string, string>>) {
  const folder = await temporaryFolder();
  const url = `file:${join(folder, "apportion.db")}`;
  (await prepareDatabase({ url })).close();
  const server = await serveOnDeno(
    { ...tokens, APPORTION_DATABASE_URL: url, ...environment },
    filePermissions(folder),
  );
  onTestFinished(() => server.close());
  return server.url;
}

/** Presents an unknown token through a proxy at an address. @returns The status. */
async function guess(url: string, number: number, localAddress: string, header: object): Promise<number> {
  const headers = { authorization: `Bearer a-guess-${number}`, ...header };
  return (await requestAlone(`${url}/metrics`, { localAddress, headers })).status;
}

const via = (client: string) => ({ "x-forwarded-for": `192.0.2.200, ${client}, 127.0.0.7` });
const viaStandard = (client: string) => ({ forwarded: `for=192.0.2.200, for="${client}", for=127.0.0.7` });

/** Expects that guesses count for clients of the proxies 127.0.0.2 and 127.0.0.7, and for nobody else's claims. */
async function expectTrust(url: string): Promise<void> {
  for (let number = 0; number < authFailuresMax; number++) {
    expect(await guess(url, number, "127.0.0.2", via("198.51.100.1"))).toBe(401);
    expect(await guess(url, number, "127.0.0.3", via(`203.0.113.${number}`))).toBe(401);
  }
  expect(await guess(url, authFailuresMax, "127.0.0.2", via("198.51.100.1"))).toBe(429);
  expect(await guess(url, authFailuresMax, "127.0.0.2", viaStandard("198.51.100.1"))).toBe(429);
  expect(await guess(url, authFailuresMax, "127.0.0.2", via("198.51.100.2"))).toBe(401);
  expect(await guess(url, authFailuresMax, "127.0.0.3", via("198.51.100.2"))).toBe(429);
}

// Only Linux can call from other addresses than 127.0.0.1 without setup.
describe.skipIf(process.platform !== "linux")("T13 trusted proxies", () => {
  test("T13 --trusted-proxy, repeated", async () => {
    await expectTrust(
      await startOnNode(["--trusted-proxy", "127.0.0.2", "--trusted-proxy", "127.0.0.6/31"], {}),
    );
  });

  test("T13 APPORTION_TRUSTED_PROXIES on Node", async () => {
    await expectTrust(await startOnNode([], { APPORTION_TRUSTED_PROXIES: "127.0.0.2, 127.0.0.6/31" }));
  });

  test.skipIf(deno === undefined)(
    `T13 APPORTION_TRUSTED_PROXIES on Deno${deno === undefined ? " (skipped: no deno)" : ""}`,
    async () => {
      await expectTrust(await startOnDeno({ APPORTION_TRUSTED_PROXIES: "127.0.0.2, 127.0.0.6/31" }));
    },
  );
});

test("T13 an allocator does not start with a proxy that is no prefix", async () => {
  const start = (flags: readonly string[], environment: Readonly<Record<string, string>>) =>
    runToEnd({
      name: "allocator",
      script: [script, "allocator", "--http", "127.0.0.1:0", ...flags],
      environment: { ...tokens, APPORTION_DATABASE_URL: "file:/nonexistent/apportion.db", ...environment },
    });
  await expect(start(["--trusted-proxy", "10.0.0.1/8"], {})).rejects.toThrow(
    /--trusted-proxy: found "10\.0\.0\.1\/8", expected 10\.0\.0\.0\/8/,
  );
  await expect(start([], { APPORTION_TRUSTED_PROXIES: "proxy.example" })).rejects.toThrow(
    /APPORTION_TRUSTED_PROXIES: found "proxy\.example", expected an address or a prefix, such as 10\.0\.0\.0\/8/,
  );
});
