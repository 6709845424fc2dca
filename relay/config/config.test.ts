import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { decodeHex } from "../../src/wire/hex.ts";
import { formatIPv6 } from "../../src/wire/ipv6-address.ts";
import { parseRelaySettings, schema } from "./config.ts";
import { deriveServerIdentifier } from "./server-identifier.ts";

const listenersOf = (listeners: object[]) =>
  parseRelaySettings({ listeners }).listeners.map(
    ({ address, port, linkAddress }) => `[${address}]:${port} ${formatIPv6(linkAddress)}`,
  );

test("parseRelaySettings() has a default for every setting", () => {
  expect(parseRelaySettings({})).toEqual({
    listeners: [
      {
        address: "::1",
        port: 8547,
        linkAddress: new Uint8Array(16),
        joinedAlso: [],
        trust: { trustedRelays: [], accessNodes: false, untrustedRelays: "drop" },
      },
    ],
    replyPort: "source",
    allocator: {
      urls: [new URL("http://127.0.0.1:8467")],
      policy: "priority",
      postsInFlight: 3,
      batchFrames: 256,
    },
    servers: {
      destinations: [],
      sourceAddress: "::",
      sourcePort: 0,
      queries: "allocator",
      relayed: "examine",
    },
    information: undefined,
    queue: { length: 32_768, octets: 16_777_216, deadlineMs: 4000, receiveBufferOctets: 4_194_304 },
    storm: {
      sourceRate: 0,
      sourceBurst: 40,
      sourcePrefixLength: 128,
      sources: 65_536,
      unlimitedSources: [],
    },
    metrics: {},
    status: {},
    capture: { octets: 104_857_600 },
    log: { level: "info" },
  });
});

test("parseRelaySettings() completes the content of answers to Information-Requests", () => {
  const machineId = () => "00112233445566778899aabbccddeeff";
  const informationOf = (information: object) => parseRelaySettings({ information }, machineId).information;
  expect(informationOf({ enabled: true, serverIdentifier: "0003000102005e530001" })).toEqual({
    serverIdentifier: decodeHex("0003000102005e530001"),
    dhcp4o6Servers: [],
    borderRelays: [],
    softwireContainer: false,
    refreshSeconds: 86_400,
  });
  expect(informationOf({ enabled: true })?.serverIdentifier).toEqual(deriveServerIdentifier(machineId));
  expect(informationOf({ enabled: false, serverIdentifier: "0003000102005e530001" })).toBeUndefined();
});

test.each([
  [[{ address: "2001:db8::547" }], ["[2001:db8::547]:547 ::"]],
  [[{ address: "fe80::1%eth0", port: 0, linkAddress: "2001:db8:1::1" }], ["[fe80::1%eth0]:0 2001:db8:1::1"]],
  [[{ interface: "eth0" }], ["[ff02::1:2%eth0]:547 ::"]],
  [[{ interface: "eth0.100", linkAddress: "fd00::1" }], ["[ff02::1:2%eth0.100]:547 fd00::1"]],
  [
    [{ interface: "eth0" }, { address: "::1", port: 1547 }],
    ["[ff02::1:2%eth0]:547 ::", "[::1]:1547 ::"],
  ],
])("parseRelaySettings() converts %j into listeners", (input, expected) => {
  expect(listenersOf(input)).toEqual(expected);
});

test.each([
  [{}, "source"],
  [{ listeners: [{ address: "::1" }] }, "standard"],
  [{ listeners: [{ interface: "eth0" }] }, "standard"],
  [{ listeners: [{ interface: "eth0" }], replyPort: "source" }, "source"],
])("parseRelaySettings() chooses for %j the reply port: %s", (input, expected) => {
  expect(parseRelaySettings(input).replyPort).toBe(expected);
});

test.each([
  [{ queue: { deadlineMs: "100" } }, { queue: { deadlineMs: 100 } }],
  [{ queue: { deadlineMs: 100 } }, { queue: { deadlineMs: 100 } }],
  [{ metrics: { listen: "[::1]:9547" } }, { metrics: { listen: { host: "::1", port: 9547 } } }],
  [{ metrics: { listen: "localhost:0" } }, { metrics: { listen: { host: "localhost", port: 0 } } }],
])("parseRelaySettings() accepts %j", (input, expected) => {
  expect(parseRelaySettings(input)).toMatchObject(expected);
});

const listening = (...listeners: object[]) => ({ listeners });
const allocator = (values: object) => ({ allocator: values });

