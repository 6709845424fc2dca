import { expect, test } from "vitest";
import { lineOf } from "./toml-lines.ts";

const text = `# listeners
replyPort = "source"
[[listeners]]
interface = "eth0"
[[listeners]]
address = "::1"
port = 1
trustedRelays = [
  { prefix = "::2" },
]
[[listeners.more]]
"a b" = 1
[queue]
length = 1
octets.deep = 2
[capture]
file = """
length = 3
[log]
"""
octets = 4
`;

test.each([
  ["replyPort", 2],
  ["listeners.0", 3],
  ["listeners.0.interface", 4],
  ["listeners.1.port", 7],
  ["listeners.1.trustedRelays.0.prefix", 8],
  ["listeners.1.linkAddress", 5],
  ["listeners.1.more.0.a b", 12],
  ["queue.length", 14],
  ["queue.octets.deep", 15],
  ["capture.length", 16],
  ["capture.octets", 21],
  ["log.level", undefined],
])("lineOf() finds %s", (path, line) => {
  expect(lineOf(text, path)).toBe(line);
});
