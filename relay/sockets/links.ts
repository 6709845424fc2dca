/**
 * The links of this host: the link-address of each, and which links have come back since the last check.
 *
 * Node emits no event when an interface or an address changes, so the relay checks at regular intervals.
 *
 * @example
 * ```ts
 * const links = new Links();
 * links.linkAddressOf("eth0"); // 2001:db8:1::1 as 16 octets, or ::
 * links.refresh(); // { gone: [], returned: ["eth0"], renumbered: [] }: eth0 was down or deleted, and is back
 * ```
 *
 * @module
 */
import { networkInterfaces } from "node:os";
import type { NetworkInterfaceInfo } from "node:os";
import { equalOctets } from "../../src/wire/hex.ts";
import { isLinkLocal, isMulticast, isUnspecified, parseIPv6 } from "../../src/wire/ipv6-address.ts";

/** Reads the interfaces that are up, by name. */
export type InterfacesReader = () => Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** Changes between two checks, as names of interfaces. */
export interface LinkChanges {
  /** Interfaces that were up and no longer are. */
  readonly gone: readonly string[];
  /** Interfaces that are up and were not, or that were deleted and created again under the same name. */
  readonly returned: readonly string[];
  /** The same interfaces as before, with another link-address. */
  readonly renumbered: readonly string[];
}

/** State of a link. */
interface Link {
  /** Index of the interface, which changes if it is deleted and created again. 0 if it has no link-local address. */
  readonly index: number;
  /** 16 octets; `::` if the link has no suitable address. */
  readonly linkAddress: Uint8Array;
}

const unspecified = new Uint8Array(16);

/** The links of this host, as of the last check. */
export class Links {
  readonly #read: InterfacesReader;
  #links: ReadonlyMap<string, Link> = new Map();

  constructor(read: InterfacesReader = networkInterfaces) {
    this.#read = read;
    this.refresh();
  }

  /** @returns Whether an interface is up and has an IPv6 address. */
  has(name: string): boolean {
    return this.#links.has(name);
  }

  /**
   * Returns the link-address of an interface: the same as before if the link still has it, else a global address, else
   * a unique local one.
   *
   * @returns 16 octets; `::` if the link has no such address.
   */
  linkAddressOf(name: string): Uint8Array {
    return this.#links.get(name)?.linkAddress ?? unspecified;
  }

  /** Checks the interfaces again, and returns what changed. */
  refresh(): LinkChanges {
    const before = this.#links;
    const now = this.#readLinks();
    this.#links = now;
    const isSame = (name: string) => before.get(name)?.index === now.get(name)?.index;
    return {
      gone: [...before.keys()].filter((name) => !now.has(name)),
      returned: [...now.keys()].filter((name) => !isSame(name)),
      renumbered: [...now.keys()].filter(
        (name) => isSame(name) && !equalOctets(before.get(name)!.linkAddress, now.get(name)!.linkAddress),
      ),
    };
  }

  #readLinks(): ReadonlyMap<string, Link> {
    const links = new Map<string, Link>();
    for (const [name, infos = []] of Object.entries(this.#read())) {
      const addresses = infos.flatMap((info) => (info.family === "IPv6" ? [info] : []));
      if (addresses.length === 0) continue;
      const index = Math.max(...addresses.map(({ scopeid }) => scopeid));
      const before = this.linkAddressOf(name);
      const linkAddress = chooseAddress(
        addresses.map(({ address }) => parseIPv6(address)),
        before,
      );
      links.set(name, { index, linkAddress });
    }
    return links;
  }
}

function chooseAddress(addresses: readonly Uint8Array[], before: Uint8Array): Uint8Array {
  const usable = addresses.filter((each) => !isLinkLocal(each) && !isMulticast(each) && !isLoopback(each));
  return (
    usable.find((each) => equalOctets(each, before)) ??
    usable.find((each) => !isUniqueLocal(each)) ??
    usable[0] ??
    unspecified
  );
}

/** fc00::/7 (RFC 4193). */
function isUniqueLocal(address: Uint8Array): boolean {
  return (address[0]! & 0xfe) === 0xfc;
}

function isLoopback(address: Uint8Array): boolean {
  return address[15] === 1 && isUnspecified(address.with(15, 0));
}
