import { describe, expect, test } from "vitest";
import { parseIPv4 } from "../wire/ipv4-address.ts";
import { parseIPv6, parseIPv6Prefix } from "../wire/ipv6-address.ts";
import type { ServerLease, Parameters } from "./answer.ts";
import { describeLease, describeTrace, leaseToJson } from "./report.ts";

const lease: ServerLease = {
  address: parseIPv4("192.0.2.18"),
  portParams: { psidOffset: 0, psidLength: 6, psid: 18 },
  serverIdentifier: parseIPv4("198.51.100.1"),
  leaseSeconds: 3600,
  renewalSeconds: 1800,
  rebindingSeconds: 3150,
};
const parameters: Parameters = {
  domainNameServers: [parseIPv4("198.51.100.53")],
  softwire: parseIPv6("2001:db8:1234:5600:0:c000:212:12"),
  borderRelays: [parseIPv6("2001:db8:ffff::1")],
  bindPrefix: parseIPv6Prefix("2001:db8:1234:5600::/56"),
};
const nothing: Parameters = {
  domainNameServers: [],
  softwire: undefined,
  borderRelays: [],
  bindPrefix: undefined,
};
const obtainedAt = new Date("2026-01-02T03:04:05.678Z");

describe("describeLease()", () => {
  test("shows every fact about a shared lease", () => {
    expect(describeLease({ lease, parameters, obtainedAt })).toEqual([
      "address          192.0.2.18 (shared)",
      "PSID             18 (offset 0, length 6: one of 64 port sets)",
      "ports            18432-19455",
      "ports per set    1024 in 1 range",
      "lease            3600 s, until 2026-01-02T04:04:05Z",
      "renew (T1)       1800 s, at 2026-01-02T03:34:05Z",
      "rebind (T2)      3150 s, at 2026-01-02T03:56:35Z",
      "server           198.51.100.1",
      "DNS              198.51.100.53",
      "border relay     2001:db8:ffff::1",
      "bind prefix      2001:db8:1234:5600::/56",
      "softwire source  2001:db8:1234:5600:0:c000:212:12",
    ]);
  });

  test("abbreviates a long list of ranges to its first and last ones", () => {
    const map = { ...lease, portParams: { psidOffset: 6, psidLength: 8, psid: 0x34 } };
    const lines = describeLease({ lease: map, parameters: nothing, obtainedAt });
    expect(lines[2]).toBe("ports          1232-1235, 2256-2259, ..., 63696-63699, 64720-64723");
    expect(lines[3]).toBe("ports per set  252 in 63 ranges");
  });

  test("R7618-7-04 shows all ports for a full address", () => {
    const full = { ...lease, portParams: undefined, leaseSeconds: 0xffffffff };
    const lines = describeLease({ lease: full, parameters: nothing, obtainedAt });
    expect(lines.slice(0, 3)).toEqual([
      "address      192.0.2.18 (full)",
      "ports        0-65535 (all)",
      "lease        forever",
    ]);
  });
});

describe("leaseToJson()", () => {
  test("has every range and every time", () => {
    expect(leaseToJson({ lease, parameters, obtainedAt })).toEqual({
      address: "192.0.2.18",
      shared: true,
      portParams: { psidOffset: 0, psidLength: 6, psid: 18 },
      portRanges: [{ first: 18432, last: 19455 }],
      ports: 1024,
      serverIdentifier: "198.51.100.1",
      leaseSeconds: 3600,
      renewalSeconds: 1800,
      rebindingSeconds: 3150,
      obtainedAt: "2026-01-02T03:04:05Z",
      expiresAt: "2026-01-02T04:04:05Z",
      renewsAt: "2026-01-02T03:34:05Z",
      rebindsAt: "2026-01-02T03:56:35Z",
      domainNameServers: ["198.51.100.53"],
      borderRelays: ["2001:db8:ffff::1"],
      bindPrefix: "2001:db8:1234:5600::/56",
      softwire: "2001:db8:1234:5600:0:c000:212:12",
    });
  });

  test("has no end time for an infinite lease, and all ports for a full address", () => {
    const full = { ...lease, portParams: undefined, leaseSeconds: 0xffffffff };
    expect(leaseToJson({ lease: full, parameters: nothing, obtainedAt })).toMatchObject({
      shared: false,
      portParams: null,
      ports: 65_536,
      expiresAt: null,
      bindPrefix: null,
    });
  });
});

describe("describeTrace()", () => {
  test("counts queries and ignored datagrams, and shows the socket error", () => {
    expect(describeTrace({ sent: 1, ignored: new Map(), error: undefined })).toBe("sent 1 query");
    const ignored = new Map([["other-client", 2] as const, ["malformed", 1] as const]);
    expect(describeTrace({ sent: 3, ignored, error: new Error("no route") })).toBe(
      "sent 3 queries; ignored 2 other-client, 1 malformed; socket error: no route",
    );
  });
});
