/**
 * The planner: calculates the properties of a pool without creating it.
 *
 * @module
 */
import { geometryOf, parsePortRange } from "../../../declaration/pool-declaration.ts";
import type { PoolShape } from "../../../declaration/pool-declaration.ts";
import { listedPortRangesMax, lostPsidsShownMax } from "../../../limits.ts";
import type { PoolGeometry } from "../../../portset/pool-geometry.ts";
import { formatPortRanges, portRanges, portsPerSet } from "../../../portset/port-set.ts";
import type { PortRange } from "../../../portset/port-set.ts";

/** @returns The numbers of addresses, usable PSIDs, subscribers and ports per subscriber of a pool. */
export function sizesOf(geometry: PoolGeometry) {
  return {
    addresses: geometry.lastAddress - geometry.firstAddress + 1,
    usablePsids: geometry.psids.length,
    subscribers: geometry.slots,
    portsPerSubscriber: portsPerSet(geometry),
  };
}

/** Calculates the sizes of a pool, and the PSIDs that are never leased because their ports include a reserved one. */
export function planPool(shape: PoolShape) {
  const geometry = geometryOf(shape);
  const reserved = shape.kind === "full" ? [] : shape.reservedPorts.map(parsePortRange);
  const usable = new Set(geometry.psids);
  const all = Array.from({ length: 2 ** geometry.psidLength }, (_, psid) => psid);
  const lost = all.filter((psid) => !usable.has(psid));
  return {
    sizes: sizesOf(geometry),
    sharingRatio: all.length,
    examplePorts: portRanges(geometry, geometry.psids[0]!),
    lostPsids: lost.slice(0, lostPsidsShownMax).map((psid) => {
      const ports = portRanges(geometry, psid);
      const shown = ports.slice(0, listedPortRangesMax);
      return { psid, ports: shown, reserved: formatPortRanges(intersections(ports, reserved)) };
    }),
    lostPsidsCount: lost.length,
  };
}

function intersections(ports: readonly PortRange[], reserved: readonly PortRange[]): PortRange[] {
  return ports.flatMap(({ first, last }) =>
    reserved
      .map((range) => ({ first: Math.max(first, range.first), last: Math.min(last, range.last) }))
      .filter((range) => range.first <= range.last),
  );
}
