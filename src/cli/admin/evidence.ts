/**
 * Commands that show who holds or held what: look-ups, binding tables, statistics and metrics. Also commands that
 * change a lease by hand.
 *
 * @module
 */
import { Option } from "commander";
import type { Command } from "commander";
import { addIfMatch, ifMatchOf, numberOf } from "./runner.ts";
import type { Run, Show } from "./runner.ts";
import { formatItems } from "./table.ts";

/** Adds the commands that change a lease. */
export function addLeaseChanges(leases: Command, run: Run): void {
  addIfMatch(leases.command("release <id>"))
    .description("end a lease or an offer, as if its client had released it")
    .action(
      run(({ client }, [id], flags) =>
        client.leases[":id"].release.$post({ param: { id: id! } }, { headers: ifMatchOf(flags) }),
      ),
    );
  addIfMatch(leases.command("move <id> <pair>"))
    .description("move a lease to a free pair: ADDRESS-PSID, or ADDRESS in a full pool")
    .action(
      run(({ client }, [id, pair], flags) =>
        client.leases[":id"].move.$post(
          { param: { id: id! }, json: parsePair(pair!) },
          { headers: ifMatchOf(flags) },
        ),
      ),
    );
}

/** @throws {RangeError} When the text does not have the form of a lease id. */
function parsePair(text: string): { address: string; psid: number | null } {
  const [, address, psid] = /^([\d.]+)(?:-(\d{1,5}))?$/.exec(text) ?? [];
  if (address !== undefined)
    return { address, psid: psid === undefined ? null : numberOf("<pair>", psid, 0, 0xffff) };
  throw new RangeError(`Cannot move the lease: found "${text}", expected ADDRESS-PSID, or ADDRESS`);
}

interface LookupAnswer {
  readonly found: "subscriber" | "nobody";
  readonly reason: { readonly id: string; readonly meaning: string } | null;
  readonly holders: readonly unknown[];
}

const holderColumns = [
  ...["certainty", "clientId", "duidText", "source", "softwire", "site"],
  ...["domain", "pool", "psid", "since", "until"],
];

const showLookup: Show = (body) => {
  const { reason, holders } = body as LookupAnswer;
  const nobody = reason === null ? "" : `nobody (${reason.id}): ${reason.meaning}\n`;
  return nobody + (holders.length === 0 ? "" : formatItems(holderColumns, holders));
};

interface StatisticsAnswer extends Record<string, unknown> {
  readonly asOf: string;
  readonly domains: readonly ({ readonly pools: readonly unknown[] } & Record<string, unknown>)[];
}

const statisticsColumns = [
  ...["domain", "pool", "total", "free"],
  ...["offered", "bound", "quarantined", "reserved"],
];

/**
 * Shows the pools of each domain, then the total of the domain; the last row is the total of all domains. The line after
 * the table says when they were counted.
 */
const showStatistics: Show = (body) => {
  const { asOf, domains, ...all } = body as StatisticsAnswer;
  const rows = domains.flatMap(({ pools, ...domain }) => [
    ...pools.map((pool) => ({ domain: domain.domain, ...(pool as object) })),
    { ...domain, pool: "(all)" },
  ]);
  const table = formatItems(statisticsColumns, [...rows, { ...all, domain: "(all)", pool: "(all)" }]);
  return `${table}counted at ${asOf}\n`;
};

/** Adds the commands for look-ups, binding tables, statistics and metrics. */
export function addEvidence(admin: Command, run: Run): void {
  admin
    .command("lookup <address> [port]")
    .description("show who held an address and port at a given time")
    .requiredOption("--at <date>", "time in RFC 3339 format with a time zone, such as 2026-11-24T03:04:05Z")
    .option("--tolerance <seconds>", "maximum error of the clock that recorded the time (default: 0)")
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
    .option("--domain <name>", "only rows of this domain")
    .option("--since <version>", "only changes since this version")
    .option("--digest", "also print the checksum of the text")
    .action(
      run(({ request }, _, { format, domain, since, digest }) => {
        const flags = { format, domain, since, ...(digest === true && { digest: "true" }) };
        const query = Object.entries(flags).filter((flag): flag is [string, string] => flag[1] !== undefined);
        return request(`/admin/v1/bindings?${new URLSearchParams(query).toString()}`);
      }, "text"),
    );
  admin
    .command("statistics")
    .description("show how full the pools are")
    .action(run(({ client }) => client.statistics.$get(), showStatistics));
  admin
    .command("metrics")
    .description("print the metrics in the format that Prometheus scrapes")
    .action(run(({ request }) => request("/metrics"), "text"));
}
