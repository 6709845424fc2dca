/**
 * Two allocator processes on one database file, on a machine whose clock is set while they run: libfaketime changes what
 * they see of it.
 */
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { OptionCode } from "../src/wire/dhcpv4/codes.ts";
import { adminToken, askBy, postTo, relayToken } from "./support/allocator.ts";
import { operatorBy } from "./support/admin.ts";
import { clientProfile, says } from "./support/clients.ts";
import { commandLine } from "./support/command-line.ts";
import { temporaryFolder } from "./support/database.ts";
import { createFakeClock, faketimeLibrary, withoutFaketime } from "./support/faketime.ts";
import type { FakeClock } from "./support/faketime.ts";

const main = join(import.meta.dirname, "../src/cli/main.ts");

/** A domain with one pair. */
const declaration = {
  domains: [
    {
      name: "isp",
      default: true,
      serverIdentifier: "192.0.2.1",
      pools: [
        {
          name: "pair",
          kind: "shared",
          range: "192.0.2.7/32",
          psidOffset: 0,
          psidLength: 1,
          reservedPorts: ["0-1023"],
        },
      ],
    },
  ],
};

async function startAllocator(folder: string, clock: FakeClock) {
  const args = ["allocator", "--http", "127.0.0.1:0", "--database", `file:${folder}/apportion.db`];
  const child = spawn(
    process.execPath,
    ["--import", import.meta.resolve("tsx"), main, ...args, "--config", join(folder, "domain.json")],
    {
      cwd: folder,
      env: {
        ...process.env,
        APPORTION_RELAY_TOKEN: relayToken,
        APPORTION_ADMIN_TOKEN: adminToken,
        ...clock.environment,
      },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines: string[] = [];
  const { url } = await new Promise<{ readonly url: string }>((resolve, reject) => {
    createInterface(child.stderr).on("line", (line) => {
      lines.push(line);
      if (line.includes("allocator listening")) resolve(JSON.parse(line) as { readonly url: string });
    });
    child.once("exit", () => {
      reject(new Error(`Cannot start the allocator: ${lines.join("\n")}`));
    });
  });
  return {
    lines,
    ask: askBy(postTo(url, relayToken)),
    admin: commandLine({ APPORTION_URL: url, APPORTION_ADMIN_TOKEN: adminToken }),
    call: operatorBy((path, init) => fetch(url + path, init), adminToken),
  };
}

test.skipIf(faketimeLibrary === undefined)(
  `T9 setting the machine's clock under two allocators ends no lease${withoutFaketime}`,
  { timeout: 120_000 },
  async () => {
    const folder = await temporaryFolder();
    const clock = await createFakeClock(folder);
    await writeFile(join(folder, "domain.json"), JSON.stringify(declaration));
    const [one, other] = [await startAllocator(folder, clock), await startAllocator(folder, clock)];
    const [holder, next] = [clientProfile(1), clientProfile(2)];
    const [offer] = await one.ask(says.discover(holder));
    const [ack] = await one.ask(says.selecting(holder, offer!));
    expect(ack?.type).toBe("ack");

    for (const seconds of [7200, -7200, 315_360_000, -315_360_000]) {
      await clock.set(seconds);
      for (const { ask } of [one, other]) {
        expect(await ask(says.discover(next))).toEqual([undefined]);
        const [renewed] = await ask(says.renew(holder, ack!));
        expect(renewed?.type).toBe("ack");
        expect(renewed?.message.options.get(OptionCode.leaseTime)).toEqual(Uint8Array.of(0, 0, 14, 16)); // 3,600 s
      }
      const { body } = await other.call("GET", "/clock");
      expect(body.clocks).toMatchObject([
        { decidedBy: "file", differenceSeconds: seconds, openStep: { differenceSeconds: seconds } },
      ]);
    }
    for (const { lines } of [one, other]) {
      expect(lines.filter((line) => line.includes("the machine's clock was set"))).toHaveLength(4);
    }

    // An operator accepts the last one: the lease moves along, and ends by a RELEASE of its client.
    const shown = await one.admin("clock", "show");
    expect(shown.stdout).toMatch(/^DECIDEDBY .*\nfile .* -315360000 /);
    expect((await one.admin("clock", "accept", "7200")).stderr).toContain(
      "found a difference of -315360000 s",
    );
    const accepted = await one.admin("clock", "accept", "-315360000");
    expect(accepted.stdout, accepted.stderr).toMatch(/\nfile .* 0 +- +-\n$/);
    expect(await other.ask(says.discover(next))).toEqual([undefined]);
    const [again] = await other.ask(says.renew(holder, ack!));
    expect(again?.type).toBe("ack");
    await other.ask(says.release(holder, ack!));
    const bound = await one.call("GET", "/leases?state=bound");
    expect(bound.body.items).toEqual([]);
  },
);
