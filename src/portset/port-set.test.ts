import fc from "fast-check";
import { describe, expect, test } from "vitest";
import vectors from "../../test/vectors/vectors.json" with { type: "json" };
import {
  assertPortSetParams,
  formatPortRanges,
  portRanges,
  portsPerSet,
  psidOfPort,
  usablePsids,
} from "./port-set.ts";
import type { PortRange, PortSetParams } from "./port-set.ts";

const { port_vectors: portVectors } = vectors;

const systemPorts: PortRange[] = [{ first: 0, last: 1023 }];

/** Every combination of offset and PSID length that fits in 16 bits: 152 pairs. */
const everyParams: PortSetParams[] = Array.from({ length: 16 }, (_, psidOffset) =>
  Array.from({ length: 17 - psidOffset }, (_, psidLength) => ({ psidOffset, psidLength })),
).flat();

const anyParams = fc.constantFrom(...everyParams);
const anyPort = fc.nat(65_535);
const anyRange = fc
  .tuple(anyPort, anyPort)
  .map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }));
const paramsAndPsid = anyParams.chain((params) =>
  fc.tuple(fc.constant(params), fc.nat(2 ** params.psidLength - 1)),
);

/** The formula of RFC 7597 appendix B, as an independent check: PSID = floor((P mod R*M) / M). */
function psidByAppendixB({ psidOffset, psidLength }: PortSetParams, port: number): number | undefined {
  const ratio = 2 ** psidLength;
  const contiguous = 2 ** (16 - psidOffset - psidLength);
  if (psidLength === 0) return 0;
  if (psidOffset > 0 && port < ratio * contiguous) return undefined;
  return Math.floor((port % (ratio * contiguous)) / contiguous);
}

describe("worked examples (RFC 7597 §5.1)", () => {
  test.each(portVectors)("portRanges() of a=$a k=$k PSID $psid", (vector) => {
    const params = { psidOffset: vector.a, psidLength: vector.k };
    const ranges = portRanges(params, vector.psid);
    expect(ranges.length).toBe(vector.n_ranges);
    expect(ranges[0]!.last - ranges[0]!.first + 1).toBe(vector.ports_per_range);
    expect(portsPerSet(params)).toBe(vector.n_ports);
    const written = formatPortRanges(ranges).split(", ");
    const shown = vector.ranges_elided ? [...written.slice(0, 2), ...written.slice(-2)] : written;
    expect(shown).toEqual(vector.ranges_shown);
  });

  test.each(portVectors.filter(({ k }) => k > 0))(
    "R7618-8-10 usablePsids() of a=$a k=$k loses $psids_hitting_0_1023 PSIDs to system ports",
    (vector) => {
      const usable = usablePsids({ psidOffset: vector.a, psidLength: vector.k }, systemPorts);
      expect(2 ** vector.k - usable.length).toBe(vector.psids_hitting_0_1023);
      expect(usable[0] ?? null).toBe(vector.first_usable_psid);
    },
  );

  test.each([
    [6, 8, 1232, 0x34],
    [6, 8, 1235, 0x34],
    [6, 8, 1236, 0x35],
    [6, 8, 1023, undefined],
    [6, 8, 1024, 0],
    [0, 6, 18_431, 17],
    [0, 6, 18_432, 18],
    [0, 6, 19_455, 18],
    [0, 6, 19_456, 19],
    [4, 6, 4095, undefined],
    [4, 6, 6784, 0x2a],
  ])("psidOfPort() with a=%i k=%i finds for port %i PSID %s", (psidOffset, psidLength, port, psid) => {
    expect(psidOfPort({ psidOffset, psidLength }, port)).toBe(psid);
  });
});

describe("for every offset and PSID-length", () => {
  test("R7618-5-01 the sets of all PSIDs are disjoint and cover exactly the allowed ports", () => {
    for (const params of everyParams) {
      const owners = new Uint8Array(65_536);
      for (let psid = 0; psid < 2 ** params.psidLength; psid++) {
        for (const { first, last } of portRanges(params, psid)) {
          for (let port = first; port <= last; port++) owners[port]!++;
        }
      }
      const shared = params.psidLength > 0 && params.psidOffset > 0;
      const excluded = shared ? 2 ** (16 - params.psidOffset) : 0;
      expect(owners.subarray(0, excluded).every((count) => count === 0)).toBe(true);
      expect(owners.subarray(excluded).every((count) => count === 1)).toBe(true);
    }
  });

  test("psidOfPort() agrees with the formula of RFC 7597 appendix B", () => {
    fc.assert(
      fc.property(anyParams, anyPort, (params, port) => {
        expect(psidOfPort(params, port)).toBe(psidByAppendixB(params, port));
      }),
      { numRuns: 2000 },
    );
  });

  test("the ranges of a port's PSID contain that port", () => {
    fc.assert(
      fc.property(anyParams, anyPort, (params, port) => {
        const psid = psidOfPort(params, port);
        if (psid === undefined) {
          expect(port).toBeLessThan(2 ** (16 - params.psidOffset));
        } else {
          expect(portRanges(params, psid).some(({ first, last }) => first <= port && port <= last)).toBe(
            true,
          );
        }
      }),
    );
  });

  test("portsPerSet() counts the ports of portRanges()", () => {
    fc.assert(
      fc.property(paramsAndPsid, ([params, psid]) => {
        const ports = portRanges(params, psid).reduce((sum, { first, last }) => sum + last - first + 1, 0);
        expect(portsPerSet(params)).toBe(ports);
      }),
    );
  });

  test("R7618-8-10 usablePsids() keeps exactly the PSIDs whose ranges contain no reserved port", () => {
    fc.assert(
      fc.property(paramsAndPsid, fc.array(anyRange, { maxLength: 3 }), ([params, psid], reserved) => {
        const isHit = portRanges(params, psid).some((range) =>
          reserved.some(({ first, last }) => first <= range.last && range.first <= last),
        );
        expect(usablePsids(params, reserved).includes(psid)).toBe(params.psidLength === 0 || !isHit);
      }),
      { numRuns: 300 },
    );
  });
});

