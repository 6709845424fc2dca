/**
 * Faults around a relay, in network namespaces: interfaces, addresses, the relay itself, its allocator.
 */
import { afterEach, expect, test, vi } from "vitest";
import { startCapture } from "./capture.ts";
import { Lab, waitForLog, labSkipReason } from "./lab.ts";
import type { Host } from "./lab.ts";
import { obtainLease, reloadRelay, startAllocator, startLoad, startRelay } from "./service.ts";

// Each test starts several processes, one at a time.
vi.setConfig({ testTimeout: 180_000 });

const without = labSkipReason();
const withoutTshark = labSkipReason("tshark");

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

const onCpe0 = '[[listeners]]\ninterface = "cpe0"\n';
const multicast = ["--server", "ff02::1:2", "--port", "547", "--interface", "wan0", "--local-port", "546"];
const client = (number: number): string[] => [...multicast, "--mac", `02:00:00:00:00:0${number}`];

test.skipIf(withoutTshark !== "")(
  `an interface goes down and up, and is deleted and recreated: the relay rejoins its group and serves${withoutTshark}`,
  async () => {
    const { lab, bng, cpe } = stage();
    bng.address("cpe0", "2001:db8:a::1/64");
    await startAllocator(lab, bng);
    const relay = await startRelay(lab, bng, onCpe0);
    expect((await obtainLease(lab, cpe, client(1))).address).toMatch(/^192\.0\.2\./);

    bng.ip("link", "set", "cpe0", "down");
    await waitForLog(relay, "interface is gone: waiting until it is back");
    bng.address("cpe0", "2001:db8:a::1/64");
    bng.ip("link", "set", "cpe0", "up");
    await waitForLog(relay, "interface is back: listening again");
    expect((await obtainLease(lab, cpe, client(2))).address).toMatch(/^192\.0\.2\./);

    bng.ip("link", "delete", "cpe0");
    await waitForLog(relay, "interface is gone: waiting until it is back");
    // Interfaces of the same names, with other indexes, link-local addresses and prefixes.
    lab.link(bng, "cpe0", cpe, "wan0", "2001:db8:b::1/64");
    await waitForLog(relay, "interface is back: listening again");
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
  `R8415-19.1.1-01 the address of a link changes: the link-address follows, and so does the domain${without}`,
  async () => {
    const { lab, bng, cpe } = stage();
    bng.address("cpe0", "2001:db8:a::1/64");
    await startAllocator(lab, bng);
    const relay = await startRelay(lab, bng, onCpe0);
    expect((await obtainLease(lab, cpe, client(1))).address).toMatch(/^192\.0\.2\./);
    bng.address("cpe0", "2001:db8:b::1/64");
    bng.ip("address", "delete", "2001:db8:a::1/64", "dev", "cpe0");
    await waitForLog(relay, "link-address changed");
    expect((await obtainLease(lab, cpe, client(2))).address).toMatch(/^198\.51\.100\./);
    bng.ip("address", "delete", "2001:db8:b::1/64", "dev", "cpe0");
    await waitForLog(relay, "link-address changed");
    // A link without an address belongs to the default domain.
    expect((await obtainLease(lab, cpe, client(3))).address).toMatch(/^203\.0\.113\./);
  },
);

test.skipIf(without !== "")(
  `a reload moves a listener to another address on the same port, and clients are served there${without}`,
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

/** Clients in each round. */
const clients = 400;
const rounds = 3;

/** Starts a relay under load. Each client sends from its own port. */
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

const noLoss = { held: clients * rounds, violations: [], naks: 0 };

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
    expect(report).toMatchObject(noLoss);
    // The kills lost messages, which clients sent again.
    expect(report.retransmits).toBeGreaterThan(0);
  },
);

test.skipIf(without !== "")(
  `invariant 2, the allocator is killed under load, and restarted while clients retry: no lease is lost${without}`,
  async () => {
    const { lab, bng, allocator, relay, load } = await stageLoad();
    await load.round();
    await allocator.end("SIGKILL");
    await waitForLog(relay, "allocator unavailable: retrying after a pause");
    await startAllocator(lab, bng);
    const report = await load.report();
    expect(report).toMatchObject(noLoss);
    // The outage lost messages, which clients sent again.
    expect(report.retransmits).toBeGreaterThan(0);
  },
);
