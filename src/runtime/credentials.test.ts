import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../test/support/folder.ts";
import { withCredentials } from "./credentials.ts";

test("withCredentials() adds the secrets of a systemd service", async () => {
  const folder = await temporaryFolder();
  writeFileSync(join(folder, "relay-token"), "a-secret-of-the-relays\n");
  writeFileSync(join(folder, "admin-token"), "a-secret-of-operators\n");
  expect(withCredentials({ CREDENTIALS_DIRECTORY: folder, APPORTION_ADMIN_TOKEN: "set" })).toEqual({
    CREDENTIALS_DIRECTORY: folder,
    APPORTION_RELAY_TOKEN: "a-secret-of-the-relays",
    APPORTION_ADMIN_TOKEN: "set",
  });
});

test("withCredentials() takes an empty credential, the default of the unit, for unset", async () => {
  const folder = await temporaryFolder();
  writeFileSync(join(folder, "admin-token"), "\n");
  expect(withCredentials({ CREDENTIALS_DIRECTORY: folder })).toEqual({ CREDENTIALS_DIRECTORY: folder });
});

test("withCredentials() changes nothing without a folder of credentials", () => {
  const environment = { APPORTION_RELAY_TOKEN: "set" };
  expect(withCredentials(environment)).toEqual(environment);
});

test("withCredentials() reports a credential that it cannot read, by its path", async () => {
  const folder = await temporaryFolder();
  mkdirSync(join(folder, "relay-token"));
  expect(() => withCredentials({ CREDENTIALS_DIRECTORY: folder })).toThrow(
    /^Cannot read the credential .*relay-token: found a folder, expected a secret$/,
  );
});
