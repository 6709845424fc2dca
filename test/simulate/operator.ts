/**
 * An operator, who changes the configuration and leases of a running system by the admin API, knows no more than its
 * answers, and repeats what was not answered.
 *
 * @module
 */
import { formatIPv4, parseIPv4 } from "../../src/wire/ipv4-address.ts";
import type { NamedPair } from "../oracle/pools.ts";
import { nameOfPair } from "../oracle/pools.ts";
import { must } from "../oracle/violation.ts";
import type { Random } from "../support/random.ts";
import type { AdminAnswer, AdminRequest } from "./allocator-host.ts";
import type { ScenarioDomain } from "./scenario.ts";
import { changeSpareDomain } from "./spare-domain.ts";

/** A client, as an operator knows it. */
export interface Subscriber {
  readonly domain: string;
  /** Option 61 in hexadecimal. */
  readonly id: string;
  readonly pair: NamedPair | undefined;
}

/** What an operator sees and reaches. */
export interface OperatorWorld {
  readonly domains: readonly ScenarioDomain[];
  /** Whether the operator moves clients all the time. */
  readonly isRenumbering: boolean;
  /** The declaration of the scenario. */
  readonly declaration: { readonly domains: readonly DeclaredDomain[] };
  readonly someSubscriber: (random: Random) => Subscriber;
  /** Some pair of the pools that a domain has, in use or not. */
  readonly somePair: (random: Random, domain: string) => NamedPair | undefined;
  /** Sends a request to an allocator. Undefined: nobody knows whether it was served. */
  readonly send: (request: AdminRequest) => Promise<AdminAnswer | undefined>;
  readonly waitMs: (ms: number) => Promise<void>;
  readonly nowMs: () => number;
  /** Unix milliseconds of the databases. */
  readonly unixMs: () => number;
  /** Told before a change is asked for, with the name of the token. */
  readonly asks: (actor: string, path: string) => void;
  /** Told before a pool is deleted by force. */
  readonly forces: (pool: string) => void;
  readonly did: (what: string, status: number | "unknown") => void;
}

interface DeclaredDomain {
  readonly name: string;
  readonly pools: readonly { readonly name: string }[];
}

/** A change that is sent until it is answered. */
export interface Change {
  readonly method: "PUT" | "PATCH" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  readonly ifMatch?: string | undefined;
  readonly isCreation?: boolean;
  /** The domain whose tokens may make this change. Default: only the token of the environment makes it. */
  readonly domain?: string | undefined;
  /** The statuses that the API may answer, besides 503 for a database that is away. */
  readonly statuses: readonly number[];
}

/** A token whose secret the operator knows. */
export interface KnownToken {
  readonly name: string;
  readonly scope: "read" | "admin" | "relay";
  readonly domain: string | null;
  readonly secret: string;
  /** When the operator learned that it is deleted. */
  deletedMs: number | undefined;
  /** Whether a change of it was sent whose answer is not known. */
  isInDoubt: boolean;
}

/** How often a request is sent until it is answered. */
const triesMax = 4;
/** The same for what has to be done when the faults are over. */
const insistsMax = 20;
/** Characters of a body that the trace shows. */
const textShownMax = 160;
/** Names of each kind: few, so that they are used again. */
const namesMax = 4;
/** What the audit calls the token that an allocator gets from its environment. */
const environmentName = "environment";
/** Tokens that are remembered. */
const tokensMax = 12;

/** An operator. */
export class Operator {
  readonly #random: Random;
  readonly #world: OperatorWorld;
  readonly #adminToken: string;
  readonly #reservations = new Set<string>();
  tokens: KnownToken[] = [];
  /** Paths of changes that may still be under way, and be done at any time. */
  readonly #unsettled = new Set<string>();
  #isBusy = false;

  constructor(random: Random, world: OperatorWorld, adminToken: string) {
    this.#random = random;
    this.#world = world;
    this.#adminToken = adminToken;
  }

