/**
 * Checks that the comparison with Kea runs, and says why it cannot. The loads are too small to measure anything.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { labSkipReason } from "../relay/netns/lab.ts";
import { keaVersion } from "./kea.ts";
import type { PeerReport } from "./peer.ts";

const main = join(import.meta.dirname, "main.ts");
const flags = ["--import", "tsx", main, "--peer", "kea"];

const reason = keaVersion() === undefined ? " (skipped: no kea-dhcp4-server)" : labSkipReason();

test.skipIf(reason !== "")(
  `npm run bench --peer kea loads both servers without a fault${reason}`,
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "bench-test-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const json = join(folder, "report.json");
    const small = ["--clients", "40", "--warm-up", "0", "--pairs", "1", "--in-flight", "8", "--json", json];
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, ...small], {
      env: { ...process.env, TMPDIR: folder },
    });
    expect(stdout).toMatch(/^dora +8 +40 /m);
    expect(stdout).toMatch(/^renew +8 +40 /m);
    expect(stdout).toContain("no two clients held the same address, and no exchange was lost");
    const { levels, receiveBuffer } = JSON.parse(await readFile(json, "utf8")) as PeerReport;
    expect(levels.map(({ pairs }) => pairs[0]!.other.exchange.count)).toEqual([40, 40]);
    const now = Number(await readFile("/proc/sys/net/core/rmem_default", "utf8"));
    expect(receiveBuffer.usual).toBe(now);
  },
);

test("npm run bench --peer kea says which packages are missing", async () => {
  const path = dirname(process.execPath);
  const running = promisify(execFile)(process.execPath, flags, { env: { ...process.env, PATH: path } });
  await expect(running).rejects.toMatchObject({
    code: 1,
    stderr:
      "Cannot compare with Kea: it is not installed. Debian has it in kea-dhcp4-server and kea-dhcp6-server.\n",
  });
});
