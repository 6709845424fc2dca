/**
 * Finds addresses and options in a stored configuration that an earlier release accepted and this one refuses. They are
 * served as they are, but the operator should know.
 *
 * @module
 */
import * as v from "valibot";
import { parseIPv4 } from "../wire/ipv4-address.ts";
import { serverInRange } from "./contradictions.ts";
import { dhcpOptionsSchema } from "./dhcp-options.ts";
import { domainSettingsFields } from "./domain-settings.ts";
import type { DomainSettings } from "./domain-settings.ts";
import { formatIPv4Range } from "./pool-declaration.ts";
import type { PoolDeclaration } from "./pool-declaration.ts";
import type { PoolGeometry } from "../portset/pool-geometry.ts";
import { rangeContains, unusableInRange } from "./usable-addresses.ts";

/** A pool that is stored, and the geometry of its slots. */
export interface PoolToCheck {
  readonly declared: Pick<PoolDeclaration, "name" | "options">;
  readonly geometry: Pick<PoolGeometry, "firstAddress" | "lastAddress">;
}

const settingsSchema = v.strictObject(domainSettingsFields);

/**
 * Finds addresses and options that clients cannot use.
 *
 * @param name Name of the domain.
 * @param settings Its settings, as they are stored.
 * @param pools Its pools.
 * @returns One sentence for each, with the path of the field.
 */
export function findUnusable(
  name: string,
  settings: DomainSettings,
  pools: readonly PoolToCheck[],
): readonly string[] {
  const server = parseIPv4(settings.serverIdentifier);
  return [
    ...faultsOf(settingsSchema, settings).map((fault) => `domain "${name}": ${fault}`),
    ...pools.flatMap(({ declared, geometry }) => {
      const range = formatIPv4Range(geometry);
      const why = unusableInRange(geometry);
      return [
        ...(why === undefined ? [] : [`range: found ${range}, ${why}`]),
        ...(rangeContains(geometry, server) ? [`range: ${serverInRange(range, server)}`] : []),
        ...faultsOf(dhcpOptionsSchema, declared.options).map((fault) => `options.${fault}`),
      ].map((fault) => `pool "${declared.name}": ${fault}`);
    }),
  ];
}

function faultsOf(schema: v.GenericSchema, value: unknown): readonly string[] {
  const { issues = [] } = v.safeParse(schema, value);
  return issues.map((issue) => `${v.getDotPath(issue) ?? ""}: ${issue.message}`);
}