test.each([
  [allocator({ urls: ["ftp://a"] }), 'allocator.urls.0: found "ftp://a", expected "https://HOST"'],
  [allocator({ urls: ["https://a/?b"] }), "expected a URL without user, query and fragment"],
  [allocator({ urls: [] }), "allocator.urls: found [], expected 1 to 16 entries"],
  [allocator({ policy: "any" }), 'allocator.policy: found "any", expected ("priority" | "spread")'],
  [allocator({ postsInFlight: 17 }), "allocator.postsInFlight: found 17, expected a whole number of 1 to 16"],
  [allocator({ batchFrames: "many" }), 'batchFrames: found "many", expected a whole number of 1 to 256'],
  [allocator({ keyFile: "a" }), "expected both or neither"],
  [{ listeners: [] }, "listeners: found [], expected 1 to 256 entries"],
  [listening({}), 'listeners.0: found "neither", expected either an interface or an address'],
  [listening({ address: "::1", interface: "a" }), "expected either an interface or an address"],
  [listening({ address: "1::2::3" }), 'Cannot parse IPv6 address: found "1::2::3"'],
  [listening({ address: "fe80::1" }), 'expected the name of an interface, as in "fe80::1%eth0"'],
  [listening({ address: "ff02::1:2" }), 'expected the name of an interface, as in "ff02::1:2%eth0"'],
  [listening({ address: "::1%lo" }), "expected an address without a zone"],
  [listening({ address: "::1", port: 65536 }), "listeners.0.port: found 65536, expected a whole number of 0"],
  [
    listening({ address: "::1", linkAddress: "fe80::1" }),
    "expected a link-address of global or unique local",
  ],
  [listening({ interface: "no interface" }), "listeners.0.interface: found"],
  [{ queue: { deadlineMs: 1.5 } }, "queue.deadlineMs: found 1.5, expected a whole number of 100 to 60000"],
  [
    { storm: { unlimitedSources: ["::1"] } },
    'storm.unlimitedSources.0: found "::1", Cannot parse IPv6 prefix',
  ],
  [{ metrics: { listen: "9547" } }, 'metrics.listen: found "9547", expected "HOST:PORT"'],
  [{ replyPort: "any" }, 'replyPort: found "any", expected ("standard" | "source")'],
  [{ quue: {} }, "quue: found an unknown name, expected one of replyPort, listeners, allocator, servers"],
  [{ queue: { lenght: 1 } }, "queue.lenght: found an unknown name, expected one of length, octets"],
  [{ queue: 5 }, "queue: found 5, expected a table"],
])(
  "parseRelaySettings() rejects %j, naming the path, the value found and the value expected",
  (input, expected) => {
    expect(() => parseRelaySettings(input)).toThrow(expected);
  },
);

test("parseRelaySettings() reports all faults at once", () => {
  expect(() => parseRelaySettings({ allocator: { urls: ["x"] }, listeners: [{ address: "y" }] })).toThrow(
    /^Cannot configure the relay:\n {2}listeners\.0\.address: .*\n {2}allocator\.urls\.0: .*/,
  );
});

const example = readFileSync(join(import.meta.dirname, "../relay.example.toml"), "utf8");

test("relay.example.toml contains the defaults", () => {
  expect(parseRelaySettings(parse(example))).toEqual(parseRelaySettings({}));
});

