import { expect, test } from "vitest";
import { createTestAllocator } from "../../test/support/allocator.ts";
import { clientProfile, says } from "../../test/support/clients.ts";
import { vectorDomain } from "../../test/support/database.ts";
import { OptionCode6 } from "../wire/dhcpv6/codes.ts";
import { showLine } from "../lease/line.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";

test("a refused message is logged at level debug with its reason and where the client is", async () => {
  const { ask, debugged } = await createTestAllocator(vectorDomain);
  const [offer] = await ask(says.discover(clientProfile(1)));
  await ask({ ...says.renew(clientProfile(2), offer!), linkAddress: "2001:db8:1::1" });
  expect(debugged).toMatchObject([
    { fields: { reason: "unknown-client", source: "fe80::1", linkAddress: "2001:db8:1::1" } },
  ]);
});

test("showLine() shows the names of a line as text, and octets that are no text as hexadecimal", () => {
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  const level = (options: RelayLevel["options"]): RelayLevel => ({
    hopCount: 0,
    linkAddress: new Uint8Array(16),
    peerAddress: new Uint8Array(16),
    options,
  });
  const own = level([{ code: OptionCode6.interfaceId, data: text("listener") }]);
  const line = level([
    { code: OptionCode6.remoteId, data: Uint8Array.of(0, 0, 0x11, 0x8b, ...text("modem-7")) },
    { code: OptionCode6.interfaceId, data: Uint8Array.of(0, 1, 0xff) },
  ]);
  expect(showLine([own, line])).toEqual({
    remoteId: "4491 modem-7",
    subscriberId: undefined,
    interfaceId: "hex:0001ff",
  });
  expect(Object.values(showLine([own])).filter((name) => name !== undefined)).toEqual([]);
});
