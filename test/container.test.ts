/**
 * The image of the allocator. Its builder is another program, so the test does what the first stage says, and `.ci/run` builds
 * the image where there is a builder.
 */
import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { version } from "../src/version.ts";
import { temporaryFolder } from "./support/folder.ts";

const root = join(import.meta.dirname, "..");
const lines = readFileSync(join(root, "src/cli/packaging/Containerfile"), "utf8").split("\n");
const argumentsOf = (instruction: string): string[] =>
  lines.flatMap((line) => (line.startsWith(`${instruction} `) ? [line.slice(instruction.length + 1)] : []));

test(
  "the files that the Containerfile copies are all that its build needs",
  { timeout: 120_000 },
  async () => {
    const [source, built] = [await temporaryFolder(), await temporaryFolder()];
    for (const words of argumentsOf("COPY").filter((each) => !each.startsWith("--from"))) {
      const files = words.split(" ").slice(0, -1);
      for (const file of files) cpSync(join(root, file), join(source, file), { recursive: true });
    }
    symlinkSync(join(root, "node_modules"), join(source, "node_modules"));
    const command = argumentsOf("RUN").find((each) => each.startsWith("npm run build"))!;
    execFileSync("sh", ["-ec", command.replaceAll("/build", built)], { cwd: source, stdio: "pipe" });
    const run = (...flags: string[]) =>
      execFileSync(join(built, "apportion.mjs"), flags, { cwd: built, encoding: "utf8" });
    expect(run("--version")).toBe(`${version}\n`);
    expect(run("migrate", "--database", "file:apportion.db")).toContain("applied 0000_tables");
  },
);

test("the image keeps a database file in a volume that its user may write", () => {
  const [folder] = argumentsOf("VOLUME");
  expect(argumentsOf("WORKDIR").at(-1)).toBe(folder);
  expect(argumentsOf("USER")).toEqual(["node"]);
  expect(argumentsOf("RUN").at(-1)).toContain(`install --directory --owner=node --mode=700 ${folder}`);
});
