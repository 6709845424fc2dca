/**
 * Forged relay levels on links of their own: each scene has an honest client, and one that plays relay.
 */
import { afterEach, expect, test, vi } from "vitest";
import { MessageType6 } from "../../../src/wire/dhcpv6/codes.ts";
import { encodeRelayMessage } from "../../../src/wire/dhcpv6/relay.ts";
import { parseIPv6 } from "../../../src/wire/ipv6-address.ts";
import { vectorOctets } from "../../support/vectors.ts";
import { Lab, waitForLog, labSkipReason } from "./lab.ts";
import type { Host } from "./lab.ts";
import { obtainLease, openRemoteSocket, startAllocator, startRelay } from "./service.ts";

// Each test starts a handful of processes one after the other.
vi.setConfig({ testTimeout: 180_000 });

const without = labSkipReason();
const withoutDhcrelay = labSkipReason("dhcrelay");

const labs: Lab[] = [];
afterEach(async () => {
  for (const lab of labs.splice(0)) await lab.close();
});

/** A customer `cpe` on the link `cpe0` of a BNG, which reaches a central host by `up0`. */
function stage() {
  const lab = new Lab();
  labs.push(lab);
  const [bng, cpe, central] = [lab.host("bng"), lab.host("cpe"), lab.host("central")];
  lab.link(bng, "cpe0", cpe, "wan0");
  lab.link(bng, "up0", central, "bng0");
  bng.address("cpe0", "2001:db8:a::1/64");
  bng.address("up0", "2001:db8:c::b/64");
  central.address("bng0", "2001:db8:c::1/64");
  return { lab, bng, cpe, central };
}

const multicast = ["--server", "ff02::1:2", "--port", "547", "--interface", "wan0", "--local-port", "546"];
const onCpe0 = '[[listeners]]\ninterface = "cpe0"\n';
const onUplink = '[[listeners]]\naddress = "2001:db8:c::1"\n';
const trusting = (...entries: string[]) =>
  `trustedRelays = [${entries.map((each) => `{ ${each} }`).join(", ")}]\n`;
const theBng = 'prefix = "2001:db8:c::b"';

/** What the log of a relay says. */
const dropped = "RELAY-FORW dropped: if this relay is yours, add it to trustedRelays of the listener";

/** A RELAY-FORW of a relay that is none: it names the link of domain west. */
const forged = (link: string, peer: string): Uint8Array =>
  encodeRelayMessage(
    MessageType6.relayForward,
    { hopCount: 0, linkAddress: parseIPv6(link), peerAddress: parseIPv6(peer), options: [] },
    vectorOctets("discover-shared-nohint").octets,
  );

/** Plays relay from the link of a customer. */
async function playRelay(host: Host, message: Uint8Array): Promise<void> {
  const speaker = await openRemoteSocket(host, `${host.linkLocalOf("wan0")}%wan0`, 547);
  speaker.send(message, 547, "ff02::1:2%wan0");
}

test.skipIf(without !== "")(
  `T5 a direct client that plays relay is dropped, and named${without}`,
  async () => {
    const { lab, bng, cpe } = stage();
    await startAllocator(lab, bng);
    const relay = await startRelay(lab, bng, onCpe0);
    const logged = waitForLog(relay, dropped);
    await playRelay(cpe, forged("2001:db8:b::1", "fe80::5"));
    expect(await logged).toMatchObject({ relay: `${cpe.linkLocalOf("wan0")}%cpe0` });
    expect((await obtainLease(lab, cpe, multicast)).address).toMatch(/^192\.0\.2\./);
  },
);

test.skipIf(withoutDhcrelay !== "")(
  `T5 a client behind Debian's dhcrelay that plays relay is dropped, and an honest one is served${withoutDhcrelay}`,
  async () => {
    const { lab, bng, cpe, central } = stage();
    await startAllocator(lab, central);
    const relay = await startRelay(lab, central, `${onUplink}${trusting(theBng)}`);
    const dhcrelay = bng.run([
      ...["dhcrelay", "-6", "-d", "--no-pid", "-I"],
      ...["-l", "2001:db8:a::1%cpe0", "-u", "2001:db8:c::1%up0"],
    ]);
    while (!(await dhcrelay.errors.next()).includes("Sending on"));
    const logged = waitForLog(relay, dropped);
    await playRelay(cpe, forged("2001:db8:b::1", "fe80::5"));
    expect(await logged).toMatchObject({ relay: cpe.linkLocalOf("wan0") });
    expect((await obtainLease(lab, cpe, multicast)).address).toMatch(/^192\.0\.2\./);
  },
);

test.skipIf(without !== "")(
  `T5 of two of our relays in a chain, the first drops what a client forged, and its own level is believed${without}`,
  async () => {
    const { lab, bng, cpe, central } = stage();
    await startAllocator(lab, central);
    await startRelay(lab, central, `${onUplink}${trusting(theBng)}`);
    const servers = '[servers]\ndestinations = ["2001:db8:c::1"]\nqueries = "servers"\n';
    const first = await startRelay(lab, bng, `${onCpe0}${servers}`);
    const logged = waitForLog(first, dropped);
    await playRelay(cpe, forged("2001:db8:b::1", "fe80::5"));
    expect(await logged).toMatchObject({ relay: `${cpe.linkLocalOf("wan0")}%cpe0` });
    expect((await obtainLease(lab, cpe, multicast)).address).toMatch(/^192\.0\.2\./);
  },
);

test.skipIf(without !== "")(
  `T5 a level that looks like an access node's is believed behind a BNG that has them, and dropped behind another${without}`,
  async () => {
    const { lab, bng, cpe, central } = stage();
    await startAllocator(lab, central);
    const relay = await startRelay(lab, central, `${onUplink}${trusting(theBng)}`);
    const speaker = await openRemoteSocket(bng, "2001:db8:c::b", 547);
    const client = cpe.linkLocalOf("wan0");
    const behindBng = encodeRelayMessage(
      MessageType6.relayForward,
      { hopCount: 1, linkAddress: parseIPv6("2001:db8:a::1"), peerAddress: parseIPv6(client), options: [] },
      forged("::", client),
    );
    const logged = waitForLog(relay, dropped);
    speaker.send(behindBng, 547, "2001:db8:c::1");
    expect(await logged).toMatchObject({ relay: client });
    process.kill(relay.pid, "SIGTERM");
    await relay.ended;
    await startRelay(lab, central, `${onUplink}${trusting(`${theBng}, accessNodes = true`)}`);
    speaker.send(behindBng, 547, "2001:db8:c::1");
    const { octets } = await speaker.next();
    expect(octets[0]).toBe(MessageType6.relayReply);
  },
);

test.skipIf(without !== "")(
  `R8 RFC 8415 §7.1 a relay that sends to ff05::1:3 is heard where the interface joins it${without}`,
  async () => {
    const { lab, bng, central } = stage();
    await startAllocator(lab, central);
    const settings = `[[listeners]]\ninterface = "bng0"\njoinAllServers = true\n${trusting(theBng)}`;
    await startRelay(lab, central, settings);
    const speaker = await openRemoteSocket(bng, "2001:db8:c::b%up0", 547);
    speaker.send(forged("2001:db8:a::1", "fe80::5"), 547, "ff05::1:3");
    const { octets } = await speaker.next();
    expect(octets[0]).toBe(MessageType6.relayReply);
  },
);
