/**
 * Mutants of `test/mutants` that break the state of leases: tests notice each of them, and the simulator has to notice
 * them as well.
 *
 * @module
 */
import { mutants } from "../../mutants/mutants.ts";
import type { Need, PlantedBug } from "./bug.ts";

/** Names of mutants that the simulator can show. */
const shown: readonly string[] = [
  "offered-pair-is-not-held",
  "expired-lease-not-reusable",
  "offer-moves-past-a-site-limit",
  "offer-shortens-a-lease",
  "offer-ends-a-quarantine",
  "offer-takes-a-running-lease-away",
  "cursor-passes-free-slots",
  "only-the-first-address",
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
  "ended-lease-keeps-its-softwire",
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
  "late-round-moves-the-arrival-time",
  "requests-after-a-gap-are-new",
  "arrival-on-the-judging-clock-is-ignored",
  "arrival-is-not-converted-for-other-databases",
  "relay-states-no-arrival",
  "relay-does-not-watch-its-loop",
  "queue-forgets-the-earliest-arrival",
  "two-slots-of-one-port-set",
  "answers-sent-by-the-first-listener",
  "file-clock-follows-steps",
  "stale-claims-committed",
  "stale-configuration-accepted",
];

/** Names of mutants that need more than the simulator has. */
const lacking: Readonly<Record<Need, readonly string[]>> = {
  operators: [
    "ack-tells-a-time-past-the-drain-date",
    "moved-client-offered-its-old-pair",
    "renewal-of-a-moved-lease-not-refused",
    "offer-of-a-moved-pair-not-taken",
    "reboot-gets-the-pair-it-moves-to",
    "discover-ends-a-moved-lease",
    "ended-lease-keeps-its-move",
    "declined-pair-forgets-the-move",
    "old-pair-free-as-soon-as-refused",
    "void-move-still-pending",
    "target-of-a-move-free-for-others",
    "refused-move-takes-the-target",
    "operators-end-keeps-the-move",
    "manual-release-without-quarantine",
    "reservation-ends-a-lease-before-its-client-is-told",
    "overlapping-pools-accepted",
    "lease-lists-show-all-domains",
    "expired-token-accepted",
  ],
  evidence: [
    "history-not-written",
    "history-ends-when-the-row-changes",
    "newcomer-certain-of-the-whole-second",
    "last-second-of-a-tenure-forgotten",
    "tenure-includes-its-end",
    "certain-before-the-time-has-come",
    "binding-log-misses-begins-and-ends",
    "binding-log-of-unbound-leases",
    "quarantine-of-a-part-of-a-second-counted-as-bound",
    "first-relay-path-is-the-last",
  ],
  "clock-steps": [
    "file-clock-goes-back",
    "step-is-followed-while-leases-run",
    "change-in-the-future-keeps-its-lease",
    "end-of-a-wrong-clock-kept",
    "evidence-in-doubt-is-certain",
  ],
  "rapid-commit": ["rapid-commit-renews-a-moved-lease"],
  visitors: ["tenure-outlives-its-site", "moved-lease-does-not-count"],
};

function bugOf(name: string, needs?: Need): PlantedBug {
  const mutant = mutants.find((each) => each.name === name);
  if (mutant === undefined) throw new RangeError(`Cannot plant "${name}": no mutant has this name`);
  const { file, search, replacement, rules } = mutant;
  return { name, promise: rules.join(", "), file, search, replacement, needs };
}

/** The mutants as planted bugs. */
export const knownBugs: readonly PlantedBug[] = [
  ...shown.map((name) => bugOf(name)),
  ...Object.entries(lacking).flatMap(([needs, names]) => names.map((name) => bugOf(name, needs as Need))),
];
