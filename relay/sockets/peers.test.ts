import { expect, test } from "vitest";
import { formatIPv6, parseIPv6Prefix } from "../../src/wire/ipv6-address.ts";
import { Peers } from "./peers.ts";

const rules = { sourcePrefixLength: 64, unlimitedSources: ["2001:db8:547::/48"].map(parseIPv6Prefix) };

test.each([
  ["2001:db8::1", "2001:db8::1", "", "2001:db8::"],
  ["2001:db8::a:0:0:2", "2001:db8::a:0:0:2", "", "2001:db8::"],
  ["2001:db8:0:1::1", "2001:db8:0:1::1", "", "2001:db8:0:1::"],
  ["2001:db8:547:9::1", "2001:db8:547:9::1", "", undefined],
  // All link-local addresses are in one /64, so the whole address and the zone identify the source.
  ["fe80::1%eth0", "fe80::1", "eth0", "fe80::1%eth0"],
])("Peers parses %s to the address %s, the zone '%s' and the source %s", (text, address, zone, source) => {
  const peers = new Peers(rules);
  for (const peer of [peers.parse(text), peers.parse(text)]) {
    expect({ ...peer, address: formatIPv6(peer.address) }).toEqual({ address, zone, source });
  }
});
