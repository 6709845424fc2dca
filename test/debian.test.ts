/**
 * The Debian packages of relay and allocator: they are built, installed, upgraded, removed and purged.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { version } from "../src/version.ts";
import { receiver, start } from "./support/service-process.ts";
import { whyWithout } from "./support/tools.ts";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "apportion-debian-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const isRoot = process.getuid?.() === 0;
const withoutDpkg = whyWithout("dpkg-deb");

/** The packages, by name. */
type Packages = Readonly<Record<"apportion-allocator" | "apportion-relay", string>>;

/** Builds both packages in a new folder. */
function buildPackages(name: string): Packages {
  const into = join(folder, name);
  execFileSync(join(root, "src/cli/packaging/build-debs.sh"), [into], { stdio: "pipe" });
  const fileOf = (each: keyof Packages): string =>
    join(
      into,
      readdirSync(into).find((file) => file.startsWith(`${each}_`))!,
    );
  return {
    "apportion-allocator": fileOf("apportion-allocator"),
    "apportion-relay": fileOf("apportion-relay"),
  };
}

let built: Packages | undefined;
const packages = (): Packages => (built ??= buildPackages("packages"));

test.skipIf(withoutDpkg !== "")(
  `builds of the Debian packages are reproducible${withoutDpkg}`,
  { timeout: 240_000 },
  () => {
    const again = buildPackages("again");
    for (const [name, file] of Object.entries(packages())) {
      expect(readFileSync(again[name as keyof Packages]).equals(readFileSync(file))).toBe(true);
      console.log(`${name}: ${(statSync(file).size / 2 ** 20).toFixed(1)} MiB`);
    }
  },
);

function installSkipReason(): string {
  const without = whyWithout("dpkg-deb", "adduser", "runuser", "python3", "systemd-notify");
  if (without !== "") return without;
  if (!isRoot) return " (skipped: no root)";
  const isThere = ["/usr/lib/apportion-relay", "/usr/lib/apportion"].some((path) => existsSync(path));
  return isThere ? " (skipped: already installed)" : "";
}

const withoutInstall = installSkipReason();

