/**
 * What `apportion admin` can do with each kind of resource. One entry for each; a table shows its columns.
 *
 * @module
 */
import { hc } from "hono/client";
import type { AdminApp } from "../../http/admin/app.ts";

/** Calls of the admin API, with the types of its routes. */
export type AdminClient = ReturnType<typeof hc<AdminApp>>;

/** Creates a client. */
export function createAdminClient(url: string, token: string): AdminClient {
  return hc<AdminApp>(`${url.replace(/\/$/, "")}/admin/v1`, {
    headers: { authorization: `Bearer ${token}` },
  });
}

/** What the command line looks at of an answer. */
export interface ApiAnswer {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { readonly get: (name: string) => string | null };
  readonly text: () => Promise<string>;
  readonly body: ReadableStream<Uint8Array> | null;
}

/** One kind of resource. What a file holds is checked by the API, so here it is any JSON. */
export interface Resource {
  readonly name: string;
  readonly columns: readonly string[];
  /** Filters of its list, as flags. */
  readonly filters: readonly string[];
  readonly list: (client: AdminClient, query: Record<string, string>) => Promise<ApiAnswer>;
  readonly get?: (client: AdminClient, name: string) => Promise<ApiAnswer>;
  /** What `--force` does beyond what its commands do without it. */
  readonly force?: { readonly of: readonly ("put" | "patch" | "delete")[]; readonly meaning: string };
  readonly put?: (client: AdminClient, name: string, json: unknown, how: How) => Promise<ApiAnswer>;
  readonly patch?: (client: AdminClient, name: string, json: unknown, how: How) => Promise<ApiAnswer>;
  readonly delete?: (client: AdminClient, name: string, how: How) => Promise<ApiAnswer>;
}

/** How something is to be changed: `?force=true`, and If-Match or If-None-Match. */
export interface How {
  readonly query: { readonly force?: "true" };
  readonly headers: Record<string, string>;
}

const domains: Resource = {
  name: "domains",
  columns: ["name", "default", "serverIdentifier", "prefixes", "siteLeasesMax"],
  filters: [],
  list: (client, query) => client.domains.$get({ query }),
  get: (client, name) => client.domains[":name"].$get({ param: { name } }),
  put: (client, name, json, { headers }) =>
    client.domains[":name"].$put({ param: { name }, json: json as never }, { headers }),
  patch: (client, name, json, { headers }) =>
    client.domains[":name"].$patch({ param: { name }, json: json as never }, { headers }),
  delete: (client, name, { headers }) => client.domains[":name"].$delete({ param: { name } }, { headers }),
};

const pools: Resource = {
  name: "pools",
  columns: ["name", "domain", "kind", "range", "psidOffset", "psidLength", "sizes.subscribers", "drainUntil"],
  filters: ["domain", "kind", "draining", "address"],
  force: { of: ["delete"], meaning: "also when it has leases: they end, and are kept in history" },
  list: (client, query) => client.pools.$get({ query }),
  get: (client, name) => client.pools[":name"].$get({ param: { name } }),
  put: (client, name, json, { headers }) =>
    client.pools[":name"].$put({ param: { name }, json: json as never }, { headers }),
  patch: (client, name, json, { headers }) =>
    client.pools[":name"].$patch({ param: { name }, json: json as never }, { headers }),
  delete: (client, name, { query, headers }) =>
    client.pools[":name"].$delete({ param: { name }, query }, { headers }),
};

const reservations: Resource = {
  name: "reservations",
  columns: ["name", "domain", "pool", "clientIdentifier", "address", "psid"],
  filters: ["domain", "pool", "clientIdentifier"],
  force: { of: ["put", "patch"], meaning: "end the lease that the client has of another pair" },
  list: (client, query) => client.reservations.$get({ query }),
  get: (client, name) => client.reservations[":name"].$get({ param: { name } }),
  put: (client, name, json, { query, headers }) =>
    client.reservations[":name"].$put({ param: { name }, query, json: json as never }, { headers }),
  patch: (client, name, json, { query, headers }) =>
    client.reservations[":name"].$patch({ param: { name }, query, json: json as never }, { headers }),
  delete: (client, name, { headers }) =>
    client.reservations[":name"].$delete({ param: { name } }, { headers }),
};

const leases: Resource = {
  name: "leases",
  columns: ["id", "domain", "pool", "state", "clientId", "softwire", "expiresAt"],
  filters: [
    ...["domain", "pool", "address", "port", "clientId", "duid", "iaid", "softwire", "source", "site"],
    ...["state", "expiresFrom", "expiresBefore"],
  ],
  list: (client, query) => client.leases.$get({ query }),
  get: (client, id) => client.leases[":id"].$get({ param: { id } }),
};

const tokens: Resource = {
  name: "tokens",
  columns: ["name", "scope", "domain", "createdAt", "rotatedAt", "expiresAt"],
  filters: [],
  list: (client, query) => client.tokens.$get({ query }),
  get: (client, name) => client.tokens[":name"].$get({ param: { name } }),
  put: (client, name, json, { headers }) =>
    client.tokens[":name"].$put({ param: { name }, json: json as never }, { headers }),
  patch: (client, name, json, { headers }) =>
    client.tokens[":name"].$patch({ param: { name }, json: json as never }, { headers }),
  delete: (client, name, { headers }) => client.tokens[":name"].$delete({ param: { name } }, { headers }),
};

const audit: Resource = {
  name: "audit",
  columns: ["at", "actor", "action", "resource", "name"],
  filters: ["resource", "name", "actor", "domain", "since", "until"],
  list: (client, query) => client.audit.$get({ query }),
};

/** All kinds, in the order of the help. */
export const resources: readonly Resource[] = [domains, pools, reservations, leases, tokens, audit];
