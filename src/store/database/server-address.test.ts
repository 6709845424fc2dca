import { inspect } from "node:util";
import { expect, test } from "vitest";
import { openServer } from "./server.ts";
import { showDatabaseUrl } from "./database-url.ts";
import { parseServerAddress } from "./server-address.ts";

const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;

test.each([
  ["https://db.example", undefined, "https://db.example/", undefined],
  ["http://127.0.0.1:8080", "token", "http://127.0.0.1:8080/", "Bearer token"],
  ["http://[::1]:8080/dev/name", " token\n", "http://[::1]:8080/dev/name", "Bearer token"],
  ["libsql://db.example", undefined, "libsql://db.example", undefined],
  ["libsql://db.example:80?tls=0", undefined, "libsql://db.example:80?tls=0", undefined],
  ["libsql://db.example?authToken=in-url", "set", "libsql://db.example", "Bearer in-url"],
  ["https://me:pass@db.example", undefined, "https://db.example/", basic("me:pass")],
  ["https://me:p%40%2Fs%C3%A4@db.example", undefined, "https://db.example/", basic("me:p@/sä")],
  ["https://me@db.example", undefined, "https://db.example/", basic("me:")],
  ["libsql://me:pass@db.example", undefined, "libsql://db.example", basic("me:pass")],
  ["https://me:pass@db.example", "token", "https://db.example/", "Bearer token"],
])("T20 parseServerAddress() takes the secrets out of %s", (text, token, url, authorization) => {
  expect(parseServerAddress(text, token)).toEqual({ url, authorization });
  expect(showDatabaseUrl(text)).toBe(url);
});

test("T20 showDatabaseUrl() shows the path of a file", () => {
  expect(showDatabaseUrl("file:data/apportion.db")).toBe("file:data/apportion.db");
});

test.each([
  ["an address without a scheme", "me:s3cret@db.example"],
  ["another scheme", "ftp://me:s3cret@db.example"],
  ["a host that is none", "https://me:s3cret@db example"],
  ["a port that is none", "https://me:s3cret@db.example:x"],
  ["a password with a slash", "https://me:12/s3cret@db.example"],
  ["a password with a slash after letters", "https://me:s3cret/x@db.example"],
  ["a password with a number sign", "https://me:12#s3cret@db.example"],
  ["a password with a question mark", "https://me:12?s3cret@db.example"],
  ["a password with a lone percent sign", "https://me:s3cret%@db.example"],
  ["a token under another name", "https://db.example?token=s3cret"],
  ["a fragment", "https://db.example#s3cret"],
  ["a value of tls", "libsql://db.example?tls=s3cret"],
  ["a token that no header may have", "https://db.example?authToken=s3cret%0d%0ax"],
])("T20 openServer() refuses %s without showing it", (_, url) => {
  const error = (() => {
    try {
      openServer({ url });
    } catch (thrown) {
      return thrown;
    }
    return undefined;
  })();
  expect(error).toMatchObject({ name: "DatabaseError" });
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("s3cret");
});

test("T20 openServer() refuses a token that no header may have without showing it", () => {
  const open = () => openServer({ url: "https://db.example", authToken: "s3cret\nx" });
  expect(open).toThrow(/printable ASCII/);
  expect(open).not.toThrow(/s3cret/);
});
