/**
 * The relay on links of its own: hosts in network namespaces, multicast, and tshark as the witness.
 */
import { afterEach, expect, test } from "vitest";
import { startCapture } from "./capture.ts";
import { Lab, whyNoLab } from "./lab.ts";
import type { Host } from "./lab.ts";
import { obtainLease, startAllocator, startRelay } from "./service.ts";

const without = whyNoLab("tshark");
const withoutDhcrelay = whyNoLab("tshark", "dhcrelay");

const labs: Lab[] = [];
afterEach(async () => {
  for (const lab of labs.splice(0)) await lab.close();
});

/** A BNG with a customer's link `cpe0`, at whose other end is a client's `wan0`. */
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

test.skipIf(without !== "")(
  `R7341-11-06 R8415-7.2-01 R8415-19.1.1-01 a client on a link is served by multicast, from the link's own address${without}`,
  async () => {
    const { lab, bng, cpe } = stage();
    bng.address("cpe0", "2001:db8:b::1/64");
    // A second address that answers must not come from: it is nearer to no one on this link.
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
        complaints: [],
      });
      expect(down).toMatchObject({
        source: bng.linkLocalOf("cpe0"),
        destination: cpe.linkLocalOf("wan0"),
        sourcePort: 547,
        destinationPort: 546,
        complaints: [],
      });
    }
  },
);

test.skipIf(without !== "")(
  `R7341-11-06 R8415-19.1.1-02 two links with the same link-local client are told apart${without}`,
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
  `R8415-7.2-01 R8415-19.2-01 R8415-19.1.2-02 a client behind Debian's dhcrelay gets its lease through both relays${withoutDhcrelay}`,
  async () => {
    const { lab, bng, cpe } = stage();
    const central = lab.host("central");
    lab.link(bng, "up0", central, "bng0");
    bng.address("cpe0", "2001:db8:a::1/64");
    bng.address("up0", "2001:db8:c::b/64");
    central.address("bng0", "2001:db8:c::1/64");
    await startAllocator(lab, central);
    await startRelay(lab, central, '[[listeners]]\naddress = "2001:db8:c::1"\n');
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
      complaints: [],
    });
  },
);
