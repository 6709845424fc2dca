import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createAuthority } from "../../test/relay/certificates.ts";
import { parseRelaySettings } from "./config.ts";
import { readSecrets } from "./secrets.ts";

const settings = (allocator: object = {}) => parseRelaySettings({ allocator });

function stageFile(name: string, content: string): { readonly folder: string; readonly file: string } {
  const folder = mkdtempSync(join(tmpdir(), "relay-secrets-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, name);
  writeFileSync(file, content);
  return { folder, file };
}

const fromEnvironment = "0123456789abcdef";
const fromFile = "fedcba9876543210";

test("readSecrets() reads the token from the environment", () => {
  expect(readSecrets(settings(), { APPORTION_RELAY_TOKEN: fromEnvironment })).toEqual({
    token: fromEnvironment,
  });
});

test("readSecrets() prefers the token file over the environment", () => {
  const { file } = stageFile("token", `${fromFile}\n`);
  const secrets = readSecrets(settings({ tokenFile: file }), { APPORTION_RELAY_TOKEN: fromEnvironment });
  expect(secrets.token).toBe(fromFile);
});

test("readSecrets() reads the token from a systemd credential if there is no other", () => {
  const { folder } = stageFile("relay-token", `${fromFile}\n`);
  expect(readSecrets(settings(), { CREDENTIALS_DIRECTORY: folder }).token).toBe(fromFile);
});

test("readSecrets() takes an empty credential, the default of the unit, for unset", () => {
  const { folder } = stageFile("relay-token", "\n");
  expect(() => readSecrets(settings(), { CREDENTIALS_DIRECTORY: folder })).toThrow(
    "APPORTION_RELAY_TOKEN: found nothing, expected the token of the relay",
  );
});

test.each([
  [
    undefined,
    "APPORTION_RELAY_TOKEN: found nothing, expected the token of the relay, here, in a tokenFile or",
  ],
  ["short", "APPORTION_RELAY_TOKEN: found 5 characters, expected 16 or more"],
  ["sixteen octets\r\n.", "APPORTION_RELAY_TOKEN: found other characters, expected only letters, digits and"],
])("readSecrets() rejects the token %j without repeating it in the error", (token, expected) => {
  const read = () => readSecrets(settings(), { APPORTION_RELAY_TOKEN: token });
  expect(read).toThrow(expected);
  if (token !== undefined) expect(read).not.toThrow(token);
});

test("readSecrets() names every unreadable file", () => {
  const files = { tokenFile: "/no/token", caFile: "/no/ca", certificateFile: "/no/cert", keyFile: "/no/key" };
  const read = () => readSecrets(settings(files), {});
  for (const key of Object.keys(files)) expect(read).toThrow(`allocator.${key}: found no such file`);
  expect(read).toThrow("found no such file, expected a readable file at /no/key");
});

test("E19 readSecrets() rejects the key of another certificate", () => {
  const folder = mkdtempSync(join(tmpdir(), "relay-keys-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const authority = createAuthority(folder, "authority");
  for (const name of ["a", "b"]) authority.certify(name);
  const read = (key: string) => () =>
    readSecrets(settings({ certificateFile: join(folder, "a.pem"), keyFile: join(folder, `${key}.key`) }), {
      APPORTION_RELAY_TOKEN: fromEnvironment,
    });
  expect(read("a")).not.toThrow();
  expect(read("b")).toThrow(
    "allocator.keyFile: found the key of another certificate, expected that of certificateFile",
  );
});

test("readSecrets() rejects a certificate file that is not PEM", () => {
  const { file } = stageFile("cert.pem", "no PEM");
  const read = () =>
    readSecrets(settings({ certificateFile: file, keyFile: file }), {
      APPORTION_RELAY_TOKEN: fromEnvironment,
    });
  expect(read).toThrow("allocator.certificateFile: found no certificate that can be read, expected PEM");
  expect(read).toThrow("allocator.keyFile: found no private key that can be read, expected PEM");
});
