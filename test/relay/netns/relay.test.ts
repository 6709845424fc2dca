/**
 * The relay on its own links: hosts in network namespaces, multicast, and captures with tshark.
 */
import { afterEach, expect, test, vi } from "vitest";
import { decodeMessage6 } from "../../../src/wire/dhcpv6/message.ts";
import { decodeRelayMessage, decodeRelayPath } from "../../../src/wire/dhcpv6/relay.ts";
import { parseIPv6 } from "../../../src/wire/ipv6-address.ts";
import { octets } from "../../support/octets.ts";
import { vectorOctets } from "../../support/vectors.ts";
import { mirror } from "../scripted-allocator.ts";
import { startCapture } from "./capture.ts";
import { Lab, labSkipReason } from "./lab.ts";
import type { Host } from "./lab.ts";
import { obtainLease, openRemoteSocket, startAllocator, startRelay } from "./service.ts";

// Each test starts several processes, one at a time.
vi.setConfig({ testTimeout: 180_000 });

const without = labSkipReason("tshark");
const withoutDhcrelay = labSkipReason("tshark", "dhcrelay");

const labs: Lab[] = [];
afterEach(async () => {
  for (const lab of labs.splice(0)) await lab.close();
});

/** Creates a BNG with a customer's link: `cpe0` of the BNG is connected to `wan0` of the client. */
function stage(): { readonly lab: Lab; readonly bng: Host; readonly cpe: Host } {
  const lab = new Lab();
  labs.push(lab);
  const bng = lab.host("bng");
  const cpe = lab.host("cpe");
  lab.link(bng, "cpe0", cpe, "wan0");
  return { lab, bng, cpe };
}

const multicast = ["--server", "ff02::1:2", "--port", "547", "--interface", "wan0", "--local-port", "546"];
const onCpe0 = '[[listeners]]\ninterface = "cpe0"\n';
const onUplink = '[[listeners]]\naddress = "2001:db8:c::1"\n';

/** A relay message whose peer-address is another one. */
function withPeer(message: Uint8Array, peer: string): Uint8Array {
  const changed = message.slice();
  changed.set(parseIPv6(peer), 18);
  return changed;
}
const trusting = (entry: string) => `trustedRelays = [{ ${entry} }]\n`;

test.skipIf(without !== "")(
  `R7341-11-06 R8415-7.2-01 R8415-19.1.1-01 a client on a link is served by multicast, from the link-local address of the interface${without}`,
  async () => {
    const { lab, bng, cpe } = stage();
    bng.address("cpe0", "2001:db8:b::1/64");
    // Answers must not come from this second address, which is not on the client's link.
    bng.address("lo", "2001:db8:ffff::1/128");
    await startAllocator(lab, bng);
    await startRelay(lab, bng, onCpe0);
    const capture = await startCapture(cpe, "wan0");
    const lease = await obtainLease(lab, cpe, multicast);
    // Domain west: the link-address was taken from the interface.
    expect(lease.address).toMatch(/^198\.51\.100\./);
    for (const [query, response] of [
      [20, 21],
      [20, 21],
    ]) {
      const up = await capture.next(({ types }) => types[0] === query);
      const down = await capture.next(({ types }) => types[0] === response);
      expect(up).toMatchObject({
        source: cpe.linkLocalOf("wan0"),
        destination: "ff02::1:2",
        sourcePort: 546,
        destinationPort: 547,
        warnings: [],
      });
      expect(down).toMatchObject({
        source: bng.linkLocalOf("cpe0"),
        destination: cpe.linkLocalOf("wan0"),
        sourcePort: 547,
        destinationPort: 546,
        warnings: [],
      });
    }
  },
);

test.skipIf(without !== "")(
  `R7341-11-06 R8415-19.1.1-02 two clients with the same link-local address on different links get their own answers${without}`,
  async () => {
    const { lab, bng, cpe } = stage();
    const other = lab.host("other");
    lab.link(bng, "cpe1", other, "wan0");
    bng.address("cpe0", "2001:db8:a::1/64");
    bng.address("cpe1", "2001:db8:b::1/64");
    for (const host of [cpe, other]) host.address("wan0", "fe80::c/64");
    await startAllocator(lab, bng);
    await startRelay(lab, bng, `${onCpe0}[[listeners]]\ninterface = "cpe1"\n`);
    const [east, west] = await Promise.all([
      obtainLease(lab, cpe, multicast),
      obtainLease(lab, other, [...multicast, "--mac", "02:00:00:00:00:02"]),
    ]);
    expect(east.address).toMatch(/^192\.0\.2\./);
    expect(west.address).toMatch(/^198\.51\.100\./);
  },
);

