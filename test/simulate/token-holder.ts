/**
 * Holders of tokens, who look at what is not theirs: a token of one domain must see nothing of another, a token may do
 * only what its scope says, and a deleted one ends.
 *
 * @module
 */
import { tokenCacheMs } from "../../src/limits.ts";
import { must } from "../oracle/violation.ts";
import type { Random } from "../support/random.ts";
import type { AdminAnswer, AdminRequest } from "./allocator-host.ts";
import type { KnownToken } from "./operator.ts";
import type { ScenarioDomain } from "./scenario.ts";
import { spareName } from "./spare-domain.ts";

/** What a holder reaches. */
export interface HolderWorld {
  readonly domains: readonly ScenarioDomain[];
  readonly tokens: () => readonly KnownToken[];
  /** A name of a lease of a domain. */
  readonly someLease: (random: Random, domain: string) => string | undefined;
  readonly send: (request: AdminRequest) => Promise<AdminAnswer | undefined>;
  readonly nowMs: () => number;
  readonly unixMs: () => number;
  readonly did: (what: string, status: number | "unknown") => void;
}

/** A look-up of a token waits for the database no longer than this, and processes may be paused. */
const doubtMs = tokenCacheMs * 1.01;

/** What every list may be asked for. */
const lists = [
  "/domains",
  "/pools",
  "/reservations",
  "/leases",
  "/audit",
  "/statistics",
  "/bindings",
  "/tokens",
  "/config",
];

/** Uses one token once. */
export async function useToken(random: Random, world: HolderWorld): Promise<void> {
  const tokens = world.tokens();
  if (tokens.length === 0) return;
  const token = random.pick(tokens);
  const other = random.pick(world.domains).name;
  const foreign = foreignChange(random, world, token, other);
  const { method, path, body } = foreign ?? requestOf(random, world, other);
  const sentMs = world.nowMs();
  const headers = {
    authorization: `Bearer ${token.secret}`,
    ...(body !== undefined && { "content-type": "application/json" }),
  };
  const answer = await world.send({ method, path: `/admin/v1${path}`, headers, body });
  world.did(`${token.name} (${token.scope} ${token.domain}): ${method} ${path}`, answer?.status ?? "unknown");
  if (answer === undefined || [401, 429, 503].includes(answer.status)) {
    const isLost = answer?.status === 401 && !token.isInDoubt && token.deletedMs === undefined;
    must(!isLost, "a token that is valid was refused", token.name, path);
    return;
  }
  const isOver = token.deletedMs !== undefined && sentMs > token.deletedMs + doubtMs;
  must(!isOver, "a token that was deleted is accepted", token.name, token.deletedMs, sentMs, answer.status);
  const isRefused = foreign === undefined || answer.status >= 400;
  must(isRefused, "a token changes what it may not", token.name, method, path, answer.status);
  checkScope(token, method, path, answer);
  checkDomain(token, world.domains, path, answer);
}

/** A change of what belongs to a domain that the token may not change. */
function foreignChange(
  random: Random,
  { someLease }: HolderWorld,
  { scope, domain }: KnownToken,
  other: string,
): Request | undefined {
  const isForeign = scope !== "admin" || (domain !== null && domain !== other);
  if (!isForeign || !random.oneIn(3)) return undefined;
  const lease = someLease(random, other);
  const changes: Request[] = [
    { method: "DELETE", path: `/domains/${other}` },
    { method: "DELETE", path: `/pools/${other}-full?force=true` },
    { method: "POST", path: `/pools/${other}-shared/drain`, body: "{}" },
  ];
  if (lease !== undefined) {
    const body = JSON.stringify({ address: lease.split("-")[0], psid: 1 });
    changes.push({ method: "POST", path: `/leases/${lease}/release` });
    changes.push({ method: "POST", path: `/leases/${lease}/move`, body });
  }
  return random.pick(changes);
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
}

function requestOf(random: Random, { someLease, unixMs }: HolderWorld, domain: string): Request {
  const lease = someLease(random, domain);
  if (lease !== undefined && random.oneIn(3)) {
    const [address, psid] = lease.split("-");
    const at = new Date(unixMs() - 1000).toISOString();
    const port = psid === undefined ? 1024 : 40_000;
    const lookup = `/lookup?address=${address}&port=${port}&at=${at}&toleranceSeconds=60`;
    return { method: "GET", path: random.pick([lookup, `/leases/${lease}`, `/leases?address=${address}`]) };
  }
  if (random.oneIn(4)) {
    const path = random.pick([`/domains/${domain}`, `/pools/${domain}-shared`]);
    // What is changed is what it is, so nothing is lost if it may be changed.
    return { method: "PATCH", path, body: "{}" };
  }
  const filter = random.pick(["", `?domain=${domain}`]);
  const list = random.pick(lists);
  const hasFilter = ["/pools", "/reservations", "/leases", "/audit", "/bindings"].includes(list);
  return { method: "GET", path: `${list}${hasFilter ? filter : ""}` };
}

function checkScope(
  { scope, domain, name }: KnownToken,
  method: string,
  path: string,
  { status }: AdminAnswer,
): void {
  const isForbidden =
    scope === "relay" ||
    (scope === "read" && method !== "GET") ||
    (domain !== null && (path === "/tokens" || path === "/config"));
  must(
    !isForbidden || status === 403,
    "a token may do what its scope forbids",
    { name, scope, domain },
    method,
    path,
    status,
  );
  must(status < 500, "a holder of a token got an answer that the API does not have", path, status);
}

/** What the identifier of a client begins with. */
const clientStart = "ff0000000100030001";

/** Looks for names and addresses of other domains in an answer. */
function checkDomain(
  { domain, name }: KnownToken,
  domains: readonly ScenarioDomain[],
  path: string,
  answer: AdminAnswer,
): void {
  if (domain === null) return;
  if (answer.status >= 300) {
    // A refusal may repeat the request, but must not say who has the pair.
    must(!answer.text.includes(clientStart), "a refusal names a client", { name, domain }, path, answer.text);
    return;
  }
  const seesSpare = answer.text.includes(`"${spareName}-`);
  must(!seesSpare, "a token of one domain sees another", { name, domain }, path, answer.text.slice(0, 500));
  for (const [number, other] of domains.entries()) {
    if (other.name === domain) continue;
    const foreign = [
      `"${other.name}`,
      `"192.0.${2 + number}.`,
      `"203.0.${113 + number}.`,
      `"198.18.${number * 16}.`,
    ];
    const found = foreign.find((text) => answer.text.includes(text));
    // A look-up repeats the address of its question.
    const isAsked =
      found !== undefined && path.includes(found.slice(1)) && !answer.text.includes(`"${other.name}`);
    must(
      found === undefined || isAsked,
      "a token of one domain sees another",
      { name, domain },
      path,
      found,
      answer.text.slice(0, 500),
    );
  }
}
