/**
 * Guards that are broken: what the programs say about wrong settings, and how they end when nobody reads.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const config = "relay/config/config.ts";
const configTests = ["relay/config/config.test.ts"];
const zone = "src/wire/relay-interface-id.ts";

export const settingMutants: readonly Mutant[] = [
  {
    name: "listener-twice-by-spelling",
    rules: ["E19"],
    file: config,
    search: "const octets = encodeHex(parseIPv6(hostOf(address)));",
    replacement:
      "const octets = encodeHex(new TextEncoder().encode(address)) + String(parseIPv6(hostOf(address)).length);",
    tests: configTests,
  },
  {
    name: "token-tried-by-the-first-client",
    rules: ["E19"],
    file: "relay/uplink/uplink.ts",
    search: "if (failure !== undefined || this.#isClosed) return failure;",
    replacement: "if (failure !== undefined || !this.#isClosed) return failure;",
    tests: ["relay/uplink/uplink.test.ts"],
  },
  {
    name: "key-of-another-certificate-accepted",
    rules: ["E19"],
    file: "relay/config/secrets.ts",
    search: "!parsed.checkPrivateKey(parsedKey)",
    replacement: "parsed.checkPrivateKey(parsedKey) === undefined",
    tests: ["relay/config/secrets.test.ts"],
  },
  {
    name: "any-port-counts-as-twice",
    rules: ["E19"],
    file: config,
    search: "if (first !== undefined && port !== 0) {",
    replacement: "if (first !== undefined) {",
    tests: configTests,
  },
  {
    name: "password-of-an-allocator-shown",
    rules: ["E19"],
    file: config,
    search: 'return text.replace(/\\/\\/[^/@]*@/, "//…@");',
    replacement: "return text;",
    tests: configTests,
  },
  {
    name: "path-of-the-relay-endpoint-accepted",
    rules: ["E19"],
    file: "relay/config/config-values.ts",
    search: "if (/\\/v1(\\/relay)?\\/*$/.test(url.pathname)) {",
    replacement: "if (/\\/v1\\/relay$/.test(url.pathname)) {",
    tests: configTests,
  },
  {
    name: "interface-name-counted-in-characters",
    rules: ["E19"],
    file: zone,
    search: "text.length <= zoneOctetsMax && octetsOf(text).length <= zoneOctetsMax",
    replacement: "text.length <= zoneOctetsMax && octetsOf(text).length > -1",
    tests: ["src/wire/relay-interface-id.test.ts"],
  },
  {
    name: "interface-name-may-be-a-folder",
    rules: ["E19"],
    file: zone,
    search: 'text !== "." && text !== ".."',
    replacement: 'text !== "."',
    tests: ["src/wire/relay-interface-id.test.ts"],
  },
  {
    name: "missing-reader-ends-the-program",
    rules: ["E23"],
    file: "src/program-output.ts",
    search: 'if (!guarded.has(stream)) stream.on("error", onError);',
    replacement: 'if (guarded.size > 9) stream.on("error", onError);',
    tests: ["test/pipes.test.ts"],
  },
  {
    name: "full-disk-is-success",
    rules: ["E23"],
    file: "src/program-output.ts",
    search: 'if (isRead && error.code !== "EPIPE") {',
    replacement: "if (isRead && error.code === undefined) {",
    tests: ["test/pipes.test.ts"],
  },
  {
    name: "log-of-somebody-else-is-opened",
    rules: ["E18"],
    file: "src/runtime/opening-fault.ts",
    search: 'for (const suffix of ["", "-wal", "-shm"]) {',
    replacement: 'for (const suffix of [""]) {',
    tests: ["test/wrong-settings.test.ts"],
  },
  {
    name: "database-of-somebody-else-is-opened",
    rules: ["E18"],
    file: "src/runtime/node.ts",
    search: "if (isFileUrl(access.url)) refuseUnwritable(access, filePathOf(access.url));",
    replacement: 'if (access.url === "") refuseUnwritable(access, filePathOf(access.url));',
    tests: ["test/wrong-settings.test.ts"],
  },
  {
    name: "file-faults-in-words-of-the-library",
    rules: ["E18"],
    file: "src/declaration/fault-words.ts",
    search: "if (!/^Invalid .*Expected .* but received /s.test(fault.message)) return fault.message;",
    replacement: "if (fault.message !== undefined) return fault.message;",
    tests: ["src/declaration/declaration.test.ts"],
  },
  {
    name: "pair-never-leased-ended-in-1970",
    rules: ["E1"],
    file: "src/http/admin/leases/lease.ts",
    search: "lease.expiresAt === 0 ? null",
    replacement: "lease.expiresAt < 0 ? null",
    tests: ["src/http/admin/evidence.test.ts"],
  },
];
