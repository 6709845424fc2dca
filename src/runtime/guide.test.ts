/**
 * Compares the guide of the runtime with the code: its table of settings has every environment variable.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const guide = readFileSync(join(import.meta.dirname, "README.md"), "utf8");

test("the guide lists exactly the environment variables that runtime and command line read", () => {
  const source = join(import.meta.dirname, "..");
  const files = ["runtime", "cli"].flatMap((folder) =>
    readdirSync(join(source, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
      .map((file) => join(source, folder, file)),
  );
  const read = files.flatMap((file) => readFileSync(file, "utf8").match(/\bAPPORTION_[A-Z_]+/g) ?? []);
  const rows = [...guide.matchAll(/^\| `(APPORTION_[A-Z_]+)`/gm)].map(([, name]) => name!);
  expect(rows.sort()).toEqual([...new Set(read)].sort());
});
