/**
 * Parts of attacks: domains, options of relays, and texts of outcomes.
 *
 * @module
 */
import { OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import type { Option6 } from "../../src/wire/dhcpv6/options.ts";
import { serverIdentifier } from "./field.ts";
import type { DomainInput, FieldAnswer } from "./field.ts";

/** @returns A link-address of the domain of {@link domainOf}. */
export const linkOf = (number: string): string => `2001:db8:${number}::1`;

/** A domain for one attack, by the number in its id: `t5` serves 2001:db8:5::/48 with 504 pairs of 198.18.5.0/29. */
export function domainOf(number: string, fields: Partial<DomainInput> = {}): DomainInput {
  return {
    name: `t${number}`,
    prefixes: [`2001:db8:${number}::/48`],
    serverIdentifier,
    pools: [{ name: `t${number}`, kind: "shared", range: `198.18.${number}.0/29`, psidLength: 6 }],
    ...fields,
  };
}

/** The pool of {@link domainOf} with a single pair, so that a pair that is given away is seen. */
export const pairOnly = (name: string, address: string): Pick<DomainInput, "pools"> => ({
  pools: [
    {
      name,
      kind: "shared",
      range: `${address}/32`,
      psidOffset: 0,
      psidLength: 1,
      reservedPorts: ["0-1023"],
    },
  ],
});

/** Option 37 with an enterprise number and this text. */
export const remoteId = (text: string): Option6 => ({
  code: OptionCode6.remoteId,
  data: Uint8Array.of(0, 0, 0x7e, 0xd9, ...new TextEncoder().encode(text)),
});

/** Describes answers by type: `3 offer, 1 silence`. */
export function countTypes(answers: readonly (FieldAnswer | undefined)[]): string {
  const counts = new Map<string, number>();
  for (const answer of answers) {
    const type = answer?.type ?? "silence";
    counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return [...counts].map(([type, count]) => `${count} ${type}`).join(", ");
}
