import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { CommanderError } from "commander";
import { expect, onTestFinished, test } from "vitest";
import { createBenchCommand, roundOptionsOf } from "./flags.ts";
import type { Flags } from "./flags.ts";
import { openSide, thisFolder } from "./side.ts";

/** Parses flags as the command does. Returns the error output when they are invalid. */
async function readFlags(...given: readonly string[]): Promise<Flags | string> {
  let read: Flags | undefined;
  let printed = "";
  const command = createBenchCommand((flags) => {
    read = flags;
    return Promise.resolve();
  })
    .exitOverride()
    .configureOutput({
      writeErr: (text) => {
        printed += text;
      },
    });
  try {
    await command.parseAsync(given, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
  }
  return read ?? printed.trim();
}

/** Creates a temporary folder with the given files. */
async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bench-test-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(folder, dirname(name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

const checkout = {
  "package.json": '{ "name": "apportion" }',
  "src/cli/main.ts": "",
  "relay/main.ts": "",
};

test.each([
  { what: "nothing", files: {}, fault: "Found no package.json in it, expected a checkout of Apportion." },
  {
    what: "another package",
    files: { ...checkout, "package.json": '{ "name": "kea" }' },
    fault: "Found a package.json of kea, expected a checkout of Apportion.",
  },
  {
    what: "a package.json that is not JSON",
    files: { ...checkout, "package.json": "{" },
    fault: "Found a package.json of (no name), expected a checkout of Apportion.",
  },
  {
    what: "no relay",
    files: { "package.json": checkout["package.json"], "src/cli/main.ts": "" },
    fault: "Found no relay/main.ts in it, expected a checkout of Apportion.",
  },
  {
    what: "no packages",
    files: checkout,
    fault: "Found no node_modules with tsx in it, expected its own packages; run npm ci there.",
  },
])("--against refuses a folder with $what", async ({ files, fault }) => {
  const folder = await folderWith(files);
  expect(await readFlags("--against", folder)).toBe(
    `error: option '--against <folder>' argument '${folder}' is invalid. ${fault}`,
  );
});

test("--against refuses a checkout without packages inside another one that has them", async () => {
  const outer = await folderWith({ "node_modules/tsx/package.json": "{}", "before/package.json": "{}" });
  for (const [name, content] of Object.entries(checkout)) {
    await mkdir(join(outer, "before", dirname(name)), { recursive: true });
    await writeFile(join(outer, "before", name), content);
  }
  expect(await readFlags("--against", join(outer, "before"))).toContain("Found no node_modules");
});

test("--against accepts a checkout with a symbolic link to its packages", async () => {
  const folder = await folderWith(checkout);
  await symlink(join(thisFolder, "node_modules"), join(folder, "node_modules"));
  expect(await readFlags("--against", folder)).toMatchObject({ against: folder, pairs: 5 });
});

test.each([
  {
    flags: ["--against", "/no/such/folder"],
    error:
      "error: option '--against <folder>' argument '/no/such/folder' is invalid. Found no such folder, expected a checkout of Apportion.",
  },
  ...["0", "100", "-1", "1.5", "two", ""].map((pairs) => ({
    flags: ["--against", thisFolder, `--pairs=${pairs}`],
    error: `error: option '--pairs <count>' argument '${pairs}' is invalid. Expected a whole number from 1 to 99.`,
  })),
  {
    flags: ["--pairs", "2"],
    error: "error: option '--pairs <count>' needs '--against', '--peer' or '--leases'",
  },
  {
    flags: ["--against", thisFolder, "--repeat", "2"],
    error: "error: option '--repeat <count>' cannot be used with option '--against <folder>'",
  },
  {
    flags: ["--clients", "0"],
    error: "error: option '--clients <count>' argument '0' is invalid. Expected a positive whole number.",
  },
  {
    flags: ["--mode", "inform"],
    error: "error: option '--mode <mode>' argument 'inform' is invalid. Allowed choices are dora, renew.",
  },
])("npm run bench refuses $flags", async ({ flags, error }) => {
  expect(await readFlags(...flags)).toBe(error);
});

test.each([1, 99])("--pairs accepts %i", async (pairs) => {
  expect(await readFlags("--against", thisFolder, "--pairs", String(pairs))).toMatchObject({ pairs });
});

test("roundOptionsOf() translates every flag that defines a round", async () => {
  const flags = await readFlags(
    ...["--against", thisFolder, "--clients", "10", "--warm-up", "2", "--in-flight", "1", "--mode", "renew"],
    ...["--full", "--distance", "--relay-flag=--a", "--relay-flag=--b", "--cpu-profile", "/profiles"],
  );
  if (typeof flags === "string") throw new Error(flags);
  expect(roundOptionsOf(flags)).toEqual({
    clients: 10,
    warmUpClients: 2,
    inFlight: 1,
    mode: "renew",
    isShared: false,
    servers: 1,
    isDistant: true,
    relayFlags: ["--a", "--b"],
    profileFolder: "/profiles",
  });
});

test("openSide() ignores the commit of a repository that contains the folder", async () => {
  const around = await openSide(join(thisFolder, "test"));
  expect(around.revision).toBeUndefined();
});
