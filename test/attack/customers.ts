/**
 * Attacks by customers: they come and go with new identifiers, announce impossible softwire addresses, and use the
 * identifiers of others.
 *
 * @module
 */
import { MessageType, OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { formatIPv6 } from "../../src/wire/ipv6-address.ts";
import type { ClientLocation } from "../rules/acting-client.ts";
import { itemsOf } from "../support/admin.ts";
import type { Attack } from "./attack.ts";
import type { Field, FieldAnswer } from "./field.ts";
import { countTypes, domainOf, linkOf, remoteId } from "./parts.ts";

/** Pairs of the pool of T6: four addresses with 63 port sets each. */
const loopedPairs = 252;

/** Lets one site loop with new client identifiers. @returns How often it got a lease. */
async function loopAtOneSite(field: Field, end: "release" | "decline", link: string): Promise<number> {
  const place = { linkAddress: link, options: [remoteId("looping")] };
  let leases = 0;
  for (let number = 1; number <= loopedPairs; number++) {
    const client = field.client(number, place);
    try {
      const ack = await client.lease();
      leases++;
      if (end === "release") await client.release(ack);
      else await client.decline(ack.address, { portParams: ack.portParams });
    } catch {
      // It is at its limit.
    }
  }
  return leases;
}

/** Lets customers with a site each take what is left. @returns How many got a lease. */
async function takeTheRest(field: Field, link: string): Promise<number> {
  const others = Array.from({ length: loopedPairs }, (_, index) =>
    field.client(1000 + index, { linkAddress: link, options: [remoteId(`site-${index}`)] }),
  );
  const offers = await field.askAll(others.map((client) => client.message(MessageType.discover, {})));
  return offers.filter((answer) => answer?.type === "offer").length;
}

const loopDomain = (number: string) =>
  domainOf(number, {
    siteBy: ["remote-id"],
    pools: [
      {
        name: `t${number}`,
        kind: "shared",
        range: `198.18.${Number.parseInt(number, 16)}.0/30`,
        psidLength: 6,
      },
    ],
  });

const loops: Attack = {
  id: "T6",
  tried: "one site loops DISCOVER, REQUEST and RELEASE (or DECLINE) with new identifiers; no limit is set",
  domains: [loopDomain("6"), loopDomain("6d")],
  deadlineMs: 120_000,
  run: async (field) => {
    const results: string[] = [];
    let held = true;
    for (const [end, number] of [
      ["release", "6"],
      ["decline", "6d"],
    ] as const) {
      const leases = await loopAtOneSite(field, end, linkOf(number));
      const left = await takeTheRest(field, linkOf(number));
      results.push(`${end}: ${leases} leases, ${left} of ${loopedPairs} pairs left for others`);
      // The default limit of a site is 16.
      held &&= left >= loopedPairs - 16;
    }
    return { seen: results.join("; "), held };
  },
};

const borderRelay = "2001:db8:ffff::1";
const impossible = ["::", "::1", "ff02::1", "fe80::1", "::ffff:192.0.2.1", "::192.0.2.1", borderRelay];

const softwireOf = (answer: FieldAnswer | undefined): string => {
  const data = answer?.message.options.get(OptionCode.softwireSourceAddress);
  return data === undefined ? "none" : formatIPv6(data);
};

const impossibleSoftwires: Attack = {
  id: "T7",
  tried:
    "option 109 unspecified, loopback, multicast, link-local, IPv4-mapped, a border relay's: in REQUEST and RENEW",
  domains: [domainOf("7", { softwire: { borderRelays: [borderRelay] } })],
  run: async (field) => {
    const place = { linkAddress: linkOf("7") };
    const first: (FieldAnswer | undefined)[] = [];
    const kept: string[] = [];
    for (const [number, softwire] of impossible.entries()) {
      const client = field.client(number, place);
      first.push(await client.select((await client.discover({}, { softwire }))!, { softwire }));
      const own = `2001:db8:7:7::${number + 1}`;
      const holder = field.client(100 + number, place);
      const ack = await holder.lease({}, { softwire: own });
      const renewed = await holder.renew(ack, { softwire });
      kept.push(softwireOf(renewed) === own ? "kept" : `${softwire} became ${softwireOf(renewed)}`);
    }
    const table = await field.admin("GET", "/bindings?domain=t7");
    // The table has the border relay's own address, but not as that of a client.
    const exported = impossible.filter(
      (address) => address !== borderRelay && JSON.stringify(table.body).includes(`"${address}"`),
    );
    const keptCount = kept.filter((each) => each === "kept").length;
    return {
      seen:
        `${impossible.length} REQUESTs: ${countTypes(first)}; RENEW: ${keptCount} of ${kept.length} keep their own; ` +
        `binding table (${table.status}): ${exported.length} of them`,
      held:
        first.every((answer) => answer?.type === "nak") &&
        keptCount === kept.length &&
        exported.length === 0 &&
        table.status === 200,
    };
  },
};

const otherLine: Attack = {
  id: "T8",
  tried:
    "REQUEST, RENEW, REBIND, INIT-REBOOT, RELEASE and DECLINE with a client's identifier from another line",
  domains: [domainOf("8", { siteBy: ["remote-id"], siteLeasesMax: 2 })],
  run: async (field) => {
    const lineA: ClientLocation = { linkAddress: linkOf("8"), options: [remoteId("line-a")] };
    const lineB: ClientLocation = { linkAddress: linkOf("8"), options: [remoteId("line-b")] };
    const [holder, thief] = [field.client(1, lineA), field.client(1, lineB)];
    const lease = await holder.lease();
    const answers = [
      await thief.select(lease),
      await thief.renew(lease),
      await thief.rebind(lease),
      await thief.reboot(lease),
      await thief.release(lease),
      await thief.decline(lease.address, { portParams: lease.portParams }),
    ];
    const renewed = await holder.renew(lease);
    const neighbour = await field.client(2, lineA).discover();
    const leases = itemsOf(await field.admin("GET", "/leases?domain=t8&state=bound"));
    const isKept = renewed?.type === "ack" && renewed.portParams?.psid === lease.portParams?.psid;
    return {
      seen:
        `6 messages from line B: ${countTypes(answers)}; line A renews: ${renewed?.type ?? "silence"}; ` +
        `its next customer: ${neighbour?.type ?? "silence"}; ${leases.length} bound`,
      held:
        answers.every((answer) => answer?.type !== "ack") &&
        isKept &&
        neighbour?.type === "offer" &&
        leases.length === 1,
    };
  },
};

/** Attacks by customers. */
export const customerAttacks: readonly Attack[] = [loops, impossibleSoftwires, otherLine];
