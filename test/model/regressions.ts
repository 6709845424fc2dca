/**
 * Runs that failed once, or that chance finds too seldom. Each check of the model begins with them.
 *
 * @module
 */
import type { Command, Plan, Say, Settings } from "./plan.ts";

const settings: Settings = {
  fill: "spread",
  siteLeasesMax: null,
  quarantineSeconds: 60,
  softwireIntervalSeconds: 0,
  rebootNeedsSameSource: false,
  hasReservation: false,
};

const say = (what: Say["what"], client: number, fields: Partial<Say> = {}): Say => ({
  what,
  client,
  pair: "own",
  withoutPortSet: false,
  softwire: null,
  otherKind: false,
  place: 0,
  ...fields,
});

const post = (...says: Say[]): Command => ({ kind: "post", allocator: 0, says, fate: "heard", twice: false });
const join = (...clients: number[]): Command => ({ kind: "join", allocator: 0, clients });
const pass = (seconds: number): Command => ({ kind: "advance", seconds });

export const regressions: readonly Plan[] = [
  // R7618-10-02: an offer went with its client to a site that had no room for it.
  {
    settings: { ...settings, siteLeasesMax: 1 },
    commands: [post(say("discover", 0, { place: 2 })), post(say("discover", 3)), post(say("discover", 0))],
  },
  // R8539-8.2-01: an ended lease came back with a softwire address that another client had by then.
  {
    settings,
    commands: [
      join(0, 1),
      post(say("renew", 0, { softwire: 0 })),
      pass(600),
      post(say("renew", 1, { softwire: 0 })),
      post(say("renew", 0)),
    ],
  },
  // R7618-8-09: an offer that came to nothing ended the quarantine of the lease before it.
  {
    settings: { ...settings, quarantineSeconds: 150 },
    commands: [join(8, 9), post(say("release", 8)), post(say("discover", 8)), pass(61), join(10)],
  },
  // A8: two clients wish for one address at once, and there is one free port set that both could mean.
  {
    settings,
    commands: [
      post(
        say("discover", 0, { pair: 0, withoutPortSet: true }),
        say("discover", 1, { pair: 1, withoutPortSet: true }),
        say("discover", 2, { pair: 2, withoutPortSet: true }),
      ),
      post(say("select", 0), say("select", 1), say("select", 2)),
    ],
  },
  // The answer to a batch with a RELEASE is lost, and the same client says more in it.
  {
    settings,
    commands: [
      join(0),
      {
        kind: "post",
        allocator: 0,
        fate: "commit-unknown",
        twice: false,
        says: [say("release", 0), say("withdraw", 0)],
      },
    ],
  },
];
