/**
 * Who may call what.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { problemResponse } from "./problem.ts";

/**
 * Lets relays pass: those that present the token (RFC 6750).
 *
 * @param token The secret that relays and allocator share.
 * @throws {TypeError} When the token is empty, because then everyone would know it.
 */
export function relayAuth(token: string): MiddlewareHandler {
  if (token === "")
    throw new TypeError("Cannot guard the relay endpoint: found an empty token, expected a secret");
  const refusal = (found: string) => ({
    message: () =>
      problemResponse(401, `Cannot accept the request: found ${found}, expected the token of a relay`),
  });
  return bearerAuth({
    token,
    realm: "apportion",
    noAuthenticationHeader: refusal("no bearer token"),
    invalidAuthenticationHeader: refusal("a malformed Authorization header"),
    invalidToken: refusal("an unknown bearer token"),
  });
}
