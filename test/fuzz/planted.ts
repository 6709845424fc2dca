/**
 * Faults that are planted in a copy of the project, to show that the fuzzer finds them.
 *
 * @module
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** A fault: a change of the source. */
export interface Planted {
  readonly name: string;
  readonly file: string;
  /** Text that occurs exactly once in the file. */
  readonly search: string;
  readonly replacement: string;
  /** Flags of the fuzzer. */
  readonly flags: readonly string[];
  /** What the fuzzer prints when it finds the fault. */
  readonly found: RegExp;
}

const relay = ["--target", "relay", "--messages", "60000"];
const allocator = ["--target", "allocator", "--messages", "60000"];

export const plantedFaults: readonly Planted[] = [
  {
    name: "a DHCPv6 option that ends after its message is accepted",
    file: "src/wire/dhcpv6/options.ts",
    search: "if (end > message.length) {",
    replacement: "if (start > message.length) {",
    flags: relay,
    found: /The decoder accepts the \S+ that a second reader accepts: found no fault/,
  },
  {
    name: "relay levels have no bound",
    file: "src/wire/dhcpv6/relay.ts",
    search: "if (path.length === relayLevelsMax) {",
    replacement: "if (path.length === 1000) {",
    flags: relay,
    found: /The decoder accepts the relay levels that a second reader accepts: found no fault/,
  },
  {
    name: "a DHCPv4 option that runs past its field is cut off",
    file: "src/wire/dhcpv4/message.ts",
    search: "if (dataStart > end || dataEnd > end) {",
    replacement: "if (dataStart > end) {",
    flags: relay,
    found: /found no fault, expected dhcpv4-option-overrun/,
  },
  {
    name: "options of `file` are read beyond its end",
    file: "src/wire/dhcpv4/message.ts",
    search: "decodeOptions(file, 0, file.length, options);",
    replacement: "decodeOptions(octets, fileAt.offset, octets.length, options);",
    flags: relay,
    found: /The decoder/,
  },
  {
    name: "a Reply is sent to port 0",
    file: "relay/information/information.ts",
    search: 'if (!canBeAnswered(origin)) return drop("unusable-source");',
    replacement: "",
    flags: relay,
    found: /A port is 1 to 65535: found 0/,
  },
  {
    name: "the relay believes no level of a trusted relay",
    file: "relay/relay.ts",
    search: "const belief = this.#believe(datagram, entry, peer);",
    replacement: "const belief = peer === undefined ? this.#believe(datagram, entry, peer) : allBelieved;",
    flags: relay,
    found: /The Interface-Id says what delivers the answer, and how far the levels are believed/,
  },
  {
    name: "the relay delivers all answers through its first socket",
    file: "relay/relay.ts",
    search: "this.#listeners.find(outcome.listener)",
    replacement: "this.#listeners.find(0)",
    flags: relay,
    found: /An answer leaves from the socket that it names: found 0|A Reply leaves from the socket/,
  },
  {
    name: "the relay loses the last frame of a POST",
    file: "relay/uplink/batcher.ts",
    search: "void this.#send(taken);",
    replacement: "void this.#send({ ...taken, frames: taken.frames.slice(0, -1) });",
    flags: relay,
    found: /Each frame leaves the queue|A good query is answered|A POST has the frames that wait/,
  },
  {
    name: "a message that cannot be decoded fails its batch",
    file: "src/lease/query.ts",
    search: "if (error instanceof DecodeError) return drop(error.reason);",
    replacement: "",
    flags: allocator,
    found: /fails at epoch/,
  },
  {
    name: "an answer may be longer than its client accepts",
    file: "src/lease/response.ts",
    search: "Math.min(acceptedMax, answerOctetsMax)",
    replacement: "answerOctetsMax",
    flags: allocator,
    found: /An answer is not longer than its client accepts: found \d+, expected at most/,
  },
  {
    name: "the length of an answer has no bound of ours",
    file: "src/lease/response.ts",
    search: "Math.min(acceptedMax, answerOctetsMax)",
    replacement: "acceptedMax",
    flags: allocator,
    found: /A DHCPv4 answer has at most 3072 octets: found/,
  },
  {
    name: "a query is accepted whose answer fits in no frame",
    file: "src/lease/query.ts",
    search: "if (frame.length - octets.length + answerGrowthOctetsMax > messageOctetsMax)",
    replacement: "if (frame.length < 0)",
    flags: allocator,
    found: /Each query that is accepted can be answered|Cannot encode option 9/,
  },
  {
    name: "the decoder of options stands still at one without data",
    file: "src/wire/dhcpv6/options.ts",
    search: "    at = end;\n",
    replacement: "    at = end === start ? at : end;\n    options.length = Math.min(options.length, 8);\n",
    flags: [...relay, "--stall", "3s"],
    found: /no progress for 3000 ms at seed 1, epoch 0, step \d+\nmessage: [0-9a-f]+/,
  },
];

/** Folders and files that the fuzzer needs. */
const needed = [
  "src",
  "relay",
  "migrations",
  "test/fuzz",
  "test/support",
  "test/vectors",
  "package.json",
  "tsconfig.json",
];

/**
 * Copies the project and plants a fault in the copy.
 *
 * @returns The folder of the copy, and a function that deletes it.
 * @throws {RangeError} When the text to replace does not occur exactly once.
 */
export function plant({ file, search, replacement }: Planted): {
  readonly folder: string;
  readonly remove: () => void;
} {
  const root = resolve(import.meta.dirname, "../..");
  const folder = mkdtempSync(join(tmpdir(), "apportion-planted-"));
  for (const path of needed) cpSync(join(root, path), join(folder, path), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const path = join(folder, file);
  const text = readFileSync(path, "utf8");
  const places = text.split(search).length - 1;
  if (places !== 1)
    throw new RangeError(`Cannot plant a fault in ${file}: found its text ${places} times, expected once`);
  writeFileSync(
    path,
    text.replace(search, () => replacement),
  );
  return {
    folder,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
