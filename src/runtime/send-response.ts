/**
 * Answers a request of Node with a `Response`.
 *
 * @module
 */
import type { ServerResponse } from "node:http";

/** Sends a response with a short body. */
export async function sendResponse(outgoing: ServerResponse, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    "content-length": body.length,
  });
  outgoing.end(body);
}
