/**
 * Formats the client's lease: lines of text for people, one JSON object for programs.
 *
 * @module
 */
import { portRangesShownMax } from "../limits.ts";
import { formatPortRanges, portRanges, portsPerSet } from "../portset/port-set.ts";
import { infiniteSeconds } from "../wire/dhcpv4/options/seconds.ts";
import { formatIPv4 } from "../wire/ipv4-address.ts";
import { formatIPv6, formatIPv6Prefix } from "../wire/ipv6-address.ts";
import { isFullAddress } from "./answer.ts";
import type { ServerLease, Parameters } from "./answer.ts";
import type { Trace } from "./session.ts";

/** A lease and when it was obtained. */
interface LeaseReport {
  readonly lease: ServerLease;
  readonly parameters: Parameters;
  readonly obtainedAt: Date;
}

/** Describes a lease for people, one fact per line. */
export function describeLease({ lease, parameters, obtainedAt }: LeaseReport): string[] {
  const kind = isFullAddress(lease) ? "full" : "shared";
  return columns([
    ["address", `${formatIPv4(lease.address)} (${kind})`],
    ...describePorts(lease),
    ["lease", describeTime(lease.leaseSeconds, obtainedAt, "until")],
    ["renew (T1)", describeTime(lease.renewalSeconds, obtainedAt, "at")],
    ["rebind (T2)", describeTime(lease.rebindingSeconds, obtainedAt, "at")],
    ["server", formatIPv4(lease.serverIdentifier)],
    ...parameterRows(parameters),
  ]);
}

/** Describes the parameters received in answer to an INFORM, one fact per line. */
export function describeParameters(serverIdentifier: number, parameters: Parameters): string[] {
  return columns([["server", formatIPv4(serverIdentifier)], ...parameterRows(parameters)]);
}

type ReportRow = readonly [name: string, value: string];

function columns(rows: readonly ReportRow[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

function describePorts(lease: ServerLease): ReportRow[] {
  if (lease.portParams === undefined || isFullAddress(lease)) return [["ports", "0-65535 (all)"]];
  const { psidOffset, psidLength, psid } = lease.portParams;
  const ranges = portRanges(lease.portParams, psid);
  const shown =
    ranges.length <= portRangesShownMax
      ? formatPortRanges(ranges)
      : `${formatPortRanges(ranges.slice(0, 2))}, ..., ${formatPortRanges(ranges.slice(-2))}`;
  return [
    ["PSID", `${psid} (offset ${psidOffset}, length ${psidLength}: one of ${2 ** psidLength} port sets)`],
    ["ports", shown],
    [
      "ports per set",
      `${portsPerSet(lease.portParams)} in ${ranges.length === 1 ? "1 range" : `${ranges.length} ranges`}`,
    ],
  ];
}

function describeTime(seconds: number, from: Date, word: "at" | "until"): string {
  return seconds === infiniteSeconds ? "forever" : `${seconds} s, ${word} ${clockTime(from, seconds)}`;
}

/** Formats a time in UTC, to the second, so that it can be compared with logs and other machines. */
function clockTime(from: Date, seconds: number): string {
  return new Date(from.getTime() + seconds * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}

function parameterRows({ domainNameServers, borderRelays, bindPrefix, softwire }: Parameters): ReportRow[] {
  const rows: ReportRow[] = [];
  if (domainNameServers.length > 0) rows.push(["DNS", domainNameServers.map(formatIPv4).join(", ")]);
  if (borderRelays.length > 0) rows.push(["border relay", borderRelays.map(formatIPv6).join(", ")]);
  if (bindPrefix !== undefined) rows.push(["bind prefix", formatIPv6Prefix(bindPrefix)]);
  if (softwire !== undefined) rows.push(["softwire source", formatIPv6(softwire)]);
  return rows;
}

/** @returns A lease as a JSON-compatible object. Times of an infinite lease are null. */
export function leaseToJson({ lease, parameters, obtainedAt }: LeaseReport) {
  const { portParams } = lease;
  const endsAt = (seconds: number) => (seconds === infiniteSeconds ? null : clockTime(obtainedAt, seconds));
  return {
    address: formatIPv4(lease.address),
    shared: !isFullAddress(lease),
    portParams: portParams ?? null,
    portRanges: portRanges(portParams ?? { psidOffset: 0, psidLength: 0 }, portParams?.psid ?? 0),
    ports: portsPerSet(portParams ?? { psidOffset: 0, psidLength: 0 }),
    serverIdentifier: formatIPv4(lease.serverIdentifier),
    leaseSeconds: lease.leaseSeconds,
    renewalSeconds: lease.renewalSeconds,
    rebindingSeconds: lease.rebindingSeconds,
    obtainedAt: clockTime(obtainedAt, 0),
    expiresAt: endsAt(lease.leaseSeconds),
    renewsAt: endsAt(lease.renewalSeconds),
    rebindsAt: endsAt(lease.rebindingSeconds),
    ...parametersToJson(parameters),
  };
}

/** @returns Parameters as a JSON-compatible object. */
export function parametersToJson({ domainNameServers, borderRelays, bindPrefix, softwire }: Parameters) {
  return {
    domainNameServers: domainNameServers.map(formatIPv4),
    borderRelays: borderRelays.map(formatIPv6),
    bindPrefix: bindPrefix === undefined ? null : formatIPv6Prefix(bindPrefix),
    softwire: softwire === undefined ? null : formatIPv6(softwire),
  };
}

/** Describes in one line how many queries were sent, which datagrams were ignored, and the last socket error. */
export function describeTrace({ sent, ignored, error }: Trace): string {
  const parts = [`sent ${sent === 1 ? "1 query" : `${sent} queries`}`];
  const reasons = Array.from(ignored, ([reason, count]) => `${count} ${reason}`);
  if (reasons.length > 0) parts.push(`ignored ${reasons.join(", ")}`);
  if (error !== undefined) parts.push(`socket error: ${error.message}`);
  return parts.join("; ");
}
