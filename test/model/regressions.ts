/**
 * Plans that failed once, or that random runs find too rarely. Every check of the model begins with them.
 *
 * @module
 */
import type { Command, Plan, PlannedMessage, Settings } from "./plan.ts";

const settings: Settings = {
  fill: "spread",
  siteLeasesMax: null,
  quarantineSeconds: 60,
  softwireIntervalSeconds: 0,
  rebootNeedsSameSource: false,
  hasReservation: false,
};

const message = (
  what: PlannedMessage["what"],
  client: number,
  fields: Partial<PlannedMessage> = {},
): PlannedMessage => ({
  what,
  client,
  pair: "own",
  withoutPortSet: false,
  softwire: null,
  wish: null,
  otherKind: false,
  place: 0,
  ...fields,
});

const post = (...messages: PlannedMessage[]): Extract<Command, { kind: "post" }> => ({
  kind: "post",
  allocator: 0,
  messages,
  fate: "heard",
  twice: false,
});
const join = (...clients: number[]): Command => ({ kind: "join", allocator: 0, clients });
const pass = (seconds: number): Command => ({ kind: "advance", seconds });

export const regressions: readonly Plan[] = [
  // R2131-4.3.3: the allocator that receives a DECLINE read the clock a second before the other one granted the lease.
  {
    settings,
    commands: [
      { ...post(message("discover", 1)), allocator: 1 },
      pass(1),
      join(0),
      { ...post(message("decline", 0)), allocator: 1 },
    ],
  },
  // T6: a client that its former pool no longer serves took the pair that it had left along to another site.
  {
    settings: { ...settings, siteLeasesMax: 3, quarantineSeconds: 150 },
    commands: [
      join(1),
      join(5),
      pass(601),
      post(
        message("discover", 1, { otherKind: true, place: 2 }),
        message("discover", 4, { place: 2 }),
        message("reboot", 0),
      ),
    ],
  },
  // R7618-10-02: a client moved to a full site and kept its offer there.
  {
    settings: { ...settings, siteLeasesMax: 1 },
    commands: [
      post(message("discover", 0, { place: 2 })),
      post(message("discover", 3)),
      post(message("discover", 0)),
    ],
  },
  // R8539-8.2-01: an ended lease was bound again with a softwire address that another client had obtained meanwhile.
  {
    settings,
    commands: [
      join(0, 1),
      post(message("renew", 0, { softwire: 0 })),
      pass(600),
      post(message("renew", 1, { softwire: 0 })),
      post(message("renew", 0)),
    ],
  },
  // R7618-8-09: an offer that was not accepted ended the quarantine of the previous lease.
  {
    settings: { ...settings, quarantineSeconds: 150 },
    commands: [join(8, 9), post(message("release", 8)), post(message("discover", 8)), pass(61), join(10)],
  },
  // A8: several clients request pairs by address only, in one batch, and more than one wants the same free port set.
  {
    settings,
    commands: [
      post(
        message("discover", 0, { pair: 0, withoutPortSet: true }),
        message("discover", 1, { pair: 1, withoutPortSet: true }),
        message("discover", 2, { pair: 2, withoutPortSet: true }),
      ),
      post(message("select", 0), message("select", 1), message("select", 2)),
    ],
  },
  // A batch with a RELEASE commits but its answer is lost, and the batch has a later message of the same client.
  {
    settings,
    commands: [
      join(0),
      {
        kind: "post",
        allocator: 0,
        fate: "commit-unknown",
        twice: false,
        messages: [message("release", 0), message("withdraw", 0)],
      },
    ],
  },
  // E3: a DECLINE that was not served leaves the move pending, so the next REQUEST of the old pair is refused.
  {
    settings: { ...settings, quarantineSeconds: 150 },
    commands: [
      join(9, 0),
      { kind: "move", client: 9, slot: 1 },
      {
        ...post(message("renew", 0, { softwire: 0 }), message("decline", 9, { softwire: 0 })),
        fate: "not-committed",
      },
      join(9, 0),
    ],
  },
  // E3: a RELEASE that names no pair is not served, so the client of an expired lease is not handed over yet.
  {
    settings,
    commands: [
      join(1),
      { kind: "move", client: 1, slot: 2 },
      pass(700),
      post(message("release", 1, { withoutPortSet: true })),
    ],
  },
  // E3: a move that is repeated when the lease has ended is refused, and leaves the target as it is.
  {
    settings,
    commands: [
      join(3),
      { kind: "move", client: 3, slot: 1 },
      { kind: "advance-to-end", offset: 0 },
      { kind: "move", client: 3, slot: 1 },
    ],
  },
  // E3: a client follows a move after a refusal, after an operator ended its lease, and without being told.
  ...[[post(message("renew", 1))], [{ kind: "end", client: 1 } as const], []].map((told) => ({
    settings,
    commands: [
      join(1),
      { kind: "move", client: 1, slot: 2 } as const,
      ...told,
      post(message("discover", 1)),
      post(message("select", 1)),
      post(message("renew", 1)),
    ],
  })),
];