/** The example, with the keys that are commented out enabled. */
const whole = example.replaceAll(/^#(?=\[\[|\w+ = )/gm, "");

test("relay.example.toml is valid with the keys that are commented out", () => {
  const text = whole.replace(/^address = .*$/m, "");
  expect(parseRelaySettings(parse(text)).listeners).toMatchObject([{ address: "ff02::1:2%eth1", port: 547 }]);
});

/** Schema of a setting or a table, possibly wrapped in a default or a transformation. */
interface AnySchema {
  readonly entries?: Readonly<Record<string, AnySchema>>;
  readonly wrapped?: AnySchema;
  readonly item?: AnySchema;
  readonly pipe?: readonly [AnySchema, ...{ readonly type: string; readonly requirement?: unknown }[]];
}

/** Lists the path of each key with its bounds. */
function keysOf(node: AnySchema, path = ""): (readonly [string, readonly unknown[]])[] {
  if (node.wrapped !== undefined) return keysOf(node.wrapped, path);
  if (node.entries !== undefined) {
    return Object.entries(node.entries).flatMap(([name, each]) =>
      keysOf(each, path === "" ? name : `${path}.${name}`),
    );
  }
  const [first, ...actions] = node.pipe ?? [node];
  if (first.entries ?? first.item?.entries ?? first.item?.pipe?.[0].entries) {
    return keysOf(first.entries === undefined ? first.item! : first, path);
  }
  const numbers = actions.filter(({ type }) => type === "min_value" || type === "max_value");
  return [[path, numbers.map(({ requirement }) => requirement)]];
}

const keys = keysOf(schema as unknown as AnySchema);

test.each(keys)("relay.example.toml explains %s, with its bounds %j", (path, bounds) => {
  const name = path.split(".").at(-1)!;
  const table = path.includes(".") ? path.split(".").slice(0, -1).join(".") : undefined;
  const start = table === undefined ? 0 : whole.search(new RegExp(`^\\[\\[?${table}\\]`, "m"));
  expect(start).toBeGreaterThanOrEqual(0);
  const lines = whole.slice(start).split("\n");
  const at = lines.findIndex((line) => line.startsWith(`${name} = `) || line === `[[${name}]]`);
  const end = lines.findIndex((line, index) => index > 0 && line.startsWith("["));
  expect(at).toBeGreaterThan(0);
  if (table !== undefined) expect(end === -1 || at < end).toBe(true);
  // A comment applies to all keys between it and the next comment.
  let first = at - 1;
  while (first > 0 && /^(#|\w+ = )/.test(lines[first]!) && !lines[first]!.startsWith("[")) first--;
  const comment = lines.slice(first, at).join("\n");
  expect(comment).toContain("# ");
  for (const bound of bounds) expect(comment).toContain(String(bound));
});

const allocatorAt = (url: string) => ({ allocator: { urls: [url] } });

test.each([
  ["http://h:8467/v1/relay", 'expected "http://h:8467": the relay adds /v1/relay to it'],
  ["http://h:8467/v1/relay/", 'expected "http://h:8467": the relay adds /v1/relay to it'],
  ["http://h:8467/v1/", 'expected "http://h:8467": the relay adds /v1/relay to it'],
  ["https://h/apportion/v1/relay", 'expected "https://h/apportion": the relay adds /v1/relay to it'],
  ["http://h/?a=1", 'expected a URL without user, query and fragment, such as "http://h"'],
  ["http://h/x?", 'expected a URL without user, query and fragment, such as "http://h/x"'],
  ["http://h/v1/relay#top", 'expected a URL without user, query and fragment, such as "http://h"'],
  ["http://me:secret@h/", 'found "http://…@h/", expected a URL without user, query and fragment'],
])("E19 parseRelaySettings() says what to write instead of the allocator %s", (url, expected) => {
  expect(() => parseRelaySettings(allocatorAt(url))).toThrow(expected);
});

test.each(["http://h:8467", "https://h/", "https://h/apportion/", "https://h/v1/relays"])(
  "E19 parseRelaySettings() accepts the allocator %s",
  (url) => {
    expect(parseRelaySettings(allocatorAt(url)).allocator.urls[0]!.href).toBe(new URL(url).href);
  },
);

test.each([
  [
    { address: "::1", port: 547 },
    { address: "::1", port: 547 },
  ],
  [{ address: "::1", port: 547 }, { address: "0:0::1" }],
  [
    { address: "2001:db8::A", port: 1 },
    { address: "2001:DB8:0::a", port: 1 },
  ],
  [{ interface: "br+lan" }, { interface: "br+lan", linkAddress: "2001:db8::1" }],
  [{ interface: "eth0" }, { address: "ff02::1:2%eth0" }],
  [{ interface: "eth0", joinAllServers: true }, { address: "ff05::1:3%eth0" }],
])("E19 parseRelaySettings() refuses the listener %j twice, as %j", (first, second) => {
  const listeners = [first, { address: "::2", port: 9 }, second];
  expect(() => parseRelaySettings({ listeners })).toThrow(
    /listeners\.\d: found \[.*\]:\d+, which listeners\.\d has too, expected each address and port once/,
  );
});

test.each([
  [
    { address: "::1", port: 0 },
    { address: "::1", port: 0 },
  ],
  [
    { address: "::1", port: 1 },
    { address: "::1", port: 2 },
  ],
  [{ address: "fe80::1%eth0" }, { address: "fe80::1%eth1" }],
  [{ interface: "eth0" }, { interface: "eth0", port: 1547 }],
])("E19 parseRelaySettings() accepts %j beside %j", (first, second) => {
  expect(parseRelaySettings({ listeners: [first, second] }).listeners).toHaveLength(2);
});

test.each([
  ["::", "expected an address of this host"],
  ["0:0::0", "expected an address of this host"],
  ["::%eth0", "expected an address of this host"],
  ["0.0.0.0", "Cannot parse IPv6 address"],
])("E19 parseRelaySettings() refuses a listener on every address, written %s", (address, expected) => {
  expect(() => parseRelaySettings({ listeners: [{ address }] })).toThrow(expected);
});

test.each(["br+lan", "wan~1", "größe", "a:1"])(
  "E19 parseRelaySettings() accepts the interface %s",
  (name) => {
    const [listener] = parseRelaySettings({ listeners: [{ interface: name }] }).listeners;
    expect(listener!.address).toBe(`ff02::1:2%${name}`);
  },
);

test.each(["", ".", "..", "a/b", "a b", "a%b", "sixteen-octets-x"])(
  "E19 parseRelaySettings() refuses the interface %j",
  (name) => {
    expect(() => parseRelaySettings({ listeners: [{ interface: name }] })).toThrow(
      "expected the name of an interface",
    );
  },
);
