/** What an allocator on Node says to its operator. */
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryDatabase } from "../../test/support/database.ts";
import { temporaryFolder } from "../../test/support/folder.ts";
import { createStore } from "../store/store.ts";
import { logWarnings, openDatabase, openExistingDatabase, startAllocator } from "./node.ts";

const domain = (name: string, fields: object = {}) => ({
  name,
  serverIdentifier: "203.0.113.1",
  pools: [],
  lines: [{ linkAddress: "::1", interfaceId: name }],
  ...fields,
});

test("T6 an allocator that starts names each domain whose customers have no limit, or that serves nobody", async () => {
  const main = await temporaryDatabase({
    domains: [
      domain("open"),
      domain("chosen", { siteBy: ["source"] }),
      domain("set", { siteLeasesMax: 4, lines: [] }),
    ],
  });
  const other = await temporaryDatabase({ domains: [domain("placed")] });
  const logged: [object, string][] = [];
  const quiet = () => undefined;
  const warn = (fields: object, message: string) => void logged.push([fields, message]);
  const store = createStore({ main, placed: new Map([["placed", other]]) });
  await logWarnings(store, { debug: quiet, info: quiet, warn, error: quiet });
  expect(logged).toEqual([
    [{ domain: "open" }, 'domain "open" has no site limit: one customer can take every pair. Set siteBy.'],
    [{ domain: "set" }, 'domain "set" serves nobody. Set prefixes, lines or default.'],
    [
      { domain: "placed" },
      'domain "placed" has no site limit: one customer can take every pair. Set siteBy.',
    ],
  ]);
});

test("T20 a secret in the URL of a file is in no name and in no error", async () => {
  const folder = await temporaryFolder();
  const url = `file:${join(folder, "a.db")}?authToken=s3cret/x`;
  for (const open of [openDatabase, openExistingDatabase]) {
    await expect(open({ url })).rejects.toThrow(/^(?!.*s3cret)Cannot open the database: found a \? or #/);
  }
  expect(await readdir(folder)).toEqual([]);
});

test("T18 an allocator that cannot listen leaves no timer behind", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const store = createStore({ main: await temporaryDatabase({ domains: [] }), placed: new Map() });
  const quiet = () => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const before = timers();
  const access = { relayToken: "a-token-of-relays", adminToken: undefined };
  await expect(startAllocator(store, access, { host: "127.0.0.1", port }, log)).rejects.toThrow(/EADDRINUSE/);
  expect(timers()).toBe(before);
});
