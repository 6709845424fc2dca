/**
 * Attacks by single messages: hard to answer, too large, too many, or without an identity.
 *
 * @module
 */
import { MessageType } from "../../src/wire/dhcpv4/codes.ts";
import { OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { decodeFrames, encodeFrames } from "../../src/wire/frames.ts";
import { encodeInterfaceId } from "../../src/wire/relay-interface-id.ts";
import { enclose, levelAt } from "../rules/acting-client.ts";
import type { ClientLocation, MessageOverrides } from "../rules/acting-client.ts";
import { readAnswer } from "../support/answer.ts";
import type { Attack } from "./attack.ts";
import { pause } from "./field.ts";
import type { Field, FieldAnswer, Sent } from "./field.ts";
import { countTypes, domainOf, linkOf, remoteId } from "./parts.ts";

/** Options that fill an answer, and the codes that ask for them. */
const longOptions = { other: [224, 225, 226, 227].map((code) => ({ code, hex: "0a".repeat(250) })) };
const asksForLong = { parameterRequestList: [159, 3, 224, 225, 226, 227], options: { 57: [5, 220] } };

/** Option 61 of a length, for a client by number. */
const identifierOf = (octets: number, number: number): number[] => [
  ...[255, number],
  ...new Array<number>(octets - 2).fill(7),
];

const answersThatDoNotFit: Attack = {
  id: "T1",
  tried: "Rapid Commit with options 80 and 109, identifiers up to 255 octets, any option 57",
  domains: [domainOf("1", { rapidCommit: true, options: longOptions })],
  run: async (field) => {
    const lengths = [16, 200, 251, 252, 253, 254, 255];
    const sizes = [null, [0, 1], [2, 64], [255, 255]];
    const plans = lengths.flatMap((octets) =>
      sizes.flatMap((size) => [true, false].map((hasSoftwire) => ({ octets, size, hasSoftwire }))),
    );
    const messages = plans.map(({ octets, size, hasSoftwire }, number) =>
      field.client(number, { linkAddress: linkOf("1") }).message(MessageType.discover, {
        softwire: hasSoftwire ? `2001:db8:1:1::${number + 1}` : undefined,
        parameterRequestList: asksForLong.parameterRequestList,
        options: { 61: identifierOf(octets, number), 80: [], 57: size },
      }),
    );
    const answers = await field.askAll(messages);
    // What has 255 octets can't be repeated in an answer that every client accepts.
    const held = plans.every(({ octets }, index) => octets === 255 || answers[index] !== undefined);
    return { seen: `${plans.length} DISCOVERs: ${countTypes(answers)}`, held };
  },
};

/** A datagram of a length, nearly all of it the Interface-Id of its relay. */
function paddedTo(length: number, query: Uint8Array, location: ClientLocation): Uint8Array {
  const padding = (octets: number) =>
    levelAt({
      ...location,
      options: [{ code: OptionCode6.interfaceId, data: new Uint8Array(octets).fill(9) }],
    });
  const bare = enclose(query, [padding(0)]).length;
  return enclose(query, [padding(length - bare)]);
}

/** A message in the level of our own relay, as an allocator gets it. */
const frameOf = (datagram: Uint8Array): Uint8Array =>
  enclose(datagram, [
    levelAt({
      options: [
        {
          code: OptionCode6.interfaceId,
          data: encodeInterfaceId({ listener: 0, port: 547, believed: 1, zone: "" }),
        },
      ],
    }),
  ]);

/** POSTs bad frames, with a good one before and after each. @returns The status, and how many good ones were answered. */
async function postAmongGood(field: Field, bad: readonly Uint8Array[], goodOnes: readonly Sent[]) {
  const frames = goodOnes.flatMap(({ datagram }, index) => [
    frameOf(datagram),
    ...bad.slice(index, index + 1),
  ]);
  const response = await field.post(encodeFrames(frames));
  const body = new Uint8Array(await response.arrayBuffer());
  const answers = response.ok ? decodeFrames(body, frames.length).map(readAnswer) : [];
  const xids = new Set(answers.map(({ message }) => message.xid));
  return { status: response.status, answered: goodOnes.filter(({ xid }) => xids.has(xid)).length };
}

const tooLargeToAnswer: Attack = {
  id: "T2",
  tried: "RELAY-FORW of 65,460 octets, cut and nested frames, in one POST with good ones",
  domains: [domainOf("2", { options: longOptions })],
  run: async (field) => {
    const place = { linkAddress: linkOf("2") };
    const failedBefore = await field.postsFailed();
    const query = (number: number) =>
      field.client(number, place).query(MessageType.discover, { xid: number, ...asksForLong });
    const message = (number: number) => field.client(number, place).message(MessageType.discover, {});
    for (const [number, size] of [65_460, 65_400, 65_000, 62_000].entries()) {
      await field.transmit(paddedTo(size, query(number + 1), place));
    }
    const neighbours = await field.askAll(Array.from({ length: 8 }, (_, number) => message(100 + number)));
    const offers = neighbours.filter((answer) => answer?.type === "offer").length;
    const failed = (await field.postsFailed()) - failedBefore;
    const good = frameOf(query(9));
    const bad = [
      frameOf(paddedTo(65_450, query(10), place)),
      good.subarray(0, good.length - 30),
      Uint8Array.of(12),
      new Uint8Array(200).fill(255),
      frameOf(enclose(query(11), new Array(20).fill(levelAt(place)))),
    ];
    const goodOnes = Array.from({ length: bad.length + 1 }, (_, number) => message(200 + number));
    const { status, answered } = await postAmongGood(field, bad, goodOnes);
    return {
      seen:
        `${offers} of 8 neighbours served, ${failed} POSTs failed; ` +
        `directly: ${status}, ${answered} of ${goodOnes.length} good ones answered`,
      held: offers === 8 && failed === 0 && status === 200 && answered === goodOnes.length,
    };
  },
};

const longAnswers: Attack = {
  id: "T3",
  tried: "300 datagrams of 4 KB at once, whose answers are longer still",
  domains: [domainOf("3", { options: longOptions })],
  run: async (field) => {
    const place = { linkAddress: linkOf("3") };
    const before = (await field.relay.status()).counters;
    const failedBefore = await field.postsFailed();
    const goOn = pause(field.allocator);
    try {
      for (let number = 1; number <= 300; number++) {
        const query = field
          .client(number, place)
          .query(MessageType.discover, { xid: number, ...asksForLong });
        await field.transmit(paddedTo(4000, query, place));
        // The socket of the relay has room for some dozen such datagrams.
        if (number % 20 !== 0) continue;
        await field.until(
          async () => (await field.relay.status()).counters.received >= before.received + number,
        );
      }
    } finally {
      goOn();
    }
    await field.settle();
    const { answered } = (await field.relay.status()).counters;
    const failed = (await field.postsFailed()) - failedBefore;
    const own = answered - before.answered;
    return {
      seen: `${Math.min(own, 300)} of 300 answered, ${failed} POSTs failed`,
      held: own >= 300 && failed === 0,
    };
  },
};

const manyLines: Attack = {
  id: "T12",
  tried: "65,000 lines and 1,024 prefixes; 100 POSTs of 256 queries that match none",
  setup: {
    domains: [
      domainOf("12", {
        prefixes: Array.from({ length: 1024 }, (_, index) => `2001:db8:12:${index.toString(16)}::/64`),
        lines: Array.from({ length: 65_000 }, (_, index) => ({
          linkAddress: "2001:db8:99::1",
          interfaceId: `ge-0/0/${index}`,
        })),
      }),
    ],
  },
  // Where cost grows with lines, each POST takes about a second.
  deadlineMs: 45_000,
  run: async (field) => {
    const onLine = { linkAddress: "2001:db8:99::1", interfaceId: "ge-0/0/64999" };
    await field.client(1, onLine).lease();
    const startMs = performance.now();
    const posts = 100;
    for (let post = 0; post < posts; post++) {
      const queries = Array.from({ length: 256 }, (_, index) => {
        const place = { linkAddress: "2001:db8:98::1", interfaceId: `${post}/${index}` };
        return frameOf(field.client(index, place).message(MessageType.discover, {}).datagram);
      });
      const { status } = await field.post(encodeFrames(queries));
      if (status !== 200) return { seen: `a POST got ${status}`, held: false };
    }
    const each = Math.round((performance.now() - startMs) / posts);
    return { seen: `${each} ms a POST of 256 queries; the line of a client is found`, held: true };
  },
};

const sharedHardwareAddresses: Attack = {
  id: "T25",
  tried: "hardware addresses of zeros, ones, a group, and of no length, without option 61",
  domains: [
    domainOf("25", {
      identifiesByHardwareAddress: true,
      pools: [{ name: "t25", kind: "full", range: "198.18.25.0/28" }],
    }),
  ],
  run: async (field) => {
    const chaddr = (...octets: number[]) => Uint8Array.from({ length: 16 }, (_, index) => octets[index] ?? 0);
    const say = (number: number, header: MessageOverrides["header"]) =>
      field
        .client(number, { linkAddress: linkOf("25") })
        .discover({}, { options: { 61: null }, parameterRequestList: [1, 3, 6], ...(header && { header }) });
    const bad = [
      { chaddr: chaddr() },
      { chaddr: chaddr(255, 255, 255, 255, 255, 255) },
      { chaddr: chaddr(1, 0, 0x5e, 0, 0, 1) },
      { hlen: 0, chaddr: chaddr(2, 0, 0, 0, 0, 1) },
    ];
    const answers: (FieldAnswer | undefined)[] = [];
    for (const header of bad) answers.push(await say(1, header), await say(2, header));
    const good = await say(3, { chaddr: chaddr(2, 0, 0, 0, 0, 3) });
    return {
      seen: `two customers each: ${countTypes(answers)}; a real address: ${good?.type ?? "silence"}`,
      held: answers.every((answer) => answer === undefined) && good?.type === "offer",
    };
  },
};

const emptyAndLongIdentifiers: Attack = {
  id: "T26",
  tried: "Remote-Ids of an enterprise number alone, of 200 and of 300 octets; a limit of 2",
  domains: [domainOf("26", { siteBy: ["remote-id", "interface-id"], siteLeasesMax: 2 })],
  run: async (field) => {
    let number = 0;
    const offers = async (count: number, place: (index: number) => ClientLocation): Promise<number> => {
      const messages = Array.from({ length: count }, (_, index) =>
        field
          .client(++number, { linkAddress: linkOf("26"), ...place(index) })
          .message(MessageType.discover, {}),
      );
      return (await field.askAll(messages)).filter((answer) => answer?.type === "offer").length;
    };
    const empty = await offers(6, (index) => ({ interfaceId: `line-${index}`, options: [remoteId("")] }));
    const long = (octets: number, last: string) => remoteId("x".repeat(octets) + last);
    const [first, second, third] = [
      await offers(4, () => ({ options: [long(199, "a")] })),
      await offers(4, () => ({ options: [long(199, "b")] })),
      await offers(4, () => ({ options: [long(300, "c")] })),
    ];
    return {
      seen: `${empty} of 6 customers with empty ones served; long ones: ${first}, ${second}, ${third} of 4 leases each`,
      held: empty === 6 && [first, second, third].every((count) => count === 2),
    };
  },
};

/** Attacks by messages. */
export const messageAttacks: readonly Attack[] = [
  answersThatDoNotFit,
  tooLargeToAnswer,
  longAnswers,
  manyLines,
  sharedHardwareAddresses,
  emptyAndLongIdentifiers,
];
