/**
 * Refuses requests whose Host is not a host. Deno copies it into the URL unchecked, so `a/admin/v1` would change the path.
 * On Node, the server refuses it itself.
 *
 * @module
 */
import { fieldFoundCharactersMax } from "../limits.ts";
import { problemResponse } from "./problem.ts";

/**
 * Checks the Host of a request. HTTP/2 has none.
 *
 * @returns A refusal; undefined if the request may be served.
 */
export function refuseBadHost({ headers }: Pick<Request, "headers">): Response | undefined {
  const host = headers.get("host");
  if (host === null) return undefined;
  if (!/[\s/?#@\\]/.test(host) && isUrl(`http://${host}/`)) return undefined;
  const found = JSON.stringify(host.slice(0, fieldFoundCharactersMax));
  return problemResponse(
    400,
    `Cannot read the request: found the Host ${found}, expected a name or an address`,
  );
}

/** Whether a text is a URL. */
export function isUrl(text: string): boolean {
  try {
    return new URL(text).href !== "";
  } catch {
    return false;
  }
}
