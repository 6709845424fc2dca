/**
 * Network namespaces for a test: hosts connected by veth links, with processes. Closing the lab removes everything,
 * even after a failure.
 *
 * @module
 */
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buildSync } from "esbuild";
import { Mailbox } from "../mailbox.ts";

const root = join(import.meta.dirname, "../../..");

/** Command that a lab may need -> Debian package that contains it. */
const packages = { ip: "iproute2", tshark: "tshark", dhcrelay: "isc-dhcp-relay" } as const;

/** Command that a test needs in addition to `ip`. */
export type Tool = keyof typeof packages;

/**
 * Checks whether a test with namespaces can run here.
 *
 * @returns Suffix for the test's title: empty, or the reason it is skipped, such as ` (skipped: no root)`.
 */
export function labSkipReason(...tools: Tool[]): string {
  if (process.getuid?.() !== 0) return " (skipped: no root)";
  const missing = (["ip", ...tools] as const).find((tool) => !works("sh", ["-c", `command -v ${tool}`]));
  if (missing !== undefined) return ` (skipped: no ${packages[missing]})`;
  const probe = `apportion-probe-${process.pid}`;
  if (!works("ip", ["netns", "add", probe])) return " (skipped: no network namespaces)";
  const canLink = works("ip", [
    "-n",
    probe,
    "link",
    "add",
    "name",
    "v0",
    "type",
    "veth",
    "peer",
    "name",
    "v1",
  ]);
  ip("netns", "delete", probe);
  return canLink ? "" : " (skipped: no veth)";
}

