/**
 * `/openapi.json`, the OpenAPI document generated from the schemas that check the requests, and `/docs`, a page that
 * shows it.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context, Env } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { generateSpecs } from "hono-openapi";
import { encodeHex } from "../../wire/hex.ts";
import { matchesWeakly, parseEntityTags } from "../entity-tags.ts";
import { renderReference } from "./reference-page.ts";
import type { OpenApiDocument } from "./reference-page.ts";

/** Octets of the SHA-256 that form an ETag: 128 bits, so that two documents never share one. */
const etagOctets = 16;

const information = {
  info: {
    title: "Apportion admin API",
    version: "1",
    description:
      "Domains, pools, reservations, leases, binding tables, tokens, the audit log and the declared state of an Apportion allocator. " +
      "Names are ids. Dates are RFC 3339, addresses are text, PSIDs are plain numbers. Errors are problem documents (RFC 9457). " +
      "Resources have ETags, and changes accept If-Match. Lists are paged.",
  },
  tags: [
    { name: "domains", description: "Softwire domains: the clients that are served, and their settings." },
    { name: "pools", description: "The addresses that are leased, and how many port sets share each." },
    { name: "reservations", description: "Pairs of address and port set, each reserved for one client." },
    { name: "leases", description: "The leases of clients. An operator can end or move one." },
    { name: "evidence", description: "Look-up of who had an address and a port at a given time." },
    {
      name: "bindings",
      description: "The binding table for an lwAFTR, whole or as changes since a version.",
    },
    { name: "config", description: "Domains, pools and reservations as one declared document." },
    { name: "tokens", description: "The bearer tokens of relays and operators." },
    { name: "clock", description: "The clocks of the databases, and steps of the machine's clock." },
    { name: "audit", description: "The log of who changed what, and when." },
  ],
  components: {
    securitySchemes: { bearer: { type: "http" as const, scheme: "bearer" } },
  },
  security: [{ bearer: [] }],
};

/** The page has an inline style sheet. Scripts and content from other hosts are forbidden. */
const pageHeaders = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    styleSrc: ["'unsafe-inline'"],
    frameAncestors: ["'none'"],
  },
  referrerPolicy: "no-referrer",
});

/**
 * Creates the routes of the document and its page. They need no token, because they describe the API and contain none
 * of its data. Both are made once, at the first request for one of them: strangers may request them as often as they
 * like.
 *
 * @param app The application with all described routes.
 */
export function documentRoutes<E extends Env>(app: Hono<E>) {
  let documents: ReturnType<typeof makeDocuments> | undefined;
  const load = () =>
    (documents ??= makeDocuments(app).catch((error: unknown) => {
      // The next request tries again.
      documents = undefined;
      throw error;
    }));
  return new Hono()
    .get("/openapi.json", async (context) => answer(context, (await load()).description))
    .get("/docs", pageHeaders, async (context) => answer(context, (await load()).page));
}

/** A document, as octets that are sent as they are. */
interface PreparedDocument {
  readonly octets: Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>> & { readonly etag: string };
}

async function makeDocuments<E extends Env>(app: Hono<E>) {
  const specification = (await generateSpecs(app, {
    documentation: information,
    excludeStaticFile: false,
    defaultValidationErrorResponse: false,
  })) as unknown as OpenApiDocument;
  const page = String(await renderReference(specification));
  return {
    description: await prepare(JSON.stringify(specification), "application/json"),
    page: await prepare(page, "text/html; charset=UTF-8"),
  };
}

async function prepare(text: string, type: string): Promise<PreparedDocument> {
  const octets = new Uint8Array(new TextEncoder().encode(text));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", octets));
  const etag = `"${encodeHex(hash.subarray(0, etagOctets))}"`;
  // A cache may keep the document but must revalidate it: each release has its own.
  return { octets, headers: { "content-type": type, "cache-control": "no-cache", etag } };
}

function answer(context: Context, { octets, headers }: PreparedDocument): Response {
  // The documents are for anyone, so a header that is no list of tags is ignored.
  const tags = parseEntityTags(context.req.header("if-none-match") ?? "") ?? [];
  const isKnown = matchesWeakly(tags, headers.etag.slice(1, -1));
  return isKnown ? new Response(null, { status: 304, headers }) : new Response(octets, { headers });
}