  /** Does one thing, unless the one before has not ended. */
  async act(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    const moves = [() => this.#moveLease(), () => this.#moveLease(), () => this.#endLease()];
    const actions = [
      ...moves,
      () => this.#putPool(),
      () => this.#deletePool(),
      () => this.#drain(),
      () => this.#undrain(),
      () => this.#reserve(),
      () => this.#reserve(),
      () => this.#unreserve(),
      () => this.#setDomain(),
      () => this.#setDomain(),
      () => this.#moveLease(),
      () => this.#endLease(),
      () => this.#createToken(),
      () => this.#changeToken(),
      () => this.#apply(),
      () => this.#change(changeSpareDomain(this.#random)),
    ];
    // It begins with a token of its own.
    if (this.tokens.length === 0) await this.#createToken("admin");
    else await this.#random.pick(this.#world.isRenumbering && !this.#random.oneIn(8) ? moves : actions)();
    this.#isBusy = false;
  }

  /** Puts the configuration of the scenario back, when the faults are over. */
  async restore(): Promise<void> {
    while (this.#isBusy) await this.#world.waitMs(1000);
    this.#isBusy = true;
    for (const name of this.#reservations) {
      const path = `/reservations/${name}`;
      await this.#insist(
        () => this.#change({ method: "DELETE", path, statuses: [204, 404, 412] }),
        [204, 404],
      );
    }
    const body = this.#world.declaration;
    const putConfig = async (): Promise<AdminAnswer | undefined> => {
      const ifMatch = await this.#etagOf("/config");
      return this.#change({ method: "PUT", path: "/config", body, ifMatch, statuses: [200, 409, 412, 428] });
    };
    await this.#insist(putConfig, [200]);
  }

  /** Tries until it is done. */
  async #insist(attempt: () => Promise<AdminAnswer | undefined>, statuses: readonly number[]): Promise<void> {
    let answer: AdminAnswer | undefined;
    for (let tries = 0; tries < insistsMax; tries++) {
      answer = await attempt();
      if (answer !== undefined && statuses.includes(answer.status)) return;
      await this.#world.waitMs(2000);
    }
    must(false, "an operator can't put the configuration back although the faults are over", answer?.text);
  }