test.skipIf(without !== "")(
  `R7341-11-06 a unicast listener answers from its address, not from another one of the host${without}`,
  async () => {
    const { lab, bng, cpe } = stage();
    bng.address("cpe0", "2001:db8:a::1/64");
    bng.address("lo", "2001:db8:53::53/128");
    cpe.address("wan0", "2001:db8:a::c/64");
    cpe.ip("route", "add", "2001:db8:53::/48", "via", "2001:db8:a::1");
    await startAllocator(lab, bng);
    await startRelay(lab, bng, '[[listeners]]\naddress = "2001:db8:53::53"\nlinkAddress = "2001:db8:a::1"\n');
    const capture = await startCapture(cpe, "wan0");
    const lease = await obtainLease(lab, cpe, [
      ...["--server", "2001:db8:53::53", "--port", "547", "--local-port", "546"],
    ]);
    expect(lease.address).toMatch(/^192\.0\.2\./);
    expect(await capture.next(({ types }) => types[0] === 21)).toMatchObject({
      source: "2001:db8:53::53",
      destination: "2001:db8:a::c",
      sourcePort: 547,
      destinationPort: 546,
    });
  },
);

test.skipIf(withoutDhcrelay !== "")(
  `R8415-7.2-01 R8415-19.2-01 R8415-19.1.2-02 a client beyond Debian's dhcrelay gets its lease through both relays${withoutDhcrelay}`,
  async () => {
    const { lab, bng, cpe } = stage();
    const central = lab.host("central");
    lab.link(bng, "up0", central, "bng0");
    bng.address("cpe0", "2001:db8:a::1/64");
    bng.address("up0", "2001:db8:c::b/64");
    central.address("bng0", "2001:db8:c::1/64");
    await startAllocator(lab, central);
    await startRelay(lab, central, `${onUplink}${trusting('prefix = "2001:db8:c::b"')}`);
    const dhcrelay = bng.run([
      ...["dhcrelay", "-6", "-d", "--no-pid", "-I"],
      ...["-l", "2001:db8:a::1%cpe0", "-u", "2001:db8:c::1%up0"],
    ]);
    while (!(await dhcrelay.errors.next()).includes("Sending on"));
    const capture = await startCapture(bng, "up0");
    const lease = await obtainLease(lab, cpe, multicast);
    expect(lease.address).toMatch(/^192\.0\.2\./);
    expect(await capture.next(({ types }) => types[0] === 12)).toMatchObject({
      types: [12, 20],
      linkAddresses: ["2001:db8:a::1"],
    });
    expect(await capture.next(({ types }) => types[0] === 13)).toMatchObject({
      types: [13, 21],
      destination: "2001:db8:c::b",
      destinationPort: 547,
      warnings: [],
    });
  },
);

test.skipIf(without !== "")(
  `R8415-19.1.2-02 two of our relays in a chain, the first as a plain relay with its own port (RFC 8357)${without}`,
  async () => {
    const { lab, bng, cpe } = stage();
    const central = lab.host("central");
    lab.link(bng, "up0", central, "bng0");
    bng.address("cpe0", "2001:db8:b::1/64");
    bng.address("up0", "2001:db8:c::b/64");
    central.address("bng0", "2001:db8:c::1/64");
    await startAllocator(lab, central);
    await startRelay(lab, central, `${onUplink}${trusting('prefix = "2001:db8:c::b"')}`);
    const servers = '[servers]\ndestinations = ["2001:db8:c::1"]\nqueries = "servers"\nsourcePort = 1547\n';
    await startRelay(lab, bng, `${onCpe0}${servers}`);
    const capture = await startCapture(bng, "up0");
    const lease = await obtainLease(lab, cpe, multicast);
    expect(lease.address).toMatch(/^198\.51\.100\./);
    expect(await capture.next(({ types }) => types[0] === 12)).toMatchObject({
      types: [12, 20],
      hopCounts: [0],
      linkAddresses: ["2001:db8:b::1"],
      peerAddresses: [cpe.linkLocalOf("wan0")],
      sourcePort: 1547,
      destinationPort: 547,
      options: expect.arrayContaining([9, 18, 135]) as number[],
      warnings: [],
    });
    expect(await capture.next(({ types }) => types[0] === 13)).toMatchObject({
      types: [13, 21],
      source: "2001:db8:c::1",
      destination: "2001:db8:c::b",
      sourcePort: 547,
      destinationPort: 1547,
      warnings: [],
    });
  },
);

