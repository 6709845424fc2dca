/**
 * The systemd units of relay and allocator.
 */
import { execFileSync, spawnSync } from "node:child_process";
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
    // What it ignores, it only warns of.
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });

  test("checks the settings before each start, and ends as failed if they stay wrong", () => {
    expect(text).toMatch(/^ExecStartPre=\/usr\/bin\/apportion\S* check --environment /m);
    expect(text.split("\n")).toContain("RestartPreventExitStatus=2");
    const numberOf = (key: string): number => Number(new RegExp(`^${key}=(\\d+)`, "m").exec(text)![1]);
    // The attempts fit into the interval, with 4 s for each start on a slow machine. Otherwise they never end.
    expect(numberOf("StartLimitBurst") * (numberOf("RestartSec") + 4)).toBeLessThan(
      60 * numberOf("StartLimitIntervalSec"),
    );
  });

  test("starts without a token that is missing: each credential of a file has an empty default", () => {
    const idsOf = (key: string) =>
      [...text.matchAll(new RegExp(`^${key}=([\\w-]+):`, "gm"))].map(([, id]) => id);
    expect(idsOf("LoadCredential")).toContain("relay-token");
    expect(idsOf("SetCredential")).toEqual(idsOf("LoadCredential"));
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
