/**
 * `/openapi.json`, the OpenAPI document generated from the schemas that check the requests, and `/docs`, a page that
 * shows it.
 *
 * @module
 */
import { Hono } from "hono";
import type { Env } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { generateSpecs } from "hono-openapi";
import { renderReference } from "./reference-page.ts";
import type { OpenApiDocument } from "./reference-page.ts";

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
 * of its data.
 *
 * @param app The application with all described routes.
 */
export function documentRoutes<E extends Env>(app: Hono<E>) {
  let document: Promise<OpenApiDocument> | undefined;
  const load = () =>
    (document ??= generateSpecs(app, {
      documentation: information,
      excludeStaticFile: false,
      defaultValidationErrorResponse: false,
    }) as unknown as Promise<OpenApiDocument>);
  return new Hono()
    .get("/openapi.json", async (context) => context.json(await load()))
    .get("/docs", pageHeaders, async (context) => context.html(renderReference(await load())));
}
