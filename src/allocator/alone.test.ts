/**
 * One query's fault is its own: whatever one frame of a POST holds, the others are answered.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createTestAllocator, wrap } from "../../test/support/allocator.ts";
import { clientProfile, says } from "../../test/support/clients.ts";
import { vectorOctets, vectors } from "../../test/support/vectors.ts";
import type { DeclarationInput } from "../declaration/declaration.ts";
import { answerGrowthOctetsMax, messageOctetsMax, relayBodyOctetsMax } from "../limits.ts";
import type { Database, Statement } from "../store/database/database.ts";
import { DatabaseError } from "../store/database/database.ts";
import { MessageType6, OptionCode6 } from "../wire/dhcpv6/codes.ts";
import { encodeRelayMessage } from "../wire/dhcpv6/relay.ts";
import { decodeFrames, encodeFrames } from "../wire/frames.ts";
import { parseIPv6 } from "../wire/ipv6-address.ts";

const roomy = (fields: Partial<DeclarationInput["domains"][number]> = {}): DeclarationInput => ({
  domains: [
    {
      name: "roomy",
      default: true,
      serverIdentifier: "203.0.113.1",
      pools: [{ name: "shared", kind: "shared", range: "192.0.2.0/24", psidLength: 6 }],
      ...fields,
    },
  ],
});

/** A DHCPV4-QUERY with a DISCOVER of these options, each in full. */
function discover(...options: readonly (readonly number[])[]): Uint8Array {
  const message = [
    ...[1, 1, 6, 0, 0x4f, 0x0a, 0, 1], // op, htype, hlen, hops, xid
    ...new Array<number>(20).fill(0), // secs to giaddr
    ...[2, 0, 0, 0, 0, 1, ...new Array<number>(202).fill(0)], // chaddr, sname, file
    ...[0x63, 0x82, 0x53, 0x63], // cookie
    ...[53, 1, 1], // DISCOVER
    ...(options.some(([code]) => code === 55) ? [] : [55, 2, 159, 3]), // parameter request list
    ...options.flat(),
    255,
  ];
  return Uint8Array.of(20, 0, 0, 0, 0, 87, message.length >> 8, message.length & 255, ...message);
}

const identifier = (octets: number) => [61, octets, 255, ...new Array<number>(octets - 1).fill(7)];
const rapidCommit = [80, 0];
const softwire = [109, 16, 0x20, 1, 0xd, 0xb8, ...new Array<number>(11).fill(0), 1];

describe("T1 every loop that makes an answer fit ends", () => {
  test.each(
    [16, 200, 251, 252, 253, 254].flatMap((octets) => [[octets, true] as const, [octets, false] as const]),
  )("identifier of %i octets, softwire %s, Rapid Commit", async (octets, hasSoftwire) => {
    const { ask, counters } = await createTestAllocator(roomy({ rapidCommit: true }));
    const options = [identifier(octets), rapidCommit, ...(hasSoftwire ? [softwire] : [])];
    const [answer, other] = await ask({ octets: discover(...options) }, says.discover(clientProfile(1)));
    expect(other?.type).toBe("offer");
    // An ACK for Rapid Commit that would not fit becomes an offer.
    expect(answer?.type).toBe(octets <= 252 ? "ack" : "offer");
    expect(counters.snapshot()).not.toHaveProperty("silence:internal-error");
  });

  test.each([0, 1, 27, 28, 575, 576, 65_535])("option 57 says %i", async (size) => {
    const { ask } = await createTestAllocator(roomy({ rapidCommit: true }));
    const [answer] = await ask({
      octets: discover(identifier(254), softwire, [57, 2, size >> 8, size & 255]),
    });
    expect(answer?.type).toBe("offer");
  });
});

/** A frame whose relay level has an Interface-Id of this length. */
const padded = (octets: number, message: Uint8Array): Uint8Array =>
  encodeRelayMessage(
    MessageType6.relayForward,
    {
      hopCount: 0,
      linkAddress: parseIPv6("::"),
      peerAddress: parseIPv6("fe80::9"),
      options: [{ code: OptionCode6.interfaceId, data: new Uint8Array(octets).fill(9) }],
    },
    message,
  );

/** Whether the octets occur in an argument. */
const hasArgument = (statements: readonly Statement[], octets: Uint8Array): boolean =>
  statements.some(({ args }) =>
    args.some((each) => each instanceof Uint8Array && Buffer.from(each).includes(Buffer.from(octets))),
  );