test.skipIf(without !== "")(
  `R8415-19.1.2-02 an LDRA's level has link-address ::, ours names the link, and the answer goes to port 547 of the LDRA${without}`,
  async () => {
    const { lab, bng, cpe: ldra } = stage();
    bng.address("cpe0", "2001:db8:a::1/64");
    await startAllocator(lab, bng);
    await startRelay(lab, bng, `${onCpe0}accessNodes = true\n`);
    const capture = await startCapture(ldra, "wan0");
    const source = `${ldra.linkLocalOf("wan0")}%wan0`;
    const speaker = await openRemoteSocket(ldra, source, 547);
    // An access node sends from the address of its client, which its level names as the peer.
    const forward = withPeer(vectorOctets("relay-forw-ldra").octets, ldra.linkLocalOf("wan0"));
    speaker.send(forward, 547, "ff02::1:2%wan0");
    const { octets: reply, address } = await speaker.next();
    expect(address).toBe(`${bng.linkLocalOf("cpe0")}%wan0`);
    const [sent, answered] = [decodeRelayMessage(forward), decodeRelayMessage(reply)];
    expect(answered).toMatchObject({
      type: 13,
      hopCount: sent.hopCount,
      linkAddress: sent.linkAddress,
      peerAddress: sent.peerAddress,
    });
    expect(answered.linkAddress).toEqual(new Uint8Array(16));
    // Domain east: the allocator ignored `::` and used the link-address of our level.
    const message = answered.message;
    expect(message[0]).toBe(21);
    expect(Buffer.from(message).includes(Buffer.from([192, 0, 2]))).toBe(true);
    expect(await capture.next(({ types }) => types[0] === 13)).toMatchObject({
      types: [13, 21],
      destinationPort: 547,
      warnings: [],
    });
  },
);

test.skipIf(without !== "")(
  `RFC 8415 §18.3.6 RFC 7341 §7.2 a client requests option 88 by multicast, and tshark finds the Reply well formed${without}`,
  async () => {
    const { lab, bng, cpe } = stage();
    bng.address("cpe0", "2001:db8:a::1/64");
    const information =
      '[information]\nenabled = true\ndhcp4o6Servers = ["ff02::1:2"]\nborderRelays = ["2001:db8:ffff::1"]\nsoftwireContainer = true\n';
    await startRelay(lab, bng, `${onCpe0}${information}`);
    const capture = await startCapture(cpe, "wan0");
    const socket = await openRemoteSocket(cpe, `${cpe.linkLocalOf("wan0")}%wan0`, 546);
    const request = octets(
      "0b abcdef 0001 000a 0003000102005e100001", // Information-Request with a Client-Id
      "0006 0008 0058 005a 0060 0020", // option request: 88, 90, 96, 32
    );
    socket.send(request, 547, "ff02::1:2%wan0");
    const reply = decodeMessage6((await socket.next()).octets);
    expect([reply.type, reply.flags]).toEqual([7, 0xabcdef]);
    expect(reply.options.map(({ code }) => code)).toEqual([1, 2, 88, 90, 96, 32]);
    expect(await capture.next(({ types }) => types[0] === 7)).toMatchObject({
      source: bng.linkLocalOf("cpe0"),
      destination: cpe.linkLocalOf("wan0"),
      sourcePort: 547,
      destinationPort: 546,
      warnings: [],
    });
  },
);

test.skipIf(without !== "")(
  `R7341-10-01 R8415-19.2-01 a client's Solicit reaches a DHCPv6 server, and its Advertise the client${without}`,
  async () => {
    const { lab, bng, cpe } = stage();
    const server = lab.host("server");
    lab.link(bng, "up0", server, "bng0");
    bng.address("cpe0", "2001:db8:a::1/64");
    bng.address("up0", "2001:db8:c::b/64");
    server.address("bng0", "2001:db8:c::d/64");
    const servers = 'destinations = ["2001:db8:c::d"]\nsourceAddress = "2001:db8:c::b"\nsourcePort = 547\n';
    await startRelay(lab, bng, `${onCpe0}[servers]\n${servers}`);
    const client = await openRemoteSocket(cpe, `${cpe.linkLocalOf("wan0")}%wan0`, 546);
    const dhcpd = await openRemoteSocket(server, "2001:db8:c::d", 547);
    const solicit = octets("01 abcdef 0001 000a 0003000102005e100001");
    client.send(solicit, 547, "ff02::1:2%wan0");
    const up = await dhcpd.next();
    expect(up).toMatchObject({ address: "2001:db8:c::b", port: 547 });
    const { path, message } = decodeRelayPath(up.octets);
    expect(message).toEqual(solicit);
    // With port 547, option 135 (RFC 8357) is not needed.
    expect(path[0]!.options.map(({ code }) => code)).toEqual([18]);
    const reply = mirror(up.octets, (each) => each.with(0, 2));
    dhcpd.send(reply, 547, "2001:db8:c::b");
    expect(await client.next()).toEqual({
      octets: solicit.with(0, 2),
      port: 547,
      address: `${bng.linkLocalOf("cpe0")}%wan0`,
    });
  },
);
