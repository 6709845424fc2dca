/**
 * The systemd units of relay and allocator.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "./support/folder.ts";
import { whyWithout } from "./support/tools.ts";

const root = join(import.meta.dirname, "..");
const packaging = "src/cli/packaging/debian";
const units = [`${packaging}/apportion-relay.service`, `${packaging}/apportion-allocator.service`];

const withoutTool = whyWithout("systemd-analyze");

describe.each(units)("%s", (unit) => {
  const text = readFileSync(join(root, unit), "utf8");

  test.skipIf(withoutTool !== "")(`T21 has an exposure of 2.0 at most${withoutTool}`, () => {
    // The threshold is in tenths. It exits with 1 if the exposure is higher.
    execFileSync("systemd-analyze", ["security", "--offline=true", "--threshold=20", join(root, unit)], {
      stdio: "pipe",
    });
  });

  test.skipIf(withoutTool !== "")(`is accepted by systemd-analyze verify${withoutTool}`, async () => {
    // Programs, users and guides are not installed here, so the test replaces them.
    const file = join(await temporaryFolder(), "unit.service");
    writeFileSync(
      file,
      text.replaceAll(/^Exec(\w+)=.*$/gm, "Exec$1=/bin/true").replaceAll(/^Documentation=.*\n/gm, ""),
    );
    expect(execFileSync("systemd-analyze", ["verify", file], { encoding: "utf8", stdio: "pipe" })).toBe("");
  });

  test("T21 gives the service a user, no new privileges, and files that only it may read", () => {
    const lines = text.split("\n");
    expect(lines).toEqual(
      expect.arrayContaining(["NoNewPrivileges=yes", "ProtectSystem=strict", "UMask=0077"]),
    );
    expect(text).toMatch(/^User=apportion/m);
    expect(text).not.toMatch(/^Environment=.*TOKEN/m);
  });
});