function works(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function ip(...args: string[]): string {
  return execFileSync("ip", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** A process in a namespace. */
export interface LabProcess {
  readonly pid: number;
  /** Lines of standard output, and of standard error. */
  readonly output: Mailbox<string>;
  readonly errors: Mailbox<string>;
  /** Resolves when the process has ended. */
  readonly ended: Promise<unknown>;
  /** Writes a line to its standard input. */
  readonly write: (line: string) => void;
  /** Sends a signal, and waits until the process has ended. */
  readonly end: (signal?: NodeJS.Signals) => Promise<void>;
}

/** Options of a process. */
export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
}

const bundles = new Map<string, string>();
/** Three folders below the root, like the source that locates the migrations by relative path. */
const bundlesFolder = join(root, "dist", "lab", String(process.pid));
process.on("exit", () => {
  rmSync(bundlesFolder, { recursive: true, force: true });
});

/** Bundles a script into one file, because a lab starts many processes and each would compile the sources again. */
function bundle(path: string): string {
  const known = bundles.get(path);
  if (known !== undefined) return known;
  const outfile = join(bundlesFolder, `${path.replaceAll("/", "-")}.mjs`);
  buildSync({
    entryPoints: [join(root, path)],
    outfile,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    logLevel: "error",
  });
  bundles.set(path, outfile);
  return outfile;
}

/** Removes the namespaces of killed runs: each name contains the id of a process that no longer exists. */
function removeStaleNamespaces(): void {
  for (const [, namespace, pid] of ip("netns", "list").matchAll(/^(apportion-(\d+)-\S+)/gm)) {
    if (existsSync(`/proc/${pid}`)) continue;
    const pids = ip("netns", "pids", namespace!).split("\n").filter(Boolean).map(Number);
    for (const each of pids) process.kill(each, "SIGKILL");
    ip("netns", "delete", namespace!);
  }
}

let labs = 0;

/** A set of hosts. */
export class Lab {
  /** Folder for databases, tokens and other files, and for the temporary files of all processes. */
  readonly folder = mkdtempSync(join(tmpdir(), "apportion-lab-"));
  readonly #prefix = `apportion-${process.pid}-${++labs}`;
  readonly #hosts: Host[] = [];
  readonly #children = new Set<ChildProcess>();

  constructor() {
    if (labs === 1) removeStaleNamespaces();
  }

  /** Adds a host, with only a loopback interface. */
  host(name: string): Host {
    const namespace = `${this.#prefix}-${name}`;
    ip("netns", "add", namespace);
    const host = new Host(namespace, (command, options) => this.#run(namespace, command, options));
    this.#hosts.push(host);
    host.ip("link", "set", "lo", "up");
    // Skip duplicate address detection (RFC 4862 §5.4), so that an address is usable at once: duplicates can't occur.
    host.sysctl("net.ipv6.conf.default.accept_dad", "0");
    host.sysctl("net.ipv6.conf.all.accept_dad", "0");
    return host;
  }

  /**
   * Connects two hosts by a veth link.
   *
   * @param addressOfA Address of the first host's interface, set before the interface is up.
   */
  link(a: Host, nameOfA: string, b: Host, nameOfB: string, addressOfA?: string): void {
    ip(
      ...["-n", a.namespace, "link", "add", "name", nameOfA, "type", "veth"],
      ...["peer", "name", nameOfB, "netns", b.namespace],
    );
    if (addressOfA !== undefined) a.address(nameOfA, addressOfA);
    a.ip("link", "set", nameOfA, "up");
    b.ip("link", "set", nameOfB, "up");
  }

  /** Ends all processes, and removes the namespaces and the folder. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#children].map(async (child) => {
        const ended = once(child, "exit");
        child.kill("SIGKILL");
        await ended;
      }),
    );
    for (const { namespace } of this.#hosts) ip("netns", "delete", namespace);
    rmSync(this.folder, { recursive: true });
  }

  #run(namespace: string, command: readonly string[], { environment }: RunOptions = {}): LabProcess {
    // `ip netns exec` replaces itself with the command, so signals reach the command.
    const child = spawn("ip", ["netns", "exec", namespace, ...command], {
      cwd: root,
      // A killed tshark leaves its temporary captures; in this folder they are removed with the lab.
      env: { ...process.env, TMPDIR: this.folder, ...environment },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#children.add(child);
    const ended = once(child, "close").then(() => this.#children.delete(child));
    const output = new Mailbox<string>();
    const errors = new Mailbox<string>();
    createInterface(child.stdout).on("line", (line) => {
      output.put(line);
    });
    createInterface(child.stderr).on("line", (line) => {
      errors.put(line);
    });
    return {
      pid: child.pid!,
      output,
      errors,
      ended,
      write: (line) => {
        child.stdin.write(`${line}\n`);
      },
      end: async (signal = "SIGTERM") => {
        child.kill(signal);
        await ended;
      },
    };
  }
}

/** A host: a network namespace. */
export class Host {
  readonly namespace: string;
  /** Runs a command. */
  readonly run: (command: readonly string[], options?: RunOptions) => LabProcess;

  constructor(namespace: string, run: Host["run"]) {
    this.namespace = namespace;
    this.run = run;
  }

  /** Runs one of our scripts on Node. */
  script(path: string, flags: readonly string[], options: RunOptions = {}): LabProcess {
    return this.run([process.execPath, bundle(path), ...flags], options);
  }

  /** Runs `ip` on this host. */
  ip(...args: string[]): string {
    return ip("-n", this.namespace, ...args);
  }

  /** Adds an address with a prefix length to an interface. */
  address(interfaceName: string, address: string): void {
    this.ip("address", "add", address, "dev", interfaceName, "nodad");
  }

  sysctl(name: string, value: string): void {
    execFileSync("ip", ["netns", "exec", this.namespace, "sysctl", "-q", "-w", `${name}=${value}`]);
  }

  /** Link-local address of an interface. */
  linkLocalOf(interfaceName: string): string {
    const lines = this.ip("-6", "-o", "address", "show", "dev", interfaceName, "scope", "link");
    return /inet6 (fe80:[0-9a-f:]+)/.exec(lines)![1]!;
  }
}

/**
 * Waits for a line with a message in a JSON log.
 *
 * @returns Fields of the line.
 * @throws {Error} With the lines so far, if the process ends first.
 */
export async function waitForLog(
  child: LabProcess,
  message: string,
): Promise<Readonly<Record<string, unknown>>> {
  const lines: string[] = [];
  const ended = child.ended.then(() => undefined);
  for (;;) {
    const line = await Promise.race([child.errors.next(), ended]);
    if (line === undefined) throw new Error(`The process ended before "${message}":\n${lines.join("\n")}`);
    lines.push(line);
    if (!line.startsWith("{")) continue;
    const fields = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (fields.msg === message) return fields;
  }
}
