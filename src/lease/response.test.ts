import { describe, expect, test } from "vitest";
import { createTestAllocator } from "../../test/support/allocator.ts";
import { clientProfile, says } from "../../test/support/clients.ts";
import type { DeclarationInput } from "../declaration/declaration.ts";
import { clientIdentifierOctetsMax } from "../limits.ts";
import { OptionCode } from "../wire/dhcpv4/codes.ts";
import { decodeDhcpV4Query, encodeDhcpV4Query } from "../wire/dhcpv6/dhcpv4-query.ts";
import { decodeDhcpV4, encodeDhcpV4 } from "../wire/dhcpv4/message.ts";
import { encodeMaxMessageSize } from "../wire/dhcpv4/options/max-message-size.ts";
import { encodeHex } from "../wire/hex.ts";
import { parseIPv6 } from "../wire/ipv6-address.ts";

const domain = (options: object, poolOptions: object = {}): DeclarationInput => ({
  domains: [
    {
      name: "test",
      default: true,
      serverIdentifier: "198.51.100.1",
      options,
      pools: [
        { name: "shared", kind: "shared", range: "192.0.2.0/24", psidLength: 6, options: poolOptions },
        { name: "full", kind: "full", range: "203.0.113.0/24" },
      ],
    },
  ],
});

const asking = (...codes: number[]) =>
  clientProfile(1, { parameterRequestList: [...codes, OptionCode.portParams] });

describe("configured options", () => {
  test("RFC 2132 §9.8: are sent in the client's order, without duplicates, and only if listed", async () => {
    const { ask } = await createTestAllocator(
      domain({
        "dns-servers": ["192.0.2.53"],
        routers: ["192.0.2.1"],
        mtu: 1460,
        "domain-name": "example.net",
      }),
    );
    const [offer] = await ask(says.discover(asking(26, 6, 1, 6)));
    expect([...offer!.message.options.keys()]).toEqual([53, 54, 51, 58, 59, 159, 26, 6, 1, 61]);
  });

  test("of a pool replace those of its domain", async () => {
    const { ask } = await createTestAllocator(
      domain({ "dns-servers": ["192.0.2.53"], mtu: 1460 }, { mtu: 1400 }),
    );
    const [offer] = await ask(says.discover(asking(6, 26)));
    expect(encodeHex(offer!.message.options.get(26)!)).toBe("0578");
    expect(encodeHex(offer!.message.options.get(6)!)).toBe("c0000235");
  });

  test("R7618-8-01: a client that does not list 159 gets a full address, without option 159", async () => {
    const { ask } = await createTestAllocator(domain({}));
    const [offer] = await ask(says.discover(clientProfile(1, { parameterRequestList: [1, 6] })));
    expect(offer).toMatchObject({ type: "offer", address: "203.0.113.0", portParams: undefined });
  });

  test.each([
    [undefined, 548],
    [576, 548],
    [600, 572],
    [1500, 1472],
  ])(
    "fit in the size that the client accepts: option 57 is %s, so at most %i octets",
    async (size, octetsMax) => {
      const other = Array.from({ length: 8 }, (_, index) => ({ code: 224 + index, hex: "ab".repeat(100) }));
      const { ask } = await createTestAllocator(domain({ other }));
      const { octets } = says.discover(asking(...other.map(({ code }) => code)));
      const query = decodeDhcpV4Query(octets);
      const message = decodeDhcpV4(query.dhcpv4);
      const options = new Map(message.options);
      if (size !== undefined) options.set(OptionCode.maxMessageSize, encodeMaxMessageSize(size));
      const [offer] = await ask({
        octets: encodeDhcpV4Query({ ...query, dhcpv4: encodeDhcpV4({ ...message, options }) }),
      });
      const room = octetsMax >= 1472 ? 8 : 3;
      expect(other.filter(({ code }) => offer!.message.options.has(code))).toHaveLength(room);
      expect(offer!.message.overload).toBe(octetsMax >= 1472 ? 0 : 3);
      expect(offer!.portParams).toEqual({ psidOffset: 0, psidLength: 6, psid: 1 });
    },
  );
});

test("RFC 6842: the longest client identifier is returned unchanged, in a complete ACK and in a NAK", async () => {
  const { ask } = await createTestAllocator(
    domain({ "dns-servers": ["192.0.2.53"], "domain-name": "example.net" }),
  );
  const clientIdentifier = new Uint8Array(clientIdentifierOctetsMax).fill(7);
  const client = clientProfile(1, { clientIdentifier, parameterRequestList: [1, 6, 15, 159] });
  const [offer] = await ask(says.discover(client));
  const [ack] = await ask(says.selecting(client, offer!, parseIPv6("2001:db8::1")));
  await ask(says.release(client, offer!));
  const [nak] = await ask(says.renew(client, offer!));
  for (const answer of [offer, ack, nak]) {
    expect(answer!.message.options.get(OptionCode.clientIdentifier)).toEqual(clientIdentifier);
  }
  expect([offer!.type, ack!.type, nak!.type]).toEqual(["offer", "ack", "nak"]);
  expect(ack!.message.options.has(OptionCode.softwireSourceAddress)).toBe(true);
  expect(nak!.message.overload).toBe(0);
});
