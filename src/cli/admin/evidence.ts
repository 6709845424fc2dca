/**
 * Commands that say who has what, and had it: changes of leases by hand, look-ups, binding tables, statistics and
 * metrics.
 *
 * @module
 */
import { Option } from "commander";
import type { Command } from "commander";
import { addIfMatch, ifMatchOf } from "./runner.ts";
import type { Run, Show } from "./runner.ts";
import { formatItems } from "./table.ts";

/** Adds what can be done with a lease besides finding it. */
export function addLeaseChanges(leases: Command, run: Run): void {
  addIfMatch(leases.command("release <id>"))
    .description("end a lease or an offer, as its client would")
    .action(
      run(({ client }, [id], flags) =>
        client.leases[":id"].release.$post({ param: { id: id! } }, { headers: ifMatchOf(flags) }),
      ),
    );
  addIfMatch(leases.command("move <id> <pair>"))
    .description("move a lease to a free pair: ADDRESS-PSID, or ADDRESS of a full pool")
    .action(
      run(({ client }, [id, pair], flags) =>
        client.leases[":id"].move.$post(
          { param: { id: id! }, json: parsePair(pair!) },
          { headers: ifMatchOf(flags) },
        ),
      ),
    );
}

/** @throws {RangeError} When it is not of the form of a lease's id. */
function parsePair(text: string): { address: string; psid: number | null } {
  const [, address, psid] = /^([\d.]+)(?:-(\d{1,5}))?$/.exec(text) ?? [];
  if (address !== undefined) return { address, psid: psid === undefined ? null : Number(psid) };
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
  readonly domains: readonly ({ readonly pools: readonly unknown[] } & Record<string, unknown>)[];
}

const statisticsColumns = [
  ...["domain", "pool", "total", "free"],
  ...["offered", "bound", "quarantined", "reserved"],
];

/** Pools, after them their domain in whole, and all domains last. */
const showStatistics: Show = (body) => {
  const { domains, ...all } = body as StatisticsAnswer;
  const rows = domains.flatMap(({ pools, ...domain }) => [
    ...pools.map((pool) => ({ domain: domain.domain, ...(pool as object) })),
    { ...domain, pool: "(all)" },
  ]);
  return formatItems(statisticsColumns, [...rows, { ...all, domain: "(all)", pool: "(all)" }]);
};

/** Adds look-ups, binding tables, statistics and metrics. */
export function addEvidence(admin: Command, run: Run): void {
  admin
    .command("lookup <address> [port]")
    .description("say who had an address and a port at a time")
    .requiredOption("--at <date>", "RFC 3339, with a zone: 2026-11-24T03:04:05Z")
    .option("--tolerance <seconds>", "how far the clock that took the time may be off (default: 0)")
    .action(
      run(({ client }, [address, port], { at, tolerance }) => {
        const clock = typeof tolerance === "string" ? { toleranceSeconds: tolerance } : {};
        const query = { address: address!, ...(port !== undefined && { port }), at: String(at), ...clock };
        return client.lookup.$get({ query });
      }, showLookup),
    );
  admin
    .command("bindings")
    .description("print the binding table of the lwAFTR as it comes; its version goes to standard error")
    .addOption(new Option("--format <name>").choices(["rfc8676", "snabb", "vpp"]).default("rfc8676"))
    .option("--domain <name>", "only this domain's rows")
    .option("--since <version>", "only what has changed since")
    .option("--digest", "say the checksum of the text, too")
    .action(
      run(({ request }, _, { format, domain, since, digest }) => {
        const flags = { format, domain, since, ...(digest === true && { digest: "true" }) };
        const query = Object.entries(flags).filter((flag): flag is [string, string] => flag[1] !== undefined);
        return request(`/admin/v1/bindings?${new URLSearchParams(query).toString()}`);
      }, "text"),
    );
  admin
    .command("statistics")
    .description("say how full the pools are")
    .action(run(({ client }) => client.statistics.$get(), showStatistics));
  admin
    .command("metrics")
    .description("print the metrics as Prometheus gets them")
    .action(run(({ request }) => request("/metrics"), "text"));
}
