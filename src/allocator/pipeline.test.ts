import { describe, expect, test } from "vitest";
import { createTestAllocator } from "../../test/support/allocator.ts";
import type { TestAnswer } from "../../test/support/allocator.ts";
import { clientProfile, pairOf, says } from "../../test/support/clients.ts";
import type { DeclarationInput } from "../declaration/declaration.ts";
import type { Database } from "../store/database/database.ts";
import { batchRoundsMax } from "../limits.ts";
import { execute, queryNumber } from "../../test/support/sql.ts";

const roomy: DeclarationInput = {
  domains: [
    {
      name: "roomy",
      default: true,
      serverIdentifier: "203.0.113.1",
      pools: [{ name: "shared", kind: "shared", range: "192.0.2.0/24", psidLength: 6 }],
    },
  ],
};

/** Counts requests to the database and their statements: each call of the port is one request. */
function counting(tally: { roundTrips: number; statements: number }) {
  const count = (run: Database["read"]): Database["read"] => {
    return (statements) => {
      tally.roundTrips += 1;
      tally.statements += statements.length;
      return run(statements);
    };
  };
  return (database: Database): Database => ({
    ...database,
    read: count(database.read),
    write: count(database.write),
  });
}

describe("one batch is one round trip, and its statements depend on the kinds of messages, not on their number", () => {
  test.each([1, 16, 256])(
    "%i messages: new clients, then their requests and renewals, and then all kinds at once",
    async (size) => {
      const tally = { roundTrips: 0, statements: 0 };
      const { ask } = await createTestAllocator(roomy, { replace: counting(tally) });
      await ask(says.discover(clientProfile(9999)));
      const clients = Array.from({ length: size }, (_, client) => clientProfile(client));
      const measure = async (
        statements: number,
        messages: Parameters<typeof ask>,
      ): Promise<(TestAnswer | undefined)[]> => {
        tally.roundTrips = tally.statements = 0;
        const answers = await ask(...messages);
        expect(tally).toEqual({ roundTrips: 1, statements });
        return answers;
      };
      const offers = await measure(
        5,
        clients.map((client) => says.discover(client)),
      );
      const acks = await measure(
        4,
        clients.map((client, index) => says.selecting(client, offers[index]!)),
      );
      expect(new Set(acks.map((ack) => ack?.type))).toEqual(new Set(["ack"]));
      await measure(
        4,
        clients.map((client, index) => says.renew(client, acks[index]!)),
      );
      const all = clients.map((client, index) => [
        says.release(client, acks[index]!),
        says.discover(clientProfile(1000 + index), pairOf(acks[index]!)),
        says.selecting(clientProfile(2000 + index), acks[index]!),
      ]);
      await measure(9, all.flat());
    },
  );
});

test("the messages of a client in one batch are served in order", async () => {
  const { ask, counters } = await createTestAllocator(roomy);
  const client = clientProfile(1);
  const [offer] = await ask(says.discover(client));
  await ask(says.selecting(client, offer!));
  const answers = await ask(
    says.release(client, offer!),
    says.renew(client, offer!),
    says.discover(client),
    says.discover(clientProfile(2)),
  );
  expect(answers.map((answer) => answer?.type)).toEqual([undefined, "nak", "offer", "offer"]);
  expect(counters.snapshot()).toMatchObject({ "silence:released": 1, "nak:pair-not-held": 1 });
});

test.each(["release", "decline"] as const)(
  "T4 a REQUEST is not served if a %s of its pair comes after it in one batch",
  async (what) => {
    const { ask, counters } = await createTestAllocator(roomy);
    const client = clientProfile(1);
    const [offer] = await ask(says.discover(client));
    await ask(says.selecting(client, offer!));
    const renewal = says.renew(client, offer!);
    const answers = await ask(renewal, renewal, says[what](client, offer!), says.discover(clientProfile(2)));
    expect(answers.map((answer) => answer?.type)).toEqual([undefined, undefined, undefined, "offer"]);
    const reason = what === "release" ? "released" : "declined";
    expect(counters.snapshot()).toMatchObject({ "silence:given-up-since": 2, [`silence:${reason}`]: 1 });
  },
);

test("a REQUEST is served if the message after it gives up another pair, or none", async () => {
  const { ask, counters } = await createTestAllocator(roomy);
  const client = clientProfile(1);
  const [offer] = await ask(says.discover(client));
  const [other] = await ask(says.discover(clientProfile(2)));
  const answers = await ask(
    says.selecting(client, offer!),
    says.release(client, other!),
    says.discover(client),
  );
  expect(answers.map((answer) => answer?.type)).toEqual(["ack", undefined, "offer"]);
  expect(counters.snapshot()).toMatchObject({ "silence:release-without-lease": 1 });
});

