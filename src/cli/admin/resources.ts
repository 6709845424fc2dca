/**
 * The kinds of resource that `apportion admin` knows: for each, its table columns, list filters and API calls.
 *
 * @module
 */
import { hc } from "hono/client";
import type { AdminApp } from "../../http/admin/app.ts";
import {
  inDomain,
  inPool,
  inState,
  ofAuditKind,
  withAddress,
  withPort,
  withIPv6,
  withTime,
  wholeNumber,
} from "./arguments.ts";
import type { Filter } from "./arguments.ts";
import { lease, named, secret } from "./views.ts";
import type { View } from "./views.ts";

/** Client of the admin API, with the types of its routes. */
export type AdminClient = ReturnType<typeof hc<AdminApp>>;

/**
 * Creates a client of the admin API.
 *
 * @param url Base URL of the allocator.
 * @param token Secret of an API token, or the admin token.
 * @param call Sends the requests.
 */
export function createAdminClient(url: string, token: string, call: typeof fetch): AdminClient {
  return hc<AdminApp>(`${url.replace(/\/$/, "")}/admin/v1`, {
    fetch: call,
    headers: { authorization: `Bearer ${token}` },
  });
}

/** Encodes the names in the path of a request. The typed client does not, so `../` would lead to another resource. */
export function pathOf<Names extends Record<string, string>>(names: Names): Names {
  return Object.fromEntries(
    Object.entries(names).map(([field, name]) => [field, encodeURIComponent(name)]),
  ) as Names;
}

/** The parts of a response that the command line uses. */
export interface ApiAnswer {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { readonly get: (name: string) => string | null };
  readonly body: ReadableStream<Uint8Array> | null;
}

/** One kind of resource. The API validates the content of files, so they may hold any JSON here. */
export interface Resource {
  readonly name: string;
  /** What identifies one of them, as the help calls it. Default: its name. */
  readonly key?: "id";
  readonly columns: readonly string[];
  readonly description: string;
  /** The filters of its list; each becomes a flag. */
  readonly filters: Readonly<Record<string, Filter>>;
  /** The answer about one of them. */
  readonly one: View;
  /** The answer when one is created. Default: the same. */
  readonly created?: View;
  readonly list: (client: AdminClient, query: Record<string, string>) => Promise<ApiAnswer>;
  readonly get?: (client: AdminClient, name: string) => Promise<ApiAnswer>;
  /** What the flag `--force` does, for each command that has it. */
  readonly force?: Readonly<Partial<Record<"put" | "patch" | "delete", string>>>;
  readonly put?: (
    client: AdminClient,
    name: string,
    json: unknown,
    options: ChangeOptions,
  ) => Promise<ApiAnswer>;
  readonly patch?: (
    client: AdminClient,
    name: string,
    json: unknown,
    options: ChangeOptions,
  ) => Promise<ApiAnswer>;
  readonly delete?: (client: AdminClient, name: string, options: ChangeOptions) => Promise<ApiAnswer>;
}

/** Options of a change: `?force=true`, and the headers If-Match or If-None-Match. */
export interface ChangeOptions {
  readonly query: { readonly force?: "true" };
  readonly headers: Record<string, string>;
}

const domains: Resource = {
  name: "domains",
  one: named,
  description: "read and change domains",
  columns: ["name", "default", "serverIdentifier", "prefixes", "siteLeasesMax"],
  filters: {},
  list: (client, query) => client.domains.$get({ query }),
  get: (client, name) => client.domains[":name"].$get({ param: pathOf({ name }) }),
  put: (client, name, json, { headers }) =>
    client.domains[":name"].$put({ param: pathOf({ name }), json: json as never }, { headers }),
  patch: (client, name, json, { headers }) =>
    client.domains[":name"].$patch({ param: pathOf({ name }), json: json as never }, { headers }),
  delete: (client, name, { headers }) =>
    client.domains[":name"].$delete({ param: pathOf({ name }) }, { headers }),
};

const pastDrain = "accept a drain date that is past: drain the pool at once";
const otherLease = "move the client if it has a lease of another pair";

