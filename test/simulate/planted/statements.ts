/**
 * Statements of a batch, each without one of its conditions.
 *
 * @module
 */
import type { PlantedBug } from "./bug.ts";

const folder = "src/store/batch/statements";

export const statementBugs: readonly PlantedBug[] = [
  {
    name: "end-leases-without-received",
    promise: "T4 a delayed message does not end a newer lease of its client",
    file: `${folder}/end.ts`,
    search: 'AND (${parameter("received")} IS NULL OR ${lastChangedMs} <= ${parameter("received")})',
    replacement: "",
  },
  {
    name: "end-leases-spares-leases-of-some-seconds",
    promise: "a message that gives a pair up is obeyed",
    file: `${folder}/end.ts`,
    search: '${lastChangedMs} <= ${parameter("received")})',
    replacement: '${lastChangedMs} <= ${parameter("received")} - 8000)',
  },
  {
    name: "end-leases-moves-the-end-of-an-ended-lease",
    promise: "a RELEASE makes no lease longer",
    file: `${folder}/end.ts`,
    search: "${nameOf(lease.expiresAt)} = min(${lease.expiresAt}, e.now),",
    replacement: "${nameOf(lease.expiresAt)} = e.now + 1,",
  },
  {
    name: "end-leases-does-not-say-when",
    promise: "a row says when it changed, because a late message is judged by that",
    file: `${folder}/end.ts`,
    search: "${nameOf(lease.updatedAt)} = e.now, ${nameOf(lease.touchedMs)} = e.now_ms\n",
    replacement: "${nameOf(lease.touchedMs)} = e.now_ms\n",
  },
  {
    name: "end-of-an-offer-forgets-a-quarantine",
    promise: "R7618-8-03 a pair is in quarantine after a lease, whatever is offered meanwhile",
    file: `${folder}/end.ts`,
    search: "max(min(${lease.expiresAt}, e.kept_from) + e.quarantine, ${restOfQuarantine})",
    replacement: "min(${lease.expiresAt}, e.kept_from) + e.quarantine",
  },
  {
    name: "bind-leases-does-not-say-when",
    promise: "T4 a delayed message does not end a newer lease of its client",
    file: `${folder}/bind.ts`,
    search: "${nameOf(lease.updatedAt)} = c.now, ${nameOf(lease.touchedMs)} = c.now_ms,",
    replacement: "",
  },
  {
    name: "take-over-of-any-pair",
    promise: "no pair is given to two clients",
    file: `${folder}/offer.ts`,
    search: "WHERE ${lease.freeAt} <= excluded.${nameOf(lease.updatedAt)}\n",
    replacement: "WHERE true OR ${lease.freeAt} <= excluded.${nameOf(lease.updatedAt)}\n",
    further: {
      file: `${folder}/offer.ts`,
      search: "WHERE ${taken.slot} IS NULL OR ${taken.freeAt} <= now ORDER BY w.key LIMIT 1",
      replacement: "ORDER BY w.key LIMIT 1",
    },
  },
  {
    name: "take-over-of-a-pair-in-quarantine",
    promise: "no pair is assigned before its quarantine ends",
    file: `${folder}/offer.ts`,
    search: "WHERE ${lease.freeAt} <= excluded.${nameOf(lease.updatedAt)}\n",
    replacement: "WHERE ${lease.expiresAt} <= excluded.${nameOf(lease.updatedAt)}\n",
    further: {
      file: `${folder}/offer.ts`,
      search: "${taken.freeAt} <= now ORDER BY w.key",
      replacement: "${taken.expiresAt} <= now ORDER BY w.key",
    },
  },
  {
    name: "leftover-still-in-use",
    promise: "a site gets only the pair back that it left",
    file: `${folder}/room.ts`,
    search: "AND ${former.site} = c.site AND ${former.expiresAt} <= now\n",
    replacement: "AND ${former.site} = c.site\n",
    further: {
      file: `${folder}/offer.ts`,
      search: " AND ${lease.expiresAt} <= excluded.${nameOf(lease.updatedAt)}\n",
      replacement: "\n",
    },
  },
  {
    name: "leftover-of-another-site",
    promise: "only the site that left a pair gets it in its quarantine",
    file: `${folder}/offer.ts`,
    search: "OR (${lease.site} = excluded.${nameOf(lease.site)} AND ",
    replacement: "OR (",
    further: {
      file: `${folder}/room.ts`,
      search: "AND ${former.site} = c.site AND ${former.expiresAt} <= now\n",
      replacement: "AND ${former.expiresAt} <= now\n",
    },
  },
  {
    name: "declined-leftover",
    promise: "a declined pair is not offered while another device may use it",
    file: `${folder}/room.ts`,
    search: "AND (${former.state} <> ${declined} OR ${former.freeAt} <= now)",
    replacement: "",
    further: {
      file: `${folder}/offer.ts`,
      search: " AND ${lease.state} <> ${declined})`;",
      replacement: ")`;",
    },
  },
  {
    name: "take-over-ends-a-quarantine",
    promise: "an offer that is not accepted ends no quarantine",
    file: `${folder}/offer.ts`,
    search: "iif(${lease.freeAt} > excluded.${nameOf(lease.updatedAt)}, ${lease.freeAt}, NULL)",
    replacement: "NULL",
  },
  {
    name: "site-limit-ignored-for-new-clients",
    promise: "R7618-10-02 a site has at most siteLeasesMax leases",
    file: `${folder}/offer.ts`,
    search: ") c WHERE ${siteHasRoomBeside(sql`c.leftover`)}",
    replacement: ") c",
  },
  {
    name: "site-limit-ignored-for-former-clients",
    promise: "R7618-10-02 a site has at most siteLeasesMax leases",
    file: `${folder}/offer.ts`,
    search: "WHEN c.served THEN iif(c.running, TRUE, ${siteHasRoomBeside(sql`c.own_slot`)}) ELSE",
    replacement: "WHEN c.served THEN true ELSE",
  },
  {
    name: "site-limit-ignored-for-requests",
    promise: "R7618-10-02 a site has at most siteLeasesMax leases",
    file: `${folder}/bind.ts`,
    search: 'iif(in_use AND same_site, TRUE, ${siteHasRoomBeside(sql`c.slot`, bindField("site_max"))})',
    replacement: "TRUE",
  },
  {
    name: "site-limit-one-too-many",
    promise: "R7618-10-02 a site has at most siteLeasesMax leases",
    file: `${folder}/room.ts`,
    search: "${siteLeasesBut(slot)} < ${siteMax})",
    replacement: "${siteLeasesBut(slot)} <= ${siteMax})",
  },
  {
    name: "request-for-any-pair",
    promise: "a REQUEST binds only the pair that it names",
    file: `${folder}/bind.ts`,
    search: "    WHERE ${isNamedSlot}\n      AND (c.first_slot IS NOT NULL",
    replacement: "    WHERE true\n      AND (c.first_slot IS NOT NULL",
  },
  {
    name: "request-for-a-pair-given-up",
    promise: "a pair that its client gave up is not bound without a new offer",
    file: `${folder}/bind.ts`,
    search: "AND ${own.state} BETWEEN c.oldest_state AND ${bound}",
    replacement: "AND ${own.state} >= c.oldest_state",
  },
  {
    name: "softwire-of-another-is-seen-only-while-offered",
    promise: "R8539-8.2-01 no two leases have one softwire address",
    file: `${folder}/bind.ts`,
    search:
      "          AND ${other.state} = ${bound} AND ${other.expiresAt} > now\n      )) AS softwire_taken",
    replacement:
      "          AND ${other.state} = ${offered} AND ${other.expiresAt} > now\n      )) AS softwire_taken",
  },
  {
    name: "renewal-shortens-a-lease",
    promise: "R3 a pair is kept until the latest end that its client may have been told",
    file: `${folder}/bind.ts`,
    search: "const newEnd = sql`max(c.told_until, c.now_up + c.lease_seconds)`;",
    replacement: "const newEnd = sql`min(max(c.told_until, c.now_up + 1), c.now_up + c.lease_seconds)`;",
  },
  {
    name: "tenure-goes-on-over-a-gap",
    promise: "evidence shows no lease in a time in which there was none",
    file: `${folder}/bind.ts`,
    search: "sql`c.running AND c.same_site AND",
    replacement: "sql`c.same_site AND ${lease.since} IS NOT NULL AND",
  },
  {
    name: "tenure-goes-on-with-another-softwire",
    promise: "evidence shows the softwire address of each time",
    file: `${folder}/bind.ts`,
    search: " AND c.new_softwire IS ${lease.softwire} AND",
    replacement: " AND",
  },
  {
    name: "cursor-is-never-advanced",
    promise: "new slots are found after those in use",
    file: `${folder}/offer.ts`,
    search: "  SELECT max(number) FROM step\n",
    replacement: "  SELECT min(number) FROM step\n",
  },
  {
    name: "offer-to-a-client-of-another-line",
    promise: "T8 a client identifier reaches no lease of another line",
    file: `${folder}/clauses.ts`,
    search: "AND ${mine.clientId} = c.client_id AND ${mine.line} = c.line),",
    replacement: "AND ${mine.clientId} = c.client_id LIMIT 1),",
  },
  {
    name: "offer-forgets-its-line",
    promise: "T8 a client identifier reaches no lease of another line",
    file: `${folder}/offer.ts`,
    search: "sql`c.domain_id, c.client_id, c.line, ${offered},",
    replacement: "sql`c.domain_id, c.client_id, '', ${offered},",
  },
  {
    name: "reserved-pair-of-another-is-offered",
    promise: "a reserved pair is only for its client",
    file: `${folder}/bind.ts`,
    search: "iif(${lease.freeAt} = ${never}, ${never}, ${newEnd} + c.quarantine)",
    replacement: "(${newEnd} + c.quarantine)",
  },
  {
    name: "drained-pool-grants-past-its-date",
    promise: "R3 nobody is granted a time past the drain date",
    file: `${folder}/bind.ts`,
    search: "min(granted_seconds, ifnull(drain_until - now_up, granted_seconds)) AS lease_seconds",
    replacement: "granted_seconds AS lease_seconds",
  },
];