function run(command: string, ...flags: string[]): string {
  return execFileSync(command, flags, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function userExists(name: string): boolean {
  try {
    return run("getent", "passwd", name) !== "";
  } catch {
    return false;
  }
}

/** @returns A package that differs from another one only in its version, which is older. */
function olderThan(file: string): string {
  const [tree, older] = [join(folder, "older"), join(folder, "older.deb")];
  rmSync(tree, { recursive: true, force: true });
  run("dpkg-deb", "--raw-extract", file, tree);
  const control = join(tree, "DEBIAN/control");
  writeFileSync(control, readFileSync(control, "utf8").replace(/^Version: .*$/m, "Version: 0.0.9"));
  run("dpkg-deb", "--build", tree, older);
  return older;
}

function versionOf(name: string): string {
  return run("dpkg-query", "--show", "--showformat=${Status} ${Version}", name);
}

const modeOf = (file: string): readonly [string, string] => [
  file,
  run("stat", "--format=%U:%G %a", file).trim(),
];

/** A purge keeps the user, of whom later installations of this machine need to know nothing. */
function purgeAtEnd(name: string): void {
  onTestFinished(() => {
    execFileSync("dpkg", ["--purge", "--force-all", name], { stdio: "ignore" });
    if (userExists(name)) execFileSync("deluser", ["--system", "--quiet", name], { stdio: "ignore" });
  });
}

/** The links of an enabled service; systemctl makes them without a running systemd too. */
const wantedBy = (name: string): string => `/etc/systemd/system/multi-user.target.wants/${name}.service`;

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Installs a package wherever Node comes from. */
const install = (file: string): string => run("dpkg", "--install", "--force-depends", file);

test.skipIf(withoutInstall !== "")(
  `the Debian package of the relay can be installed, upgraded, removed and purged${withoutInstall}`,
  { timeout: 240_000 },
  () => {
    const name = "apportion-relay";
    const file = packages()[name];
    purgeAtEnd(name);
    install(olderThan(file));
    expect(versionOf(name)).toBe("install ok installed 0.0.9");
    expect(userExists(name)).toBe(true);
    writeFileSync("/etc/apportion/relay.token", "0123456789abcdef\n", { mode: 0o600 });
    run("systemctl", "enable", name);
    install(file);
    expect(versionOf(name)).toBe(`install ok installed ${version}`);
    const files = [
      ["/etc/apportion/relay.toml", "root:root 644"],
      ["/etc/apportion/relay.token", "root:root 600"],
      ["/usr/share/bash-completion/completions/apportion-relay", "root:root 644"],
      ["/usr/share/doc/apportion-relay/copyright", "root:root 644"],
      ["/usr/lib/systemd/system/apportion-relay.service", "root:root 644"],
      ["/usr/share/man/man8/apportion-relay.8.gz", "root:root 644"],
      ["/usr/share/doc/apportion-relay/examples/relay.toml", "root:root 644"],
      ["/usr/lib/apportion-relay/apportion-relay.mjs", "root:root 755"],
    ] as const;
    expect(files.map(([each]) => modeOf(each))).toEqual(files);
    expect(run("/usr/bin/apportion-relay", "--help")).toContain("Usage: apportion-relay");
    expect(readFileSync("/usr/share/doc/apportion-relay/copyright", "utf8")).toContain("Matteo Collina");
    const { environment } = asUnit(name);
    const check = commandOf(name, "ExecStartPre");
    const options = { env: { PATH: process.env.PATH, ...environment }, encoding: "utf8" } as const;
    const checked = execFileSync("runuser", ["-u", name, "--", ...check], options);
    expect(checked).toContain("relay.toml: no faults");

    run("dpkg", "--remove", name);
    expect(existsSync("/usr/bin/apportion-relay")).toBe(false);
    expect(existsSync("/etc/apportion/relay.toml")).toBe(true);
    install(file);
    expect(run("systemctl", "is-enabled", name)).toBe("enabled\n");

    run("dpkg", "--purge", name);
    expect(existsSync("/etc/apportion")).toBe(false);
    expect([wantedBy(name), `/etc/systemd/system/${name}.service`].filter(isLink)).toEqual([]);
    // Files elsewhere, such as captures, keep their owner.
    expect(userExists(name)).toBe(true);
  },
);

test.skipIf(withoutInstall !== "")(
  `a relay and an allocator on one host share a token, in either order, until both are purged${withoutInstall}`,
  { timeout: 240_000 },
  () => {
    const files = packages();
    const token = "/etc/apportion/relay.token";
    for (const name of ["apportion-relay", "apportion-allocator"] as const) purgeAtEnd(name);
    install(files["apportion-relay"]);
    install(files["apportion-allocator"]);
    expect(modeOf(token)).toEqual([token, "root:root 600"]);
    const { credentials } = asUnit("apportion-relay");
    expect(readFileSync(join(credentials, "relay-token"), "utf8")).toBe(readFileSync(token, "utf8"));
    run("dpkg", "--purge", "apportion-relay");
    expect(modeOf(token)).toEqual([token, "root:root 600"]);
    install(files["apportion-relay"]);
    run("dpkg", "--purge", "apportion-allocator");
    expect(existsSync(token)).toBe(true);
    run("dpkg", "--purge", "apportion-relay");
    expect(existsSync("/etc/apportion")).toBe(false);
  },
);

test.skipIf(withoutInstall !== "")(
  `the Debian package of the allocator can be installed, serves, and can be upgraded, removed and purged${withoutInstall}`,
  { timeout: 240_000 },
  async () => {
    const name = "apportion-allocator";
    const file = packages()[name];
    purgeAtEnd(name);
    install(olderThan(file));
    expect(versionOf(name)).toBe("install ok installed 0.0.9");
    const files = [
      ["/etc/apportion/allocator.env", "root:apportion-allocator 640"],
      ["/etc/apportion/apportion.yaml", "root:root 644"],
      ["/etc/apportion/relay.token", "root:root 600"],
      ["/etc/apportion/admin.token", "root:root 600"],
      ["/usr/lib/systemd/system/apportion-allocator.service", "root:root 644"],
      ["/usr/share/man/man1/apportion.1.gz", "root:root 644"],
      ["/usr/share/man/man8/apportion-allocator.8.gz", "root:root 644"],
      ["/usr/lib/apportion/apportion.mjs", "root:root 755"],
    ] as const;
    expect(files.map(([each]) => modeOf(each))).toEqual(files);
    const token = readFileSync("/etc/apportion/relay.token", "utf8");
    await serveAsUnit();

    // After creating named tokens, an operator deletes the first one.
    rmSync("/etc/apportion/admin.token");
    install(file);
    expect(versionOf(name)).toBe(`install ok installed ${version}`);
    expect(readFileSync("/etc/apportion/relay.token", "utf8")).toBe(token);
    expect(existsSync("/etc/apportion/admin.token")).toBe(false);
    await serveAsUnit();

    run("dpkg", "--remove", name);
    expect(existsSync("/usr/bin/apportion")).toBe(false);
    expect(existsSync("/etc/apportion/apportion.yaml")).toBe(true);
    run("dpkg", "--purge", name);
    expect(existsSync("/etc/apportion")).toBe(false);
    expect(userExists(name)).toBe(true);
  },
);

const unitOf = (name: string): string => readFileSync(`/usr/lib/systemd/system/${name}.service`, "utf8");

const commandOf = (name: string, key: string): string[] =>
  new RegExp(`^${key}=(.*)$`, "m").exec(unitOf(name))![1]!.split(" ");

/** Makes the credentials of a unit, as systemd does: a file that is missing is replaced by the default. */
function asUnit(name: string) {
  const credentials = mkdtempSync(join(folder, "credentials-"));
  for (const [, id, from] of unitOf(name).matchAll(/^LoadCredential=([\w-]+):(.*)$/gm)) {
    if (existsSync(from!)) copyFileSync(from!, join(credentials, id!));
    else writeFileSync(join(credentials, id!), "\n");
  }
  run("chown", "-R", name, credentials);
  run("install", "--directory", "--mode=755", folder);
  return { credentials, environment: { CREDENTIALS_DIRECTORY: credentials } };
}

/** Does what the unit of the allocator says, as its user: checks the settings, and starts the service. */
async function serveAsUnit(): Promise<void> {
  const name = "apportion-allocator";
  const { credentials, environment: ofUnit } = asUnit(name);
  run("install", "--directory", "--mode=755", `--owner=${name}`, "/var/lib/apportion");
  const socket = join(credentials, "notify.sock");
  const systemd = start(["python3", "-c", receiver, socket], folder);
  expect(await systemd.lines.next()).toBe("bound");
  chmodSync(socket, 0o777);
  const until = async (line: string): Promise<void> => {
    while ((await systemd.lines.next()) !== line);
  };
  const environment = {
    NOTIFY_SOCKET: socket,
    WATCHDOG_USEC: "100000",
    ...parseEnv(readFileSync("/etc/apportion/allocator.env", "utf8")),
    ...ofUnit,
  };
  const asUser = ["runuser", "-u", name, "--"];
  const check = start([...asUser, ...commandOf(name, "ExecStartPre")], "/", environment);
  expect(await check.lines.next()).toBe("/etc/apportion/apportion.yaml: no faults");
  expect(await check.lines.next()).toBe("environment: no faults");
  expect(await check.ended).toEqual([0, null]);
  const service = start(
    [...asUser, ...commandOf(name, "ExecStart"), "--http", "127.0.0.1:0"],
    "/",
    environment,
  );
  for (;;) {
    const line = await service.lines.next();
    if (!line.includes('"allocator listening"')) continue;
    const { url } = JSON.parse(line) as { readonly url: string };
    await until("READY=1");
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    break;
  }
  await until("WATCHDOG=1");
  // runuser passes the signal on.
  service.process.kill("SIGTERM");
  await until("STOPPING=1");
  await service.ended;
}
