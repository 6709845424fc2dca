/**
 * Mutants of `test/mutants` that break the state of leases: tests notice each of them, and the simulator has to notice
 * them as well.
 *
 * @module
 */
import { mutants } from "../../mutants/mutants.ts";
import type { PlantedBug } from "./bug.ts";

/** Names of mutants that the simulator can show. */
const shown: readonly string[] = [
  "offered-pair-is-not-held",
  "expired-lease-not-reusable",
  "offer-moves-past-a-site-limit",
  "offer-shortens-a-lease",
  "offer-ends-a-quarantine",
  "offer-of-a-reserved-pair-ends-a-quarantine",
  "offer-takes-a-running-lease-away",
  "cursor-passes-free-slots",
  "offered-time-not-kept",
  "granted-time-not-kept-for-a-repeat",
  "site-limit-counts-only-leases",
  "quarantine-does-not-count-for-its-site",
  "site-at-its-limit-takes-new-pairs",
  "no-site-limit-within-a-batch",
  "release-of-another-clients-slot",
  "release-of-any-slot-of-the-client",
  "late-batches-committed",
  "late-release-ends-newer-lease",
  "declined-pair-offered-to-its-client",
  "no-quarantine-in-the-row",
  "no-release-quarantine",
  "no-decline-quarantine",
  "declined-pair-free-after-the-quarantine",
  "quarantine-a-part-of-a-second-short",
  "lease-ends-a-part-of-a-second-early",
  "released-lease-keeps-its-softwire",
  "softwire-interval-ignored",
  "softwire-conflict-stored",
  "softwire-conflict-binds-without-softwire",
  "renewal-binds-an-offer",
  "renewal-does-not-extend",
  "renewal-shortens-the-row",
  "no-expiry-quarantine",
  "lease-time-not-bounded",
  "ack-tells-the-end-of-the-row",
  "ack-regardless-of-the-row",
  "ack-for-another-slot-than-the-record",
  "batch-judged-by-earlier-instant",
  "another-line-reaches-the-lease",
  "another-line-reaches-the-offer",
  "another-line-gets-the-pair-in-its-quarantine",
  "running-lease-of-another-line-is-free-to-take",
  "claims-without-their-line",
  "request-to-another-server-ends-lease",
  "arrival-on-the-judging-clock-is-ignored",
  "relay-does-not-watch-its-loop",
  "queue-forgets-the-earliest-arrival",
  "two-slots-of-one-port-set",
  "answers-sent-by-the-first-listener",
  "file-clock-follows-steps",
  "renewal-of-a-moved-lease-not-refused",
  "old-pair-free-as-soon-as-refused",
  "target-of-a-move-free-for-others",
  "manual-release-without-quarantine",
  "reservation-ends-a-lease-before-its-client-is-told",
  "lease-lists-show-all-domains",
  "newcomer-certain-of-the-whole-second",
  "last-second-of-a-tenure-forgotten",
  "tenure-includes-its-end",
  "binding-log-of-unbound-leases",
  "moved-lease-does-not-count",
  "history-not-written",
  "history-ends-when-the-row-changes",
  "moved-client-offered-its-old-pair",
  "discover-ends-a-moved-lease",
  "ended-lease-keeps-its-move",
  "declined-pair-forgets-the-move",
  "stale-claims-committed",
  "stale-configuration-accepted",
];

/** What the simulator lacks -> names of mutants that it therefore does not show. */
const unseen: Readonly<Record<string, readonly string[]>> = {
  "reservations that come and go while their pair is in quarantine, which few seeds have": [
    "reservation-ends-a-quarantine",
    "deleted-reservation-ends-a-quarantine",
  ],
  "messages at the very moments of a move, which few seeds have": [
    "offer-of-a-moved-pair-not-taken",
    "reboot-gets-the-pair-it-moves-to",
    "void-move-still-pending",
    "refused-move-takes-the-target",
    "operators-end-keeps-the-move",
    "rapid-commit-renews-a-moved-lease",
    "ack-tells-a-time-past-the-drain-date",
    "tenure-outlives-its-site",
  ],
  "an operator who declares pools that overlap, or tokens that expire": [
    "overlapping-pools-accepted",
    "expired-token-accepted",
  ],
  "questions about the future, and rules for relay paths and parts of a second in evidence": [
    "certain-before-the-time-has-come",
    "binding-log-misses-begins-and-ends",
    "quarantine-of-a-part-of-a-second-counted-as-bound",
    "first-relay-path-is-the-last",
  ],
  "a machine whose clock is set while no lease runs, or for ever": [
    "file-clock-goes-back",
    "step-is-followed-while-leases-run",
    "change-in-the-future-keeps-its-lease",
    "end-of-a-wrong-clock-kept",
    "evidence-in-doubt-is-certain",
  ],
  "a rule for arrivals that is exact to the round trip of a reading": [
    "arrival-is-not-converted-for-other-databases",
  ],
  "leases with a softwire address that end while their client wants to keep them": [
    "ended-lease-keeps-its-softwire",
  ],
  "a pool whose first address is used up while others of it are free": ["only-the-first-address"],
  "POSTs that are late when their relay states no arrival": ["relay-states-no-arrival"],
  "a relay that does not know the clock of the database, while its allocator stands still": [
    "requests-after-a-gap-are-new",
  ],
};

function bugOf(name: string, needs?: string): PlantedBug {
  const mutant = mutants.find((each) => each.name === name);
  if (mutant === undefined) throw new RangeError(`Cannot plant "${name}": no mutant has this name`);
  const { file, search, replacement, rules } = mutant;
  return { name, promise: rules.join(", "), file, search, replacement, needs };
}

/** The mutants as planted bugs. */
export const knownBugs: readonly PlantedBug[] = [
  ...shown.map((name) => bugOf(name)),
  ...Object.entries(unseen).flatMap(([needs, names]) => names.map((name) => bugOf(name, needs))),
];
