import { expect, test } from "vitest";
import { formatIPv6 } from "../src/wire/ipv6-address.ts";
import { parseRelayConfig } from "./config.ts";

const needed = { allocator: "http://127.0.0.1:8467", token: "0123456789abcdef" };
const listenersOf = (input: object) =>
  parseRelayConfig({ ...needed, ...input }).listeners.map(
    ({ address, port, linkAddress }) => `[${address}]:${port} ${formatIPv6(linkAddress)}`,
  );

test("parseRelayConfig() has a default for all but allocator and token", () => {
  expect(parseRelayConfig(needed)).toEqual({
    listeners: [{ address: "::1", port: 8547, linkAddress: new Uint8Array(16) }],
    allocator: new URL("http://127.0.0.1:8467"),
    token: "0123456789abcdef",
    replyPort: "source",
    postsInFlight: 3,
    batchFrames: 256,
    queueLength: 8192,
    queueOctets: 16_777_216,
    deadlineMs: 4000,
    receiveBufferOctets: 4_194_304,
  });
});

test.each([
  [{ listen: ["[2001:db8::547]:547"] }, ["[2001:db8::547]:547 ::"]],
  [{ listen: ["[fe80::1%eth0]:0,link=2001:db8:1::1"] }, ["[fe80::1%eth0]:0 2001:db8:1::1"]],
  [{ interfaces: ["eth0"] }, ["[ff02::1:2%eth0]:547 ::"]],
  [{ interfaces: ["eth0.100,link=fd00::1"] }, ["[ff02::1:2%eth0.100]:547 fd00::1"]],
  [{ interfaces: ["eth0"], listen: ["[::1]:1547"] }, ["[::1]:1547 ::", "[ff02::1:2%eth0]:547 ::"]],
])("parseRelayConfig() listens where %j says", (input, expected) => {
  expect(listenersOf(input)).toEqual(expected);
});

test.each([
  [{}, "source"],
  [{ listen: ["[::1]:547"] }, "standard"],
  [{ interfaces: ["eth0"] }, "standard"],
  [{ interfaces: ["eth0"], replyPort: "source" }, "source"],
])("parseRelayConfig() answers for %j to the %s port", (input, expected) => {
  expect(parseRelayConfig({ ...needed, ...input }).replyPort).toBe(expected);
});

test.each([
  [{ postsInFlight: "4" }, { postsInFlight: 4 }],
  [{ deadlineMs: 100 }, { deadlineMs: 100 }],
])("parseRelayConfig() takes numbers as such and as text: %j", (input, expected) => {
  expect(parseRelayConfig({ ...needed, ...input })).toMatchObject(expected);
});

test.each([
  [{ allocator: undefined }, "allocator: found nothing, expected a value"],
  [{ allocator: "ftp://a" }, 'allocator: found "ftp://a", expected "https://HOST" or "http://HOST"'],
  [{ allocator: "https://a/?b" }, "expected a URL without user, query and fragment"],
  [{ token: undefined }, "token: found nothing, expected a value"],
  [{ token: "short" }, "token: found a text, expected at least 16 characters"],
  [{ token: "sixteen octets\r\n." }, "token: found a text, expected letters, digits and ~+/.-_= only"],
  [{ listen: [] }, "listen: found 0 listeners, expected 1 to 256"],
  [{ listen: ["::1:547"] }, 'listen.0: found "::1:547", expected "[ADDRESS]:PORT" with a port of 0 to 65535'],
  [{ listen: ["[::1]:547", "[::1]:65536"] }, 'listen.1: found "[::1]:65536", expected "[ADDRESS]:PORT"'],
  [{ listen: ["[1::2::3]:1"] }, 'Cannot parse IPv6 address: found "1::2::3"'],
  [{ listen: ["[fe80::1]:1"] }, 'expected the name of an interface, as in "[fe80::1%eth0]"'],
  [{ listen: ["[ff02::1:2]:1"] }, 'expected the name of an interface, as in "[ff02::1:2%eth0]"'],
  [{ listen: ["[::1%lo]:1"] }, "expected an address without a zone"],
  [{ listen: ["[::1]:1,link=fe80::1"] }, "expected a link-address of global or unique local scope"],
  [{ listen: ["[::1]:1,lnik=::2"] }, 'expected nothing or ",link=ADDRESS" behind "[::1]:1"'],
  [{ interfaces: ["no interface"] }, 'interfaces.0: found "no interface", expected the name of an interface'],
  [{ postsInFlight: 17 }, "postsInFlight: found 17, expected a whole number of 1 to 16"],
  [{ batchFrames: "many" }, 'batchFrames: found "many", expected a whole number of 1 to 256'],
  [{ deadlineMs: 1.5 }, "deadlineMs: found 1.5, expected a whole number of 100 to 60000"],
  [{ replyPort: "any" }, 'replyPort: found "any", expected ("standard" | "source")'],
  [{ lisetn: [] }, "lisetn: found an unknown name, expected one of the settings"],
])("parseRelayConfig() refuses %j with path, found and expected", (input, expected) => {
  expect(() => parseRelayConfig({ ...needed, ...input })).toThrow(expected);
});

test("parseRelayConfig() tells all faults at once, and repeats no token", () => {
  expect(() => parseRelayConfig({ allocator: "x", token: "secret!", listen: ["y"] })).toThrow(
    /^Cannot configure the relay:\n {2}listen\.0: .*\n {2}allocator: .*\n {2}token: (?!.*secret).*/,
  );
});