describe("T2 a query that fails costs itself alone", () => {
  test("a frame whose answer could not be framed changes nothing, and the others are answered", async () => {
    const { post, counters, database } = await createTestAllocator(roomy());
    const good = wrap(says.discover(clientProfile(1)), 0);
    const message = says.discover(clientProfile(2)).octets;
    const room = messageOctetsMax - 34 - 4 - 4 - message.length;
    const body = encodeFrames([padded(room, message), good, padded(room - answerGrowthOctetsMax, message)]);
    const response = await post(body);
    expect(response.status).toBe(200);
    expect(decodeFrames(new Uint8Array(await response.arrayBuffer()), 3)).toHaveLength(2);
    expect(counters.snapshot()).toMatchObject({ "silence:answer-too-large": 1, offer: 2 });
    expect((await database.read([{ sql: "SELECT count(*) FROM lease", args: [] }]))[0]!.rows[0]![0]).toBe(2);
  });

  test("a claim that the database refuses costs itself, and the log has it once", async () => {
    const poison = clientProfile(666);
    const refusing = (database: Database): Database => ({
      ...database,
      write: async (statements) => {
        if (hasArgument(statements, poison.clientIdentifier)) {
          throw new DatabaseError(
            "constraint failed",
            Object.assign(new Error(), { code: "SQLITE_CONSTRAINT_CHECK" }),
          );
        }
        return database.write(statements);
      },
    });
    const { ask, counters, logged } = await createTestAllocator(roomy(), { replace: refusing });
    for (let repeat = 1; repeat <= 2; repeat++) {
      const messages = [1, 2, 666, 3, 4, 5].map((client) => says.discover(clientProfile(client)));
      const answers = await ask(...messages);
      expect(answers.map((answer) => answer?.type)).toEqual([
        "offer",
        "offer",
        undefined,
        "offer",
        "offer",
        "offer",
      ]);
      expect(counters.snapshot()["silence:internal-error"]).toBe(repeat);
    }
    expect(logged.filter(({ message }) => message.includes("internal error"))).toHaveLength(1);
  });

  test("many claims that the database refuses cost a bounded number of transactions", async () => {
    let writes = 0;
    const identifierBegin = clientProfile(0).clientIdentifier.subarray(0, 9);
    const refusing = (database: Database): Database => ({
      ...database,
      write: async (statements) => {
        writes++;
        if (!hasArgument(statements, identifierBegin)) return database.write(statements);
        throw new DatabaseError(
          "constraint failed",
          Object.assign(new Error(), { code: "SQLITE_CONSTRAINT" }),
        );
      },
    });
    const { ask, counters } = await createTestAllocator(roomy(), { replace: refusing });
    await ask(...Array.from({ length: 64 }, (_, client) => says.discover(clientProfile(client))));
    expect(counters.snapshot()["silence:internal-error"]).toBe(64);
    expect(writes).toBeLessThan(64 / 2);
  });

  test("a database that is away is no fault of a claim: the whole POST can be tried again", async () => {
    let calls = 0;
    const away = (database: Database): Database => ({
      ...database,
      write: () => {
        calls++;
        return Promise.reject(new DatabaseError("no answer"));
      },
    });
    const { post } = await createTestAllocator(roomy(), { replace: away });
    const response = await post(
      encodeFrames([1, 2, 3].map((client) => wrap(says.discover(clientProfile(client)), 0))),
    );
    expect(response.status).toBe(503);
    expect(calls).toBe(1);
  });

  test("any mutated frame beside good ones: the good ones are answered", async () => {
    const { ask } = await createTestAllocator(roomy({ rapidCommit: true }));
    const seeds = vectors.map(({ name }) => vectorOctets(name).octets);
    let client = 10_000;
    const mutated = fc
      .tuple(
        fc.constantFrom(...seeds),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
        fc.nat({ max: 40 }),
      )
      .map(([seed, changes, cut]) => {
        const octets = seed.slice(0, Math.max(0, seed.length - (cut > 20 ? cut - 20 : 0)));
        for (const [at, value] of changes) if (octets.length > 0) octets[at % octets.length] = value;
        return octets;
      });
    await fc.assert(
      fc.asyncProperty(fc.array(mutated, { minLength: 1, maxLength: 6 }), async (bad) => {
        const good = [says.discover(clientProfile(client++)), says.discover(clientProfile(client++))];
        const answers = await ask(good[0]!, ...bad.map((octets) => ({ octets })), good[1]!);
        expect([answers[0]?.type, answers.at(-1)?.type]).toEqual(["offer", "offer"]);
      }),
      { numRuns: 300 },
    );
  });
});

test("T3 the answers of one POST never pass the bound of relays; those that do not fit are counted", async () => {
  const long = { other: [224, 225, 226, 227].map((code) => ({ code, hex: "0a".repeat(250) })) };
  const { post, counters } = await createTestAllocator(roomy({ options: long }));
  const asking = (client: number) =>
    discover(
      [61, 5, 255, 0, 1, client >> 8, client & 255],
      [55, 6, 159, 3, 224, 225, 226, 227],
      [57, 2, 5, 220],
    );
  const body = encodeFrames(Array.from({ length: 256 }, (_, client) => padded(3650, asking(client))));
  expect(body.length).toBeLessThanOrEqual(relayBodyOctetsMax);
  const response = await post(body);
  const answers = new Uint8Array(await response.arrayBuffer());
  expect(answers.length).toBeLessThanOrEqual(relayBodyOctetsMax);
  const { answersLeftOut: left = 0, ...counted } = counters.snapshot();
  const outcomes = Object.entries(counted).filter(([name]) => /^(offer|ack|nak|silence)\b/.test(name));
  expect(outcomes.reduce((sum, [, count]) => sum + count, 0)).toBe(256);
  expect(left).toBeGreaterThan(0);
  expect(decodeFrames(answers, 256).length + left).toBe(256);
});