const pools: Resource = {
  name: "pools",
  one: named,
  description: "read and change pools",
  columns: ["name", "domain", "kind", "range", "psidOffset", "psidLength", "sizes.subscribers", "drainUntil"],
  filters: {
    domain: inDomain,
    kind: { what: "only of this kind", choices: ["shared", "full"] },
    draining: { what: "only those that are drained, or are not", choices: ["true", "false"] },
    address: withAddress("only those that have this IPv4 address"),
  },
  force: {
    put: pastDrain,
    patch: pastDrain,
    delete: "delete the pool even if it has leases; they end and stay in the history",
  },
  list: (client, query) => client.pools.$get({ query }),
  get: (client, name) => client.pools[":name"].$get({ param: pathOf({ name }) }),
  put: (client, name, json, { query, headers }) =>
    client.pools[":name"].$put({ param: pathOf({ name }), query, json: json as never }, { headers }),
  patch: (client, name, json, { query, headers }) =>
    client.pools[":name"].$patch({ param: pathOf({ name }), query, json: json as never }, { headers }),
  delete: (client, name, { query, headers }) =>
    client.pools[":name"].$delete({ param: pathOf({ name }), query }, { headers }),
};

const reservations: Resource = {
  name: "reservations",
  one: named,
  description: "read and change reservations",
  columns: ["name", "domain", "pool", "clientIdentifier", "address", "psid"],
  filters: {
    domain: inDomain,
    pool: inPool,
    clientIdentifier: { what: "only of the client with this identifier, in hexadecimal" },
  },
  force: { put: otherLease, patch: otherLease },
  list: (client, query) => client.reservations.$get({ query }),
  get: (client, name) => client.reservations[":name"].$get({ param: pathOf({ name }) }),
  put: (client, name, json, { query, headers }) =>
    client.reservations[":name"].$put({ param: pathOf({ name }), query, json: json as never }, { headers }),
  patch: (client, name, json, { query, headers }) =>
    client.reservations[":name"].$patch({ param: pathOf({ name }), query, json: json as never }, { headers }),
  delete: (client, name, { headers }) =>
    client.reservations[":name"].$delete({ param: pathOf({ name }) }, { headers }),
};

const leases: Resource = {
  name: "leases",
  key: "id",
  one: lease,
  description: "read leases, and end or move them",
  columns: ["id", "domain", "pool", "state", "clientId", "softwire", "expiresAt", "pending"],
  filters: {
    domain: inDomain,
    pool: inPool,
    address: withAddress("only of this IPv4 address"),
    port: withPort("only those whose port set has this port"),
    clientId: { what: "only of the client with this identifier, in hexadecimal" },
    duid: { what: "only of the clients with this DUID, in hexadecimal" },
    iaid: { what: "only of the clients with this IAID", check: wholeNumber(0, 0xffff_ffff) },
    softwire: withIPv6("only with this IPv6 softwire address"),
    source: withIPv6("only of the client that sends from this IPv6 address"),
    site: { what: "only of this customer site, as leases show it" },
    state: inState,
    expiresFrom: withTime("only those that end at this time or later"),
    expiresBefore: withTime("only those that end before this time"),
  },
  list: (client, query) => client.leases.$get({ query }),
  get: (client, id) => client.leases[":id"].$get({ param: pathOf({ id }) }),
};

const tokens: Resource = {
  name: "tokens",
  one: named,
  created: secret,
  description: "read and change the tokens of the API",
  columns: ["name", "scope", "domain", "createdAt", "rotatedAt", "expiresAt"],
  filters: {},
  list: (client, query) => client.tokens.$get({ query }),
  get: (client, name) => client.tokens[":name"].$get({ param: pathOf({ name }) }),
  put: (client, name, json, { headers }) =>
    client.tokens[":name"].$put({ param: pathOf({ name }), json: json as never }, { headers }),
  patch: (client, name, json, { headers }) =>
    client.tokens[":name"].$patch({ param: pathOf({ name }), json: json as never }, { headers }),
  delete: (client, name, { headers }) =>
    client.tokens[":name"].$delete({ param: pathOf({ name }) }, { headers }),
};

const audit: Resource = {
  name: "audit",
  one: named,
  description: "read the log of changes",
  columns: ["at", "actor", "action", "resource", "name"],
  filters: {
    resource: ofAuditKind,
    name: { what: "only changes of the resource with this name" },
    actor: { what: "only changes by this token, or file" },
    domain: inDomain,
    since: withTime("only changes at this time or later"),
    until: withTime("only changes at this time or earlier"),
  },
  list: (client, query) => client.audit.$get({ query }),
};

/** All kinds of resource, in the order of the help text. */
export const resources: readonly Resource[] = [domains, pools, reservations, leases, tokens, audit];
