/**
 * The clients of a scenario: who they are, where they are, and who of them can have a lease.
 *
 * @module
 */
import { encodeHex } from "../../src/wire/hex.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { clientProfile, fullProfile } from "../support/clients.ts";
import { Random } from "../support/random.ts";
import { clientAddress, linkOfDomain, serverIdentifierOf, slotsOf } from "./addressing.ts";
import { enterprise } from "./client-message.ts";
import { Client } from "./client.ts";
import type { ClientKind } from "./client-habits.ts";
import type { ClientWorld } from "./client-world.ts";
import type { Place } from "./client-message.ts";
import type { Kernel } from "./kernel.ts";
import type { Scenario } from "./scenario.ts";
import { streams } from "./streams.ts";

const kinds: readonly ClientKind[] = ["well-behaved", "stubborn", "forgetful", "hostile"];
const clientsOfKindMax = 4096;
/** What to add to the number of a client's site to get the one that it visits. */
const visitedSites = 2048;

/** How a client with its own random numbers and a home relay reaches the others. */
export type WorldOf = (random: Random, home: number) => ClientWorld;

/** All clients. */
export class Population {
  readonly clients: readonly Client[];
  readonly #byAddress: ReadonlyMap<string, Client>;
  /** Well-behaved clients of each domain that can share an address, and of all. */
  readonly #wellBehaved = new Map<string, { readonly sharing: number; readonly all: number }>();

  constructor(kernel: Kernel, scenario: Scenario, worldOf: WorldOf) {
    const { wellBehaved, stubborn, forgetful, hostile } = scenario.clients;
    const counts = { "well-behaved": wellBehaved, stubborn, forgetful, hostile };
    this.clients = kinds.flatMap((kind) =>
      Array.from({ length: counts[kind] }, (_, index) =>
        createClient({ kernel, scenario, worldOf, kind, index }),
      ),
    );
    this.#byAddress = new Map(
      this.clients.flatMap((client) => client.options.places.map(({ address }) => [address, client])),
    );
    for (const { name } of scenario.domains) {
      const rivals = this.of(name).filter(({ kind }) => kind === "well-behaved");
      this.#wellBehaved.set(name, { sharing: rivals.filter(sharesPorts).length, all: rivals.length });
    }
  }

  /** @param address An IPv6 address. */
  at(address: string): Client | undefined {
    return this.#byAddress.get(address);
  }

  /** @param domain Its name. */
  of(domain: string): readonly Client[] {
    return this.clients.filter(({ options }) => options.domain.name === domain);
  }

  /** Well-behaved clients without a lease, in domains that have enough pairs for all of them. */
  unserved(): readonly Client[] {
    return this.clients.filter(
      (client) => client.kind === "well-behaved" && !client.isBound && this.#hasPlace(client),
    );
  }

  /**
   * A client that can share an address takes a full one if there is no other just then, and keeps it. So there is a full
   * one for each of the others only if there is one for all.
   */
  #hasPlace(client: Client): boolean {
    const { domain } = client.options;
    const { sharing, all } = this.#wellBehaved.get(domain.name)!;
    return sharesPorts(client) ? sharing <= slotsOf(domain, true) : all <= slotsOf(domain, false);
  }
}

interface Creation {
  readonly kernel: Kernel;
  readonly scenario: Scenario;
  readonly worldOf: WorldOf;
  readonly kind: ClientKind;
  /** Among the clients of its kind. */
  readonly index: number;
}

/** Another number of clients leaves each of them as it is. */
function createClient({ kernel, scenario, worldOf, kind, index }: Creation): Client {
  const { domains, relays, seed, waveSeconds, whimOneIn } = scenario;
  const kindNumber = kinds.indexOf(kind);
  const number = kindNumber * clientsOfKindMax + index;
  const random = new Random(seed, streams.clients + number);
  const own = domains[random.below(domains.length)]!;
  // Eight bad clients are neighbours, who share the limit of their site.
  const site = kindNumber * clientsOfKindMax + (kindNumber === 0 ? index : index >> 3);
  const domain = kind === "well-behaved" ? own : domains[site % domains.length]!;
  const link = linkOfDomain(domain);
  const homeRelay = random.below(relays);
  const placeAt = (where: number): Place => ({
    address: clientAddress(link, where, number),
    remoteId: domain.hasLines ? Uint8Array.of(1, where >> 8, where & 255) : undefined,
  });
  const home = placeAt(site);
  return new Client(kernel, random, worldOf(random, homeRelay), {
    name: `client-${number}`,
    kind,
    domain,
    link,
    profile: random.oneIn(6) ? fullProfile(number) : clientProfile(number),
    places: kind === "forgetful" || kind === "stubborn" ? [home, placeAt(site + visitedSites)] : [home],
    usesSoftwire: random.oneIn(2),
    asksRapidCommit: random.oneIn(3),
    serverIdentifier: parseIPv4(serverIdentifierOf(link)),
    waveSeconds,
    whimOneIn,
  });
}

/** @returns The name of the line of a place; empty without one. */
export const lineOf = ({ remoteId }: Place): string =>
  remoteId === undefined ? "" : `remote:${encodeHex(Uint8Array.of(...enterprise, ...remoteId))}`;

/** @returns The name of the site of a place: its line, or else its /56. */
export const siteOf = (place: Place): string =>
  lineOf(place) || `prefix:${encodeHex(parseIPv6(place.address).subarray(0, 7))}`;

/** @returns Whether a message from a place may be taken for one of a client. */
export const mayBeOf = (client: Client, place: Place): boolean =>
  client.options.places.some((own) => lineOf(own) === lineOf(place));

const sharesPorts = (client: Client): boolean => client.options.profile.parameterRequestList.includes(159);
