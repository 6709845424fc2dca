/**
 * Commands that show who holds or held what: look-ups, binding tables, statistics and metrics. Also commands that
 * change a lease by hand.
 *
 * @module
 */
import { Option } from "commander";
import type { Command } from "commander";
import * as v from "valibot";
import { lookupToleranceSecondsMax } from "../../limits.ts";
import { date, inDomain, parsePair, wholeNumber } from "./arguments.ts";
import { pathOf } from "./resources.ts";
import { addIfMatch, ifMatchOf } from "./runner.ts";
import type { Run } from "./runner.ts";
import { visibleLine } from "../../visible-text.ts";
import { formatItems } from "./table.ts";
import { lease, viewOf } from "./views.ts";
import type { TextView } from "./views.ts";

/** Adds the commands that change a lease. */
export function addLeaseChanges(leases: Command, run: Run): void {
  addIfMatch(leases.command("release <id>"))
    .description("end a lease or an offer, as if its client had released it")
    .action(
      run(
        ({ client }, [id], flags) =>
          client.leases[":id"].release.$post({ param: pathOf({ id: id! }) }, { headers: ifMatchOf(flags) }),
        lease,
      ),
    );
  addIfMatch(leases.command("move <id> <pair>"))
    .description("move a lease to a free pair: ADDRESS-PSID, or ADDRESS in a full pool")
    .action(
      run(
        ({ client }, [id, pair], flags) =>
          client.leases[":id"].move.$post(
            { param: pathOf({ id: id! }), json: parsePair(pair!) },
            { headers: ifMatchOf(flags) },
          ),
        lease,
      ),
    );
}

const holderColumns = [
  ...["certainty", "clientId", "duidText", "source", "softwire", "site"],
  ...["domain", "pool", "psid", "since", "until"],
];

const lookupShape = v.looseObject({
  reason: v.nullable(v.looseObject({ id: v.string(), meaning: v.string() })),
  holders: v.array(v.looseObject({})),
});

const showLookup = viewOf(lookupShape, ({ reason, holders }) => {
  const nobody = reason === null ? "" : visibleLine(`nobody (${reason.id}): ${reason.meaning}`) + "\n";
  return nobody + (holders.length === 0 ? "" : formatItems(holderColumns, holders));
});

const statisticsShape = v.looseObject({
  asOf: v.string(),
  domains: v.array(v.looseObject({ pools: v.array(v.looseObject({})) })),
});

const statisticsColumns = [
  ...["domain", "pool", "total", "free"],
  ...["offered", "bound", "quarantined", "reserved"],
];

/**
 * Shows the pools of each domain, then the total of the domain; the last row is the total of all domains. The line after
 * the table says when they were counted.
 */
const showStatistics = viewOf(statisticsShape, ({ asOf, domains, ...all }) => {
  const rows = domains.flatMap(({ pools, ...domain }) => [
    ...pools.map((pool) => ({ domain: domain.domain, ...pool })),
    { ...domain, pool: "(all)" },
  ]);
  const table = formatItems(statisticsColumns, [...rows, { ...all, domain: "(all)", pool: "(all)" }]);
  return `${table}counted at ${visibleLine(asOf)}\n`;
});

/** What Prometheus scrapes has its version in its type; a page of another server does not. */
const metricsText: TextView = {
  isOurs: (headers) => /^[\w/.+-]+;.*\bversion=/.test(headers.get("content-type") ?? ""),
};

const bindingTable: TextView = { isOurs: (headers) => headers.get("apportion-version") !== null };

/** Adds the commands for look-ups, binding tables, statistics and metrics. */
export function addEvidence(admin: Command, run: Run): void {
  admin
    .command("lookup <address> [port]")
    .description("show who held an address and port at a given time")
    .requiredOption(
      "--at <date>",
      "time in RFC 3339 format with a time zone, such as 2026-11-24T03:04:05Z; required",
      date,
    )
    .option(
      "--tolerance <seconds>",
      "maximum error of the clock that recorded the time (default: 0)",
      wholeNumber(0, lookupToleranceSecondsMax),
    )
    .action(
      run(({ client }, [address, port], { at, tolerance }) => {
        const clock = typeof tolerance === "string" ? { toleranceSeconds: tolerance } : {};
        const query = { address: address!, ...(port !== undefined && { port }), at: String(at), ...clock };
        return client.lookup.$get({ query });
      }, showLookup),
    );
  admin
    .command("bindings")
    .description("print the binding table for the lwAFTR, and its version to standard error")
    .addOption(
      new Option("--format <name>", "form of the table")
        .choices(["rfc8676", "snabb", "vpp"])
        .default("rfc8676"),
    )
    .addOption(new Option("--domain <name>", "only rows of this domain").argParser(inDomain.check!))
    .option("--since <version>", "only changes since this version")
    .option("--digest", "also print the checksum of the text")
    .action(
      run(({ request }, _, { format, domain, since, digest }) => {
        const flags = { format, domain, since, ...(digest === true && { digest: "true" }) };
        const query = Object.entries(flags).filter((flag): flag is [string, string] => flag[1] !== undefined);
        return request(`/admin/v1/bindings?${new URLSearchParams(query).toString()}`);
      }, bindingTable),
    );
  admin
    .command("statistics")
    .description("show how full the pools are")
    .action(run(({ client }) => client.statistics.$get(), showStatistics));
  admin
    .command("metrics")
    .description("print the metrics in the format that Prometheus scrapes")
    .action(run(({ request }) => request("/metrics"), metricsText));
}
