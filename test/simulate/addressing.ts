/**
 * Addresses of a scenario: which hosts and pools have which, and what the scenario declares.
 *
 * @module
 */
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import { formatIPv4, parseIPv4 } from "../../src/wire/ipv4-address.ts";
import { formatIPv6, parseIPv6 } from "../../src/wire/ipv6-address.ts";
import type { ScenarioDomain } from "./scenario.ts";

/** Each domain has a link, whose number is that of the domain. */
export const linkOfDomain = ({ name }: ScenarioDomain): number => Number(name.at(-1));

/** Option 54 of a domain. */
export const serverIdentifierOf = (link: number): string => `198.51.100.${1 + link}`;

/** @returns The IPv6 address of a relay on a link. */
export const relayAddress = (link: number, relay: number): string => `2001:db8:${link + 1}00::${relay + 1}`;

/** @returns The IPv6 address of a client. Each site has a /56. */
export function clientAddress(link: number, site: number, client: number): string {
  const high = ((link + 1) << 8) | (site >> 8);
  const low = (site & 255) << 8;
  const text = `2001:db8:${high.toString(16)}:${low.toString(16)}::${(client + 1).toString(16)}`;
  return formatIPv6(parseIPv6(text));
}

/** @returns The leases that a domain has room for, shared or full. */
export function slotsOf(
  { psidLength, sharedAddresses, fullAddresses }: ScenarioDomain,
  isSharing: boolean,
): number {
  if (!isSharing) return fullAddresses;
  // Those with system ports are left out.
  const withSystemPorts = Math.max(1, 1024 / 2 ** (16 - psidLength));
  return sharedAddresses * (2 ** psidLength - withSystemPorts);
}

/** @returns What is applied to a database before its allocators start. */
export function declarationOf(domains: readonly ScenarioDomain[]): DeclarationInput {
  return { domains: domains.map(declaredDomain) };
}

function declaredDomain(domain: ScenarioDomain): NonNullable<DeclarationInput["domains"]>[number] {
  const link = linkOfDomain(domain);
  const shared = parseIPv4(`192.0.${2 + link}.0`);
  const full = parseIPv4(`203.0.${113 + link}.0`);
  const range = (first: number, count: number): string =>
    `${formatIPv4(first)}-${formatIPv4(first + count - 1)}`;
  return {
    name: domain.name,
    prefixes: [`2001:db8:${link + 1}00::/40`],
    serverIdentifier: serverIdentifierOf(link),
    leaseSeconds: {
      default: domain.leaseSeconds,
      min: Math.min(60, domain.leaseSeconds),
      max: domain.leaseSecondsMax,
    },
    offerHoldSeconds: domain.offerHoldSeconds,
    quarantineSeconds: domain.quarantineSeconds,
    declineSeconds: domain.declineSeconds,
    rapidCommit: domain.rapidCommit,
    siteLeasesMax: domain.siteLeasesMax,
    softwire: { updateIntervalSeconds: domain.softwireIntervalSeconds },
    pools: [
      {
        name: `${domain.name}-shared`,
        kind: "shared" as const,
        range: range(shared, domain.sharedAddresses),
        psidLength: domain.psidLength,
        fill: domain.fill,
      },
      {
        name: `${domain.name}-full`,
        kind: "full" as const,
        range: range(full, domain.fullAddresses),
        fill: domain.fill,
      },
    ],
  };
}
