/**
 * What happens in a recording: clients, operators, housekeeping and restarts, by seed.
 *
 * @module
 */
import { OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { decodeSeconds } from "../../src/wire/dhcpv4/options/seconds.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { portRanges } from "../../src/portset/port-set.ts";
import { askBy } from "../support/allocator.ts";
import type { TestAnswer, TestMessage } from "../support/allocator.ts";
import { clientProfile, pairOf, says } from "../support/clients.ts";
import { Random } from "../support/random.ts";
import { startSeconds } from "./actor.ts";
import type { Outcome, Task } from "./actor.ts";
import type { Fact, Step } from "./ledger.ts";

const clientCount = 24;

const domain = {
  name: "home",
  default: true,
  serverIdentifier: "203.0.113.1",
  leaseSeconds: { default: 900, min: 60, max: 3600 },
  offerHoldSeconds: 60,
  quarantineSeconds: 10,
  softwire: { borderRelays: ["2001:db8:ffff::1"] },
  pools: [{ name: "first", kind: "shared", range: "192.0.2.0/31", psidLength: 4 }],
};

/** Who does the tasks. */
export interface Cast {
  /** Does a task in one of two processes. */
  readonly act: (actor: number, task: Task, step: number, now: number) => Promise<Outcome>;
  /** The migrations of a later release. */
  readonly laterMigrations: string;
}

/** The length and the seed of a play. */
export interface PlayOptions {
  readonly seed: number;
  /** Number of steps that commit something, besides opening and closing. */
  readonly commits: number;
}

interface Message {
  readonly client: number;
  readonly kind: keyof typeof says;
  readonly message: TestMessage;
}

/** Plays until it has done all steps. */
export async function play(cast: Cast, { seed, commits }: PlayOptions): Promise<Step[]> {
  const stage = new Stage(cast, new Random(seed));
  await stage.begin();
  // Deletions and quarantines need time, so the later migration comes when there is something to migrate.
  const migration = Math.floor(commits * 0.7);
  for (let done = 0; done < commits; done++) {
    if (done === migration) await stage.migrate();
    await stage.next();
  }
  await stage.end();
  return stage.steps;
}

class Stage {
  readonly steps: Step[] = [];
  readonly #cast: Cast;
  readonly #random: Random;
  #now = startSeconds;
  readonly #isOpen = [false, false];
  readonly #offers = new Map<number, TestAnswer>();
  readonly #leases = new Map<number, TestAnswer>();
  readonly #names = { pools: new Set<string>(), reservations: new Set<string>(), tokens: new Set<string>() };
  #nameCount = 0;

  constructor(cast: Cast, random: Random) {
    this.#cast = cast;
    this.#random = random;
  }

  async begin(): Promise<void> {
    await this.#do("creates the file", 0, { kind: "open" });
    await this.#do("migrates an empty file", 0, { kind: "migrate" }, () => [{ kind: "migrated" }]);
    this.#isOpen[0] = true;
    await this.#change("PUT", "/config", { domains: [domain] }, () => []);
    this.#names.pools.add("first");
  }

  /** A migration by the first process, while the second is closed. */
  async migrate(): Promise<void> {
    await this.#close(1);
    await this.#reopen(0);
    const folder = this.#cast.laterMigrations;
    await this.#do("migrates to a later release", 0, { kind: "migrate", folder });
  }

  async end(): Promise<void> {
    for (const actor of [0, 1]) await this.#close(actor);
  }

  /** One random step. */
  async next(): Promise<void> {
    const random = this.#random.below(100);
    if (random < 62) return this.#exchange();
    if (random < 72) return this.#changeResource();
    if (random < 77) return this.#changeToken();
    if (random < 82) return this.#changeLease();
    if (random < 87) return this.#keepHouse();
    if (random < 92) {
      this.#now += this.#random.pick([30, 400, 1000, 5000, 90_000]);
      return this.#exchange();
    }
    await this.#reopen(this.#random.below(2));
    return this.#exchange();
  }

  async #exchange(): Promise<void> {
    const clients = new Set(
      Array.from({ length: 1 + this.#random.below(5) }, () => this.#random.below(clientCount)),
    );
    const messages = [...clients].map((client) => this.#choose(client));
    const title = `answers ${messages.map(({ client, kind }) => `${kind} of ${client}`).join(", ")}`;
    const ask = askBy(async (body) => {
      const outcome = await this.#do(title, this.#actor(), { kind: "post", body });
      if (outcome.status !== 200) return new Response(null, { status: outcome.status });
      return new Response(outcome.body);
    });
    const answers = await ask(...messages.map(({ message }) => message));
    this.#learn(messages.flatMap((message, index) => this.#take(message, answers[index])));
  }

  #choose(client: number): Message {
    const profile = clientProfile(client);
    const softwire = client % 2 === 0 ? softwireOf(client) : undefined;
    const lease = this.#leases.get(client);
    const offer = this.#offers.get(client);
    if (lease !== undefined) {
      const kind = this.#random.pick([
        "renew",
        "renew",
        "renew",
        "reboot",
        "rebind",
        "release",
        "decline",
      ] as const);
      const message = kind === "renew" ? says.renew(profile, lease, softwire) : says[kind](profile, lease);
      return { client, kind, message };
    }
    if (offer === undefined) return { client, kind: "discover", message: says.discover(profile) };
    return { client, kind: "selecting", message: says.selecting(profile, offer, softwire) };
  }

  #take({ client, kind }: Message, answer: TestAnswer | undefined): Fact[] {
    this.#offers.delete(client);
    if (kind === "discover") {
      if (answer?.type === "offer") this.#offers.set(client, answer);
      return [];
    }
    if (kind === "release" || kind === "decline" || answer?.type === "nak") {
      return this.#leases.delete(client) ? [{ kind: "ended", client }] : [];
    }
    if (answer?.type !== "ack") return [];
    this.#leases.set(client, answer);
    return [leasedFact(client, answer, this.#now)];
  }

  /** Creates or deletes a pool or a reservation, or changes the domain. */
  async #changeResource(): Promise<void> {
    const kind = this.#random.pick(["domain", "pools", "reservations"] as const);
    if (kind === "domain") {
      const seconds = 300 + this.#random.below(3000);
      await this.#put("PATCH", "/domains/home", {
        leaseSeconds: { ...domain.leaseSeconds, default: seconds },
      });
      return;
    }
    const names = this.#names[kind];
    const [first] = [...names].filter((name) => name !== "first");
    if (first !== undefined && this.#random.below(3) === 0) {
      const outcome = await this.#put("DELETE", `/${kind}/${first}`);
      if (outcome !== undefined) names.delete(first);
      return;
    }
    const number = ++this.#nameCount;
    const name = `${kind}-${number}`;
    const body =
      kind === "pools"
        ? { domain: "home", kind: "shared", range: `198.51.100.${number % 256}/32`, psidLength: 2 }
        : {
            domain: "home",
            clientIdentifier: `ff0000${number.toString(16).padStart(4, "0")}`,
            address: "192.0.2.1",
            psid: number % 16,
          };
    if ((await this.#put("PUT", `/${kind}/${name}`, body)) !== undefined) names.add(name);
  }

  async #changeToken(): Promise<void> {
    const [first] = this.#names.tokens;
    if (first !== undefined && this.#random.below(2) === 0) {
      this.#names.tokens.delete(first);
      await this.#change("DELETE", `/tokens/${first}`, undefined, () => [
        { kind: "token", name: first, secret: null },
      ]);
      return;
    }
    const name = `token-${++this.#nameCount}`;
    this.#names.tokens.add(name);
    await this.#change("PUT", `/tokens/${name}`, { scope: "read" }, ({ body }) => {
      const { secret } = JSON.parse(Buffer.from(body).toString()) as { secret: string };
      return [{ kind: "token", name, secret }];
    });
  }

  /** An operator ends a lease, or moves it. */
  async #changeLease(): Promise<void> {
    const found = this.#random.pick([...this.#leases, undefined]);
    if (found === undefined) return this.#exchange();
    const [client, lease] = found;
    const id = `${lease.address}-${lease.portParams!.psid}`;
    if (this.#random.below(2) === 0) {
      await this.#change("POST", `/leases/${id}/release`, undefined, () => [{ kind: "ended", client }]);
    } else {
      const goal = { address: "192.0.2.1", psid: 1 + this.#random.below(15) };
      await this.#change("POST", `/leases/${id}/move`, goal, () => [{ kind: "moved", client }]);
    }
  }

  async #keepHouse(): Promise<void> {
    const historyDays = 1;
    const begins: Fact[] = [{ kind: "purged", before: this.#now + 2 - historyDays * 86_400 }];
    const options = { historyDays, bindingLogDays: 1 };
    await this.#do("keeps house", this.#actor(), { kind: "housekeeping", options }, () => [], begins);
  }

  async #put(method: string, path: string, body?: unknown): Promise<Outcome | undefined> {
    return this.#change(method, path, body, ({ etag }) => [
      { kind: "resource", path, etag: method === "DELETE" ? null : etag! },
    ]);
  }

  /** Makes a request as an operator. A refused one changes nothing. */
  async #change(
    method: string,
    path: string,
    body: unknown,
    factsOf: (outcome: Outcome) => readonly Fact[],
  ): Promise<Outcome | undefined> {
    const task: Task = { kind: "admin", method, path, body };
    const begins: Fact[] = method === "DELETE" ? [{ kind: "deleting", path }] : [];
    const outcome = await this.#do(`${method} ${path}`, this.#actor(), task, () => [], begins);
    if (outcome.status >= 300) return undefined;
    this.#learn([{ kind: "audited" }, ...factsOf(outcome)]);
    return outcome;
  }

  async #reopen(actor: number): Promise<void> {
    await this.#close(actor);
    await this.#open(actor);
  }

  async #open(actor: number): Promise<void> {
    await this.#do(`opens the file in process ${actor}`, actor, { kind: "open" });
    this.#isOpen[actor] = true;
  }

  async #close(actor: number): Promise<void> {
    if (!this.#isOpen[actor]) return;
    await this.#do(`closes the file in process ${actor}`, actor, { kind: "close" });
    this.#isOpen[actor] = false;
  }

  /** @returns A process that has the file open. */
  #actor(): number {
    return this.#random.pick([0, 1].filter((actor) => this.#isOpen[actor]));
  }

  async #do(
    title: string,
    actor: number,
    task: Task,
    factsOf: (outcome: Outcome) => readonly Fact[] = () => [],
    begins: readonly Fact[] = [],
  ): Promise<Outcome> {
    // Whoever gets a lease has it for a whole second, so that the evidence is certain.
    this.#now += 2 + this.#random.below(5);
    const step = { title, now: this.#now, begins, facts: [] as readonly Fact[] };
    const number = this.steps.push(step);
    const outcome = await this.#cast.act(actor, task, number, this.#now);
    step.facts = factsOf(outcome);
    return outcome;
  }

  /** Adds what the outcome of the last step says. */
  #learn(facts: readonly Fact[]): void {
    const step = this.steps.at(-1)!;
    this.steps[this.steps.length - 1] = { ...step, facts: [...step.facts, ...facts] };
  }
}

function softwireOf(client: number): Uint8Array {
  return Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, client, 0, 0, 0, 0, 0, 0, 0, 1);
}

function leasedFact(client: number, answer: TestAnswer, now: number): Fact {
  const pair = pairOf(answer);
  const { options } = answer.message;
  const softwire = options.get(OptionCode.softwireSourceAddress);
  return {
    kind: "leased",
    client,
    pair,
    port: portRanges(pair.portParams!, pair.portParams!.psid, 1)[0]!.first,
    at: now,
    until: now + decodeSeconds(options.get(OptionCode.leaseTime)!),
    softwire: softwire && encodeHex(softwire),
  };
}
