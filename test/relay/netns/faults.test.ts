/**
 * What goes wrong around a relay, in network namespaces: interfaces, addresses, the relay itself, its allocator.
 */
import { afterEach, expect, test, vi } from "vitest";
import { startCapture } from "./capture.ts";
import { Lab, untilLogged, whyNoLab } from "./lab.ts";
import type { Host } from "./lab.ts";
import { obtainLease, reloadRelay, startAllocator, startLoad, startRelay } from "./service.ts";

// Each test starts a handful of processes one after the other.
vi.setConfig({ testTimeout: 180_000 });

const without = whyNoLab();
const withoutTshark = whyNoLab("tshark");

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

const onCpe0 = '[[listeners]]\ninterface = "cpe0"\n';
const multicast = ["--server", "ff02::1:2", "--port", "547", "--interface", "wan0", "--local-port", "546"];
const client = (number: number): string[] => [...multicast, "--mac", `02:00:00:00:00:0${number}`];

test.skipIf(withoutTshark !== "")(
  `an interface goes down and up, and is deleted and made again: the relay joins its group again and serves${withoutTshark}`,
  async () => {
    const { lab, bng, cpe } = stage();
    bng.address("cpe0", "2001:db8:a::1/64");
    await startAllocator(lab, bng);
    const relay = await startRelay(lab, bng, onCpe0);
    expect((await obtainLease(lab, cpe, client(1))).address).toMatch(/^192\.0\.2\./);

    bng.ip("link", "set", "cpe0", "down");
    await untilLogged(relay, "interface is gone: waiting until it is back");
    bng.address("cpe0", "2001:db8:a::1/64");
    bng.ip("link", "set", "cpe0", "up");
    await untilLogged(relay, "interface is back: listening again");
    expect((await obtainLease(lab, cpe, client(2))).address).toMatch(/^192\.0\.2\./);

    bng.ip("link", "delete", "cpe0");
    await untilLogged(relay, "interface is gone: waiting until it is back");
    // The same names, but other interfaces: other indexes, other link-local addresses, another prefix.
    lab.link(bng, "cpe0", cpe, "wan0", "2001:db8:b::1/64");
    await untilLogged(relay, "interface is back: listening again");
    const capture = await startCapture(cpe, "wan0");
    expect((await obtainLease(lab, cpe, client(3))).address).toMatch(/^198\.51\.100\./);
    expect(await capture.next(({ types }) => types[0] === 21)).toMatchObject({
      source: bng.linkLocalOf("cpe0"),
      destination: cpe.linkLocalOf("wan0"),
    });
    const groups = bng.ip("-6", "maddress", "show", "dev", "cpe0");
    expect(groups).toContain("ff02::1:2");
  },
);

test.skipIf(without !== "")(
  `R8415-19.1.1-01 the address of a link changes: the link-address follows, and with it the domain${without}`,
  async () => {
    const { lab, bng, cpe } = stage();
    bng.address("cpe0", "2001:db8:a::1/64");
    await startAllocator(lab, bng);
    const relay = await startRelay(lab, bng, onCpe0);
    expect((await obtainLease(lab, cpe, client(1))).address).toMatch(/^192\.0\.2\./);
    bng.address("cpe0", "2001:db8:b::1/64");
    bng.ip("address", "delete", "2001:db8:a::1/64", "dev", "cpe0");
    await untilLogged(relay, "link-address changed");
    expect((await obtainLease(lab, cpe, client(2))).address).toMatch(/^198\.51\.100\./);
    bng.ip("address", "delete", "2001:db8:b::1/64", "dev", "cpe0");
    await untilLogged(relay, "link-address changed");
    // A link without an address is the default domain's.
    expect((await obtainLease(lab, cpe, client(3))).address).toMatch(/^203\.0\.113\./);
  },
);

test.skipIf(without !== "")(
  `a reload moves a listener to another address on the same port, and a client finds it there${without}`,
  async () => {
    const { lab, bng, cpe } = stage();
    for (const address of ["2001:db8:a::1/64", "2001:db8:a::2/64"]) bng.address("cpe0", address);
    cpe.address("wan0", "2001:db8:a::c/64");
    await startAllocator(lab, bng);
    const at = (address: string) => `replyPort = "source"\n[[listeners]]\naddress = "${address}"\n`;
    const relay = await startRelay(lab, bng, at("2001:db8:a::1"));
    for (const [number, address] of [
      [1, "2001:db8:a::1"],
      [2, "2001:db8:a::2"],
    ] as const) {
      await reloadRelay(lab, bng, relay, at(address));
      const flags = ["--server", address, "--port", "547", "--mac", `02:00:00:00:00:0${number}`];
      expect((await obtainLease(lab, cpe, flags)).address).toMatch(/^192\.0\.2\./);
    }
  },
);

/** So many clients in each of three rounds. */
const clients = 400;
const rounds = 3;

/** A relay under load, whose clients send from ports of their own. */
async function stageLoad() {
  const { lab, bng, cpe } = stage();
  bng.address("cpe0", "2001:db8:a::1/64");
  cpe.address("wan0", "2001:db8:a::c/64");
  const settings = 'replyPort = "source"\n[[listeners]]\naddress = "2001:db8:a::1"\n';
  const allocator = await startAllocator(lab, bng);
  const relay = await startRelay(lab, bng, settings);
  const load = startLoad(cpe, {
    server: "2001:db8:a::1",
    port: 547,
    clients,
    rounds,
    inFlight: 64,
    retransmitMs: 250,
    triesMax: 10,
    durationMsMax: 40_000,
  });
  return { lab, bng, allocator, relay, load, settings };
}

const allIsWell = { held: clients * rounds, violations: [], naks: 0 };

test.skipIf(without !== "")(
  `invariant 1, kill -9 of a relay under load: no port is leased twice, and no lease is lost${without}`,
  async () => {
    const { lab, bng, relay, load, settings } = await stageLoad();
    await load.round();
    await relay.end("SIGKILL");
    const second = await startRelay(lab, bng, settings);
    await load.round();
    await second.end("SIGKILL");
    await startRelay(lab, bng, settings);
    const report = await load.report();
    expect(report).toMatchObject(allIsWell);
    // The kills hit: what was on its way was lost, and sent again.
    expect(report.retransmits).toBeGreaterThan(0);
  },
);

test.skipIf(without !== "")(
  `invariant 2, the allocator is killed under load and away for as long as its clients are patient: no lease is lost${without}`,
  async () => {
    const { lab, bng, allocator, relay, load } = await stageLoad();
    await load.round();
    await allocator.end("SIGKILL");
    await untilLogged(relay, "allocator unavailable: retrying after a pause");
    await startAllocator(lab, bng);
    const report = await load.report();
    expect(report).toMatchObject(allIsWell);
    // The outage was one: clients had to repeat themselves.
    expect(report.retransmits).toBeGreaterThan(0);
  },
);