  get #domain(): ScenarioDomain {
    return this.#random.pick(this.#world.domains);
  }

  #somePool(): { readonly name: string; readonly domain: string } {
    const random = this.#random;
    const { name: domain } = this.#domain;
    if (random.oneIn(2)) return { name: `${domain}-${random.pick(["shared", "full"])}`, domain };
    return { name: `${domain}-extra-${random.below(namesMax)}`, domain };
  }

  /** A pool beside those of the scenario. Its range is given by its name, so that one that is created again is elsewhere. */
  #putPool(): Promise<unknown> {
    const random = this.#random;
    const domain = this.#domain;
    const number = random.below(namesMax);
    const first = parseIPv4("198.18.0.0") + Number(domain.name.at(-1)) * 4096 + number * 64;
    const range = `${formatIPv4(first)}-${formatIPv4(first + random.pick([0, 3, 15]))}`;
    const shared = { kind: "shared", psidLength: random.pick([2, domain.psidLength]) };
    const body = {
      domain: domain.name,
      range,
      fill: random.pick(["spread", "pack"]),
      ...(random.oneIn(2) ? shared : { kind: "full" }),
    };
    const path = `/pools/${domain.name}-extra-${number}`;
    const isCreation = random.oneIn(2);
    const statuses = [200, 201, 409, 412, 428];
    return this.#change({ method: "PUT", path, body, isCreation, domain: domain.name, statuses });
  }

  async #deletePool(): Promise<void> {
    const random = this.#random;
    const { name, domain } = this.#somePool();
    const isForced = random.oneIn(2);
    if (isForced) this.#world.forces(name);
    const path = `/pools/${name}${isForced ? "?force=true" : ""}`;
    for (let tries = 0; tries < 5; tries++) {
      const statuses = [202, 204, 404, 409, 412];
      const answer = await this.#change({ method: "DELETE", path, domain, statuses });
      if (answer?.status !== 202) break;
    }
    // Clients of the scenario need its pools.
    if (!name.includes("extra")) await this.#put(name);
  }

  /** Creates a pool of the scenario again. */
  async #put(name: string): Promise<void> {
    const domain = this.#world.declaration.domains.find(({ pools }) =>
      pools.some((pool) => pool.name === name),
    )!;
    const pool = domain.pools.find((each) => each.name === name)!;
    const body = { ...pool, domain: domain.name };
    await this.#change({ method: "PUT", path: `/pools/${name}`, body, statuses: [200, 201, 409, 412, 428] });
  }

  #drain(): Promise<unknown> {
    const random = this.#random;
    const untilMs = this.#world.unixMs() + random.pick([-60_000, 5000, 60_000, 600_000]);
    const body = random.oneIn(3) ? {} : { until: new Date(untilMs).toISOString().replace(/\.\d+Z/, "Z") };
    const { name, domain } = this.#somePool();
    const path = `/pools/${name}/drain${random.oneIn(3) ? "?force=true" : ""}`;
    return this.#change({ method: "POST", path, body, domain, statuses: [200, 400, 404, 409, 412] });
  }

  #undrain(): Promise<unknown> {
    const { name, domain } = this.#somePool();
    const body = { drainUntil: null };
    const statuses = [200, 404, 409, 412];
    return this.#change({ method: "PATCH", path: `/pools/${name}`, body, domain, statuses });
  }

  async #reserve(): Promise<void> {
    const random = this.#random;
    const { domain, id, pair: own } = this.#world.someSubscriber(random);
    const pair = random.oneIn(3) ? own : this.#world.somePair(random, domain);
    if (pair === undefined) return;
    const name = `reservation-${random.below(2 * namesMax)}`;
    const path = `/reservations/${name}`;
    const body = {
      domain,
      clientIdentifier: id,
      address: formatIPv4(pair.address),
      ...(pair.portParams !== undefined && { psid: pair.portParams.psid }),
    };
    this.#reservations.add(name);
    const ifMatch = random.oneIn(2) ? await this.#etagOf(path) : undefined;
    const forced = `${path}${random.oneIn(2) ? "?force=true" : ""}`;
    const statuses = [200, 201, 400, 404, 409, 412, 428];
    await this.#change({ method: "PUT", path: forced, body, ifMatch, domain, statuses });
  }

  async #unreserve(): Promise<void> {
    const [...names] = this.#reservations;
    if (names.length === 0) return;
    const path = `/reservations/${this.#random.pick(names)}`;
    await this.#change({ method: "DELETE", path, statuses: [204, 404, 409, 412] });
  }

  async #setDomain(): Promise<void> {
    const random = this.#random;
    const { name, leaseSeconds, leaseSecondsMax } = this.#domain;
    const fields = {
      offerHoldSeconds: random.pick([5, 30, 60]),
      quarantineSeconds: random.pick([0, 5, 60]),
      siteLeasesMax: random.pick([null, 1, 2, 4]),
      leaseSeconds: { default: leaseSeconds, min: 60, max: random.oneIn(2) ? leaseSeconds : leaseSecondsMax },
      options: random.oneIn(2) ? { mtu: 1400 + random.below(100) } : { "dns-servers": ["198.51.100.53"] },
    };
    const key = random.pick(Object.keys(fields) as (keyof typeof fields)[]);
    const path = `/domains/${name}`;
    const ifMatch = random.oneIn(2) ? await this.#etagOf(path) : undefined;
    await this.#change({
      method: "PATCH",
      path,
      body: { [key]: fields[key] },
      ifMatch,
      domain: name,
      statuses: [200, 409, 412],
    });
  }

  async #moveLease(): Promise<void> {
    const random = this.#random;
    const { pair, domain } = this.#world.someSubscriber(random);
    if (pair === undefined) return;
    const target = random.oneIn(6) ? pair : this.#world.somePair(random, domain);
    if (target === undefined) return;
    const body = { address: formatIPv4(target.address), psid: target.portParams?.psid ?? null };
    await this.#change({ method: "POST", ...(await this.#lease(pair, "move")), body, domain });
  }

  async #endLease(): Promise<void> {
    const { pair, domain } = this.#world.someSubscriber(this.#random);
    if (pair === undefined) return;
    await this.#change({ method: "POST", ...(await this.#lease(pair, "release")), domain });
  }

  async #lease(pair: NamedPair, verb: string) {
    const path = `/leases/${nameOfPair(pair)}`;
    const ifMatch = this.#random.oneIn(2) ? await this.#etagOf(path) : undefined;
    return { path: `${path}/${verb}`, ifMatch, statuses: [200, 400, 404, 409, 412] };
  }

  async #createToken(
    scope: KnownToken["scope"] = this.#random.pick(["read", "admin", "relay"]),
  ): Promise<void> {
    const random = this.#random;
    const domain = scope === "relay" || random.oneIn(3) ? null : this.#domain.name;
    const name = `token-${random.below(3 * namesMax)}`;
    const body = { scope, domain };
    const answer = await this.#change({
      method: "PUT",
      path: `/tokens/${name}`,
      body,
      statuses: [201, 409, 412, 428],
    });
    if (answer?.status !== 201) return;
    const { secret } = JSON.parse(answer.text) as { secret: string };
    const isInDoubt = this.#isUnsettled(name);
    this.tokens.push({ name, scope, domain, secret, deletedMs: undefined, isInDoubt });
    if (this.tokens.length > tokensMax) this.tokens.shift();
  }

  async #changeToken(): Promise<void> {
    const random = this.#random;
    const token = this.tokens.length === 0 ? undefined : random.pick(this.tokens);
    if (token === undefined || token.deletedMs !== undefined || token.isInDoubt) return;
    const path = `/tokens/${token.name}`;
    token.isInDoubt = true;
    if (random.oneIn(2)) {
      const body = { overlapSeconds: 0 };
      const answer = await this.#change({
        method: "POST",
        path: `${path}/rotate`,
        body,
        statuses: [200, 404, 409, 412],
      });
      if (answer?.status !== 200) return;
      const { secret } = JSON.parse(answer.text) as { secret: string };
      this.tokens.push({ ...token, secret, isInDoubt: this.#isUnsettled(token.name) });
      token.deletedMs = this.#world.nowMs();
      return;
    }
    const answer = await this.#change({ method: "DELETE", path, statuses: [204, 404, 409, 412] });
    if (answer?.status === 204) token.deletedMs = this.#world.nowMs();
  }

  /** Whether a change of a token may be done later than the one that was answered. */
  #isUnsettled(name: string): boolean {
    const path = `/tokens/${name}`;
    return this.#unsettled.has(path) || this.#unsettled.has(`${path}/rotate`);
  }

  /** Reads the whole configuration, changes something, and sends it back. */
  async #apply(): Promise<void> {
    const random = this.#random;
    const read = await this.#request("GET", "/config", {});
    if (read?.status !== 200) return;
    const etag = read.headers.get("etag") ?? undefined;
    const state = JSON.parse(read.text) as { domains: { options: object; offerHoldSeconds: number }[] };
    const domain = random.pick(state.domains);
    domain.options = { mtu: 1300 + random.below(100) };
    domain.offerHoldSeconds = random.pick([5, 30, 60]);
    const isDry = random.oneIn(4);
    const path = `/config${isDry ? "?dryRun=true" : ""}`;
    const ifMatch = random.oneIn(2) ? etag : undefined;
    await this.#change({ method: "PUT", path, body: state, ifMatch, statuses: [200, 400, 409, 412, 428] });
  }

  /** @returns The token of the environment, or one that may change what is inside a domain. */
  #tokenFor(domain: string | undefined): Pick<KnownToken, "name" | "secret"> {
    const ofEnvironment = { name: environmentName, secret: this.#adminToken };
    if (domain === undefined || this.#random.oneIn(2)) return ofEnvironment;
    const usable = this.tokens.filter(
      (each) =>
        each.scope === "admin" &&
        (each.domain === null || each.domain === domain) &&
        each.deletedMs === undefined &&
        !each.isInDoubt,
    );
    return usable.length === 0 ? ofEnvironment : this.#random.pick(usable);
  }

  async #etagOf(path: string): Promise<string | undefined> {
    const answer = await this.#request("GET", path, {});
    return answer?.headers.get("etag") ?? undefined;
  }

  /** Sends a change, again if the answer is lost, so that it may be done twice. */
  async #change({
    method,
    path,
    body,
    ifMatch,
    isCreation,
    domain,
    statuses,
  }: Change): Promise<AdminAnswer | undefined> {
    const token = this.#tokenFor(domain);
    const headers = {
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(ifMatch !== undefined && { "if-match": ifMatch }),
      ...(isCreation === true && { "if-none-match": "*" }),
    };
    const text = body === undefined ? undefined : JSON.stringify(body);
    let answer: AdminAnswer | undefined;
    for (let tries = 0; tries < triesMax; tries++) {
      this.#world.asks(token.name, path);
      answer = await this.#request(method, path, headers, text, token.secret);
      this.#world.did(
        `${token.name}: ${method} ${path} ${(text ?? "").slice(0, textShownMax)}`,
        answer?.status ?? "unknown",
      );
      if (answer !== undefined && answer.status !== 503) break;
      this.#unsettled.add(path);
      await this.#world.waitMs(this.#random.between(500, 3000));
    }
    const isExpected = answer === undefined || answer.status === 503 || statuses.includes(answer.status);
    must(
      isExpected,
      "an operator got an answer that the API does not have",
      token.name,
      method,
      path,
      text,
      answer?.status,
      answer?.text,
    );
    return answer;
  }

  async #request(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body?: string,
    secret = this.#adminToken,
  ): Promise<AdminAnswer | undefined> {
    const authorization = `Bearer ${secret}`;
    return this.#world.send({
      method,
      path: `/admin/v1${path}`,
      headers: { authorization, ...headers },
      body,
    });
  }
}
