/**
 * Attacks by customers that play relay.
 *
 * @module
 */
import { MessageType } from "../../src/wire/dhcpv4/codes.ts";
import type { RelayLevel } from "../../src/wire/dhcpv6/relay.ts";
import { enclose, levelAt } from "../rules/acting-client.ts";
import type { ClientLocation } from "../rules/acting-client.ts";
import type { Attack } from "./attack.ts";
import type { Field } from "./field.ts";
import { domainOf, linkOf, remoteId } from "./parts.ts";

/** The level of a customer's BNG, which this host plays. Its peer-address is the customer's. */
const bngLevel = (hopCount: number, site: string): RelayLevel => ({
  ...levelAt({ linkAddress: linkOf("5"), source: "fe80::c", options: [remoteId(site)] }),
  hopCount,
});

/** A DISCOVER with levels that a customer made up, within that of its BNG. */
function forge(field: Field, number: number, forged: readonly ClientLocation[], site = "attacker") {
  const xid = 0x5000_0000 + number;
  const query = field.client(number).query(MessageType.discover, { xid });
  return { xid, datagram: enclose(query, [bngLevel(forged.length, site), ...forged.map(levelAt)]) };
}

/** Remote-Ids, link-addresses and senders that a customer may make up. */
const forgeries = (number: number): ClientLocation[][] => [
  [{ linkAddress: linkOf("5"), source: `fe80::${number}`, options: [remoteId(`other-${number}`)] }],
  [{ linkAddress: "::", source: "2001:db8:5::99", options: [remoteId(`ldra-${number}`)] }],
  [
    { linkAddress: "::", source: "2001:db8:5::1", options: [remoteId(`one-${number}`)] },
    { linkAddress: "::", source: `fe80::${number}`, options: [remoteId(`two-${number}`)] },
  ],
];

const playsRelay: Attack = {
  id: "T5",
  tried: "a customer behind a BNG adds levels: other Remote-Ids, a victim's, another domain's link-address",
  domains: [
    domainOf("5", { siteBy: ["remote-id"], siteLeasesMax: 2 }),
    domainOf("5a", {
      pools: [{ name: "t5a", kind: "full", range: "198.18.105.0/28" }],
    }),
  ],
  run: async (field) => {
    const dropped = await field.askAll(
      Array.from({ length: 30 }, (_, number) => forge(field, number, forgeries(number)[number % 3]!)),
      { drops: true },
    );
    const reported = await field.askAll(
      Array.from({ length: 30 }, (_, number) => forge(field, 100 + number, forgeries(number)[number % 3]!)),
    );
    const elsewhere = await field.askAll([
      forge(field, 200, [{ linkAddress: linkOf("5a"), source: "fe80::9" }], "elsewhere-1"),
      forge(field, 201, [{ linkAddress: linkOf("5a"), source: "2001:db8:5a::9" }], "elsewhere-2"),
    ]);
    await field.askAll(
      [1, 2, 3, 4].map((number) =>
        forge(
          field,
          300 + number,
          [{ linkAddress: linkOf("5"), options: [remoteId("victim")] }],
          `thief-${number}`,
        ),
      ),
    );
    const victim = await field
      .client(400, { linkAddress: linkOf("5"), options: [remoteId("victim")] })
      .discover();
    const taken = elsewhere.filter((answer) => answer?.address.startsWith("198.18.105.")).length;
    const [passed, leases] = [dropped, reported].map((answers) => answers.filter(Boolean).length);
    const isNamed = field.lines.some(({ msg }) => String(msg).includes("trustedRelays"));
    return {
      seen:
        `drop: ${passed} of 30 answered; report: ${leases} of 30 leases, ` +
        `${taken} of ${elsewhere.length} from the other domain, victim: ${victim?.type ?? "silence"}; ` +
        `the log ${isNamed ? "names" : "does not name"} the setting`,
      held: passed === 0 && leases! <= 2 && taken === 0 && victim?.type === "offer" && isNamed,
    };
  },
};

/** An Information-Request for option 90, with padding that makes each a datagram of its own. */
const informationRequest = (id: number): Uint8Array =>
  Uint8Array.of(
    ...[11, 0xab, 0xcd, id],
    ...[0, 1, 0, 7, 0, 3, 0, 1, 2, 0, id], // Client Identifier
    ...[0, 6, 0, 2, 0, 90], // Option Request: border relays
  );

const unicastInformation: Attack = {
  id: "T22",
  tried:
    "Information-Requests by unicast: bare, and inside RELAY-FORW that a customer made, 1 to 5 levels deep",
  run: async (field) => {
    const before = field.others.length;
    const dropsBefore = (await field.relay.status()).counters.dropped;
    const listeners = [{ drops: false }, { drops: true }];
    let id = 0;
    for (const listener of listeners) {
      await field.transmit(informationRequest(++id), listener);
      for (let depth = 1; depth <= 5; depth++) {
        const forged = new Array<RelayLevel>(depth).fill(levelAt({ source: "fe80::c", linkAddress: "::" }));
        await field.transmit(
          enclose(informationRequest(++id), [bngLevel(depth, "attacker"), ...forged]),
          listener,
        );
      }
      await field.settle(listener);
    }
    const answers = field.others.length - before;
    const dropsAfter = (await field.relay.status()).counters.dropped;
    const dropsOf = (reason: "unicast-information-request" | "untrusted-relay"): number =>
      (dropsAfter[reason] ?? 0) - (dropsBefore[reason] ?? 0);
    return {
      seen:
        `${id} sent, ${answers} answered; dropped: ${dropsOf("unicast-information-request")} bare, ` +
        `${dropsOf("untrusted-relay")} relayed`,
      held: answers === 0,
    };
  },
};

/** Attacks by customers that play relay. */
export const relayAttacks: readonly Attack[] = [playsRelay, unicastInformation];
