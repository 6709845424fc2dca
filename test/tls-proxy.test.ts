/**
 * TLS in front of an allocator, by nginx with the example of the guide: clients get leases through a relay that trusts the
 * proxy's authority.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { leaseLoad } from "../src/load/load.ts";
import { createAuthority } from "./relay/certificates.ts";
import { temporaryFolder } from "./support/folder.ts";
import { findFreePort } from "../src/free-port.ts";
import { startProgram } from "./support/processes.ts";
import { whyWithout } from "./support/tools.ts";

const root = join(import.meta.dirname, "..");
const example = readFileSync(join(root, "src/runtime/nginx.example.conf"), "utf8");
const without = whyWithout("nginx", "openssl");
const relayToken = "a-token-of-the-relays";

const demo = {
  domains: [
    {
      name: "demo",
      default: true,
      serverIdentifier: "192.0.2.1",
      siteLeasesMax: 64,
      pools: [{ name: "shared", kind: "shared", range: "198.51.100.0/28", psidLength: 6 }],
    },
  ],
};

/** Replaces a text that the example must have. */
function replaceIn(text: string, [from, to]: readonly [string, string]): string {
  expect(text).toContain(from);
  return text.replaceAll(from, to);
}

/** Starts nginx with the example, with the ports and files of the test. @returns Its port. */
async function startNginx(folder: string, allocatorUrl: string): Promise<number> {
  const port = await findFreePort();
  const changes = [
    ["listen 443 ssl", `listen 127.0.0.1:${port} ssl`],
    ["    listen [::]:443 ssl http2;\n", ""],
    ["127.0.0.1:8467", new URL(allocatorUrl).host],
    ["/etc/ssl/certs/allocator.pem", join(folder, "proxy.pem")],
    ["/etc/ssl/private/allocator.key", join(folder, "proxy.key")],
  ] as const;
  const site = changes.reduce(replaceIn, example);
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  const lines = ["daemon off;", "error_log stderr;", `pid ${join(folder, "nginx.pid")};`, "events {}"];
  const file = join(folder, "nginx.conf");
  writeFileSync(file, `${lines.join("\n")}\nhttp {\naccess_log off;\n${paths.join("\n")}\n${site}}\n`);
  const child = spawn("nginx", ["-c", file, "-p", folder, "-e", "stderr"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text) => (said += String(text)));
  const ended = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  while (!(await accepts(port))) expect([child.exitCode, said]).toEqual([null, expect.any(String)]);
  return port;
}

/** Whether something listens on a port. */
async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

test.skipIf(without !== "")(
  `the example for nginx serves relays and the API over TLS${without}`,
  { timeout: 60_000 },
  async () => {
    const folder = await temporaryFolder();
    const authority = createAuthority(folder, "authority");
    authority.certify("proxy");
    writeFileSync(join(folder, "demo.json"), JSON.stringify(demo));
    const allocator = startProgram(
      "apportion",
      [
        "allocator",
        "--http",
        "127.0.0.1:0",
        "--trusted-proxy",
        "127.0.0.1",
        "--config",
        join(folder, "demo.json"),
      ],
      { APPORTION_DATABASE_URL: `file:${join(folder, "leases.db")}`, APPORTION_RELAY_TOKEN: relayToken },
    );
    const { url } = await allocator.logged("allocator listening");
    const port = await startNginx(folder, url as string);
    const settings = [
      "[allocator]",
      `urls = ["https://127.0.0.1:${port}"]`,
      `caFile = "${join(folder, "authority.pem")}"`,
      "[[listeners]]",
      'address = "::1"',
      "port = 0",
    ];
    writeFileSync(join(folder, "relay.toml"), `${settings.join("\n")}\n`);
    const relay = startProgram("relay", ["--config", join(folder, "relay.toml")], {
      APPORTION_RELAY_TOKEN: relayToken,
    });
    const { listeners } = await relay.logged("relay listening");
    const udp = Number(/:(\d+)$/.exec((listeners as string[])[0]!)![1]);
    const { exchange, counts } = await leaseLoad({ server: "::1", port: udp, clients: 50, inFlight: 10 });
    expect([exchange.count, counts.naks, counts.timeouts]).toEqual([50, 0, 0]);
  },
);