describe("reserved ports", () => {
  test.each([
    [1, 1],
    [6, 1],
    [7, 2],
    [8, 4],
    [10, 16],
    [16, 1024],
  ])("R7618-9-05 with a=0 k=%i the %i lowest PSIDs hold system ports", (psidLength, lost) => {
    const usable = usablePsids({ psidOffset: 0, psidLength }, systemPorts);
    expect(usable.length).toBe(2 ** psidLength - lost);
    expect(usable[0]).toBe(lost);
  });

  test("R7618-9-05 offsets 1 to 6 lose no PSID to system ports", () => {
    for (const params of everyParams) {
      if (params.psidOffset < 1 || params.psidOffset > 6) continue;
      expect(usablePsids(params, systemPorts).length).toBe(2 ** params.psidLength);
    }
  });

  test("R7618-9-05 offsets 7 to 15 put system ports into every port set", () => {
    for (const params of everyParams) {
      if (params.psidOffset < 7 || params.psidLength === 0) continue;
      expect(usablePsids(params, systemPorts).length).toBe(0);
    }
  });

  test("R7618-8-11 a larger reserved range excludes more PSIDs", () => {
    const params = { psidOffset: 0, psidLength: 8 };
    expect(usablePsids(params, [{ first: 0, last: 2047 }])[0]).toBe(8);
    expect(usablePsids(params, [])[0]).toBe(0);
  });

  test("R7618-8-10 with an offset, one reserved port excludes exactly the PSID that contains it", () => {
    const params = { psidOffset: 6, psidLength: 8 };
    const usable = usablePsids(params, [{ first: 5060, last: 5060 }]);
    expect(usable.length).toBe(255);
    expect(usable).not.toContain(psidOfPort(params, 5060));
  });

  test("R7618-9-05 a full address keeps its system ports", () => {
    expect([...usablePsids({ psidOffset: 0, psidLength: 0 }, systemPorts)]).toEqual([0]);
  });
});

describe("formatPortRanges()", () => {
  test("writes a single port without a dash", () => {
    expect(formatPortRanges(portRanges({ psidOffset: 0, psidLength: 16 }, 0xc001))).toBe("49153");
  });

  test("writes every range", () => {
    expect(formatPortRanges(portRanges({ psidOffset: 6, psidLength: 8 }, 0)).split(", ").length).toBe(63);
  });
});

describe("values out of range", () => {
  test.each([
    [16, 0, "psidOffset is 16, expected"],
    [-1, 0, "psidOffset is -1, expected"],
    [0.5, 0, "psidOffset is 0.5, expected"],
    [0, 17, "psidLength is 17, expected"],
    [6, 12, "is 18, expected at most 16"],
  ])("assertPortSetParams() rejects a=%d k=%d", (psidOffset, psidLength, message) => {
    const params = { psidOffset, psidLength };
    expect(() => {
      assertPortSetParams(params);
    }).toThrow(RangeError);
    expect(() => portRanges(params, 0)).toThrow(message);
    expect(() => portsPerSet(params)).toThrow(message);
    expect(() => psidOfPort(params, 80)).toThrow(message);
    expect(() => usablePsids(params, [])).toThrow(message);
  });

  test("portRanges() rejects a PSID with more bits than the PSID length", () => {
    expect(() => portRanges({ psidOffset: 0, psidLength: 6 }, 64)).toThrow(RangeError);
    expect(() => portRanges({ psidOffset: 0, psidLength: 0 }, 1)).toThrow(RangeError);
  });

  test("psidOfPort() rejects port 65536", () => {
    expect(() => psidOfPort({ psidOffset: 0, psidLength: 6 }, 65_536)).toThrow("port is 65536");
  });
});
