/**
 * Runs the bundle that `wrangler deploy` would upload in its own workerd, without wrangler around it. All CPU time and
 * memory of that process then belong to the Worker.
 *
 * @module
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { parse } from "smol-toml";

const root = join(import.meta.dirname, "../..");

/** A running Worker. */
export interface Workerd {
  readonly url: string;
  readonly pid: number;
  readonly close: () => Promise<void>;
}

/**
 * Bundles the Worker as for a deployment.
 *
 * @param folder Folder in which `worker.js` is written.
 */
export async function bundleWorker(folder: string): Promise<void> {
  await promisify(execFile)(
    process.execPath,
    [join(root, "node_modules/wrangler/bin/wrangler.js"), "deploy", "--dry-run", "--outdir", folder],
    { cwd: root, env: { ...process.env, WRANGLER_SEND_METRICS: "false" } },
  );
}

/** Bundles the Worker and starts it on a free port, with the compatibility date of `wrangler.toml`. */
export async function startWorkerd(
  folder: string,
  bindings: Readonly<Record<string, string>>,
): Promise<Workerd> {
  await bundleWorker(folder);
  const { compatibility_date: date } = parse(await readFile(join(root, "wrangler.toml"), "utf8"));
  if (typeof date !== "string") throw new TypeError("wrangler.toml has no compatibility date");
  await writeFile(join(folder, "worker.capnp"), configText(date, bindings));
  const child = spawn(
    workerdPath(),
    ["serve", join(folder, "worker.capnp"), "--socket-addr=http=127.0.0.1:0", "--control-fd=3"],
    { stdio: ["ignore", "inherit", "inherit", "pipe"] },
  );
  const ended = once(child, "exit");
  const port = await Promise.race([
    listeningPort(child.stdio[3] as Readable),
    ended.then(([code]) =>
      Promise.reject(new Error(`workerd exited with ${String(code)} before it listened`)),
    ),
  ]);
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid!,
    close: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Finds the workerd that wrangler depends on, so that its version matches. */
function workerdPath(): string {
  const ofWrangler = createRequire(createRequire(import.meta.url).resolve("wrangler"));
  return (ofWrangler("workerd") as { default: string }).default;
}

async function listeningPort(control: Readable): Promise<number> {
  for await (const line of createInterface(control)) {
    const message = JSON.parse(line) as { event: string; port?: number };
    if (message.event === "listen") return message.port!;
  }
  throw new Error("workerd did not report a port");
}

function configText(compatibilityDate: string, bindings: Readonly<Record<string, string>>): string {
  const texts = Object.entries(bindings).map(
    ([name, value]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(value)})`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "${compatibilityDate}",
      bindings = [${texts.join(", ")}],
    )),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "*:0", http = (), service = "main")],
);
`;
}
