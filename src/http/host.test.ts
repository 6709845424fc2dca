import { expect, test } from "vitest";
import { refuseBadHost } from "./host.ts";

/** @returns The status of the refusal; undefined if the request may be served. */
const statusOf = (host?: string) =>
  refuseBadHost({ headers: new Headers(host === undefined ? {} : { host }) })?.status;

test("T24 refuseBadHost() refuses what is no name or address, and what would change the path", () => {
  for (const host of [
    "",
    "a b",
    "a/admin/v1",
    "a?b",
    "a#b",
    "a@b",
    "a\\b",
    "a:99999",
    "999.1.1.1",
    "1.2.3.4.5",
    "0x1ffffffff",
    "[::1",
    "a:b:c",
  ]) {
    expect(statusOf(host), host).toBe(400);
  }
  for (const host of [
    "a",
    "A.example",
    "127.0.0.1:8467",
    "[::1]:8467",
    "localhost:0",
    "xn--bcher-kva.example",
  ]) {
    expect(statusOf(host), host).toBeUndefined();
  }
  expect(statusOf()).toBeUndefined();
});
