/**
 * The five platforms that an allocator must run on. Each is started as an operator would start it, on its own database.
 *
 * @module
 */
import { join } from "node:path";
import { unstable_startWorker as startWorker } from "wrangler";
import { parseDeclaration } from "../../src/declaration/declaration.ts";
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import { openDatabase } from "../../src/runtime/node.ts";
import type { Database } from "../../src/store/database/database.ts";
import { startService } from "../bench/service.ts";
import { prepareDatabase } from "../support/database.ts";
import { deno, filePermissions, serveOnDeno, serverPermissions } from "../support/deno.ts";
import { createTokenKey, hasSqld, signToken, startSqld } from "../support/sqld.ts";

const root = join(import.meta.dirname, "../..");

/** Secret of the relay in these tests. */
export const relayToken = "a-token-of-the-platform-tests";

/** Secret of the operator in these tests. */
export const adminToken = "an-admin-token-of-the-platform-tests";

/** Environment variables of every platform. Those of the database are added. */
const settings = {
  APPORTION_RELAY_TOKEN: relayToken,
  APPORTION_ADMIN_TOKEN: adminToken,
  APPORTION_HISTORY_DAYS: "30",
};

/** A running allocator and its database. */
export interface Target {
  readonly url: string;
  /** The allocator's database, opened by the test. */
  readonly database: Database;
  /** Runs the cron trigger; undefined if the platform has none. */
  readonly trigger: (() => Promise<void>) | undefined;
  readonly close: () => Promise<void>;
}

/** A runtime together with a kind of database. */
export interface Platform {
  readonly name: string;
  /** Why it can't run on this machine; empty if it can. */
  readonly missing: string;
  /** @param folder Folder for its files, which the test removes. */
  readonly start: (folder: string, declaration: DeclarationInput) => Promise<Target>;
}

/** A running allocator. */
interface Running {
  readonly url: string;
  readonly trigger?: () => Promise<void>;
  readonly close: () => Promise<void>;
}

type Start = (environment: Record<string, string>, folder: string) => Promise<Running>;

async function startOnNode(environment: Record<string, string>): Promise<Running> {
  const service = await startService({
    name: "allocator",
    script: [join(root, "src/cli/main.ts"), "allocator", "--http", "127.0.0.1:0"],
    environment,
    readyMessage: "allocator listening",
  });
  return {
    url: String(service.ready.url),
    close: async () => {
      await service.stop();
    },
  };
}

function startOnDeno(environment: Record<string, string>, folder: string): Promise<Running> {
  const { APPORTION_DATABASE_URL: url } = environment;
  const permissions = url!.startsWith("file:")
    ? filePermissions(folder)
    : serverPermissions(new URL(url!).host);
  return serveOnDeno(environment, permissions);
}

/** Starts the Worker in workerd, built by wrangler as for a deployment, with the variables as secrets. */
async function startOnWorkerd(environment: Record<string, string>): Promise<Running> {
  // Stops wrangler from using the network, which no test needs.
  Object.assign(process.env, { CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" });
  const worker = await startWorker({
    config: join(root, "wrangler.toml"),
    bindings: Object.fromEntries(
      Object.entries(environment).map(([name, value]) => [name, { type: "secret_text", value }]),
    ),
    dev: {
      server: { hostname: "127.0.0.1", port: 0 },
      inspector: false,
      watch: false,
      logLevel: "none",
      testScheduled: true,
    },
  });
  await worker.ready;
  const { origin } = await worker.url;
  const trigger = async (): Promise<void> => {
    const response = await fetch(`${origin}/__scheduled?cron=17+3+*+*+*`);
    if (!response.ok)
      throw new Error(`Cannot run the cron trigger: found status ${response.status}, expected 200`);
  };
  return { url: origin, trigger, close: () => worker.dispose() };
}

async function prepare(url: string, token: string | undefined, declaration: DeclarationInput): Promise<void> {
  (await prepareDatabase({ url, token }, parseDeclaration(declaration, "test"))).close();
}

function onFile(start: Start): Platform["start"] {
  return async (folder, declaration) => {
    const url = `file:${join(folder, "apportion.db")}`;
    await prepare(url, undefined, declaration);
    const running = await start({ ...settings, APPORTION_DATABASE_URL: url }, folder);
    const database = await openDatabase({ url });
    return {
      url: running.url,
      database,
      trigger: running.trigger,
      close: async () => {
        database.close();
        await running.close();
      },
    };
  };
}

const hourSeconds = 3600;

/** Starts the platform on a libSQL server that requires tokens, as a server on the internet does. */
function onServer(start: Start): Platform["start"] {
  return async (folder, declaration) => {
    const { publicKey, privateKey } = createTokenKey();
    const token = signToken(privateKey, Math.floor(Date.now() / 1000) + hourSeconds);
    const sqld = await startSqld({ folder: join(folder, "sqld"), tokenKey: publicKey });
    await prepare(sqld.url, token, declaration);
    const running = await start(
      { ...settings, APPORTION_DATABASE_URL: sqld.url, APPORTION_DATABASE_TOKEN: token },
      folder,
    );
    const database = await openDatabase({ url: sqld.url, token });
    return {
      url: running.url,
      database,
      trigger: running.trigger,
      close: async () => {
        database.close();
        await running.close();
        await sqld.kill();
      },
    };
  };
}

const noDeno = deno === undefined ? "skipped: no deno" : "";
const noSqld = hasSqld ? "" : "skipped: no sqld";

/** All platforms, in the order of the table that the tests print. */
export const platforms: readonly Platform[] = [
  { name: "Node + file", missing: "", start: onFile(startOnNode) },
  { name: "Node + sqld", missing: noSqld, start: onServer(startOnNode) },
  { name: "Deno + file", missing: noDeno, start: onFile(startOnDeno) },
  { name: "Deno + sqld", missing: noDeno || noSqld, start: onServer(startOnDeno) },
  { name: "workerd + sqld", missing: noSqld, start: onServer(startOnWorkerd) },
];