test("repeats of a message in a batch share one claim, and each is answered over its own relay path", async () => {
  const { ask } = await createTestAllocator(roomy);
  const [first, second] = await ask(says.discover(clientProfile(1)), says.discover(clientProfile(1)));
  expect(second!.message).toEqual(first!.message);
  expect(second!.envelope.options).not.toEqual(first!.envelope.options);
});

test("two clients that request the same pair in one batch do not both get it", async () => {
  const { ask } = await createTestAllocator(roomy);
  const hint = { address: 0xc0000205, portParams: { psidOffset: 0, psidLength: 6, psid: 7 } };
  const answers = await ask(says.discover(clientProfile(1), hint), says.discover(clientProfile(2), hint));
  expect(answers[0]).toMatchObject({ type: "offer", address: "192.0.2.5", portParams: hint.portParams });
  expect(answers[1]!.type).toBe("offer");
  expect([answers[1]!.address, answers[1]!.portParams]).not.toEqual([
    answers[0]!.address,
    answers[0]!.portParams,
  ]);
});

test("R7618-10-02: a site cannot exceed its limit within one batch, and other sites are not affected", async () => {
  const [domain] = roomy.domains;
  const { ask, counters } = await createTestAllocator({ domains: [{ ...domain!, siteLeasesMax: 2 }] });
  const from = (client: number, source: string) => ({ ...says.discover(clientProfile(client)), source });
  const answers = await ask(
    ...[1, 2, 3].map((client) => from(client, `2001:db8:0:100::${client}`)),
    from(4, "2001:db8:0:200::4"),
  );
  expect(answers.map((answer) => answer?.type)).toEqual(["offer", "offer", undefined, "offer"]);
  expect(counters.snapshot()["silence:site-limit"]).toBe(1);
});

test("many different messages of one client take a bounded number of rounds, and do not affect other clients", async () => {
  const tally = { roundTrips: 0, statements: 0 };
  const { ask, counters } = await createTestAllocator(roomy, { replace: counting(tally) });
  await ask(says.discover(clientProfile(7)));
  tally.roundTrips = 0;
  const hints = Array.from({ length: 100 }, (_, index) => ({ address: 0xc0000200 + index }));
  const flood = hints.map((hint) => says.discover(clientProfile(1), hint));
  const answers = await ask(...flood, says.discover(clientProfile(2)));
  expect(tally.roundTrips).toBe(batchRoundsMax);
  expect(answers.filter((answer) => answer !== undefined)).toHaveLength(batchRoundsMax + 1);
  expect(counters.snapshot()["silence:batch-rounds-exhausted"]).toBe(100 - batchRoundsMax);
});

test("T2 a sender that repeats another client's identifier in many messages leaves it a round", async () => {
  const { ask, counters } = await createTestAllocator(roomy);
  const victim = clientProfile(1);
  const hints = Array.from({ length: 20 }, (_, index) => ({ address: 0xc0000200 + index }));
  const flood = hints.map((hint) => ({ ...says.discover(victim, hint), source: "fe80::bad" }));
  const answers = await ask(...flood, { ...says.discover(victim), source: "fe80::1" });
  expect(answers.at(-1)?.type).toBe("offer");
  expect(counters.snapshot()["silence:batch-rounds-exhausted"]).toBe(20 - batchRoundsMax + 1);
});

test("R2131-commit: an ACK is encoded only after its transaction has been committed", async () => {
  const events: string[] = [];
  const { ask } = await createTestAllocator(roomy, {
    replace: (database) => ({
      ...database,
      write: async (statements) => {
        const results = await database.write(statements);
        // The answer must wait for this promise; a lease that is visible from elsewhere is committed.
        const bound = await queryNumber(database, "SELECT count(*) FROM lease WHERE state = 2");
        events.push(`write: ${bound} bound`);
        return results;
      },
    }),
  });
  const [offer] = await ask(says.discover(clientProfile(1)));
  events.length = 0;
  const [ack] = await ask(says.selecting(clientProfile(1), offer!));
  events.push(ack!.type!);
  expect(events).toEqual(["write: 1 bound", "ack"]);
});

test("a change of the configuration applies to the next message, without a restart", async () => {
  const { ask, database } = await createTestAllocator(roomy);
  const [before] = await ask(says.discover(clientProfile(1)));
  await execute(
    database,
    `UPDATE domain SET settings = replace(settings, '"default":3600', '"default":7200')`,
  );
  const [after] = await ask(says.discover(clientProfile(1)));
  const secondsOf = (answer: TestAnswer) =>
    new DataView(answer.message.options.get(51)!.slice().buffer).getUint32(0);
  expect([secondsOf(before!), secondsOf(after!)]).toEqual([3600, 7200]);
});
