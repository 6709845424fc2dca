import { expect, test } from "vitest";
import { parseEnvironmentFile } from "./environment-file.ts";

/** The variables of a text, and its faults as `line: NAME: problem`. */
function read(text: string) {
  const { variables, faults } = parseEnvironmentFile(text);
  return {
    values: Object.fromEntries([...variables].map(([name, { value }]) => [name, value])),
    faults: faults.map(({ line, name = "-", problem }) => `${line}: ${name}: ${problem}`),
  };
}

test.each<[what: string, text: string, values: Record<string, string>]>([
  ["nothing", "", {}],
  ["an empty value", "A=\nB=\n", { A: "", B: "" }],
  ["comments and empty lines", "# a\n\n; b=1\n  # c\\\nA=1", { A: "1" }],
  ["spaces around", "  A = one two  \nB=\t2\r\n", { A: "one two", B: "2" }],
  ["a # without a space before it", "A=x#y\n", { A: "x#y" }],
  ["single quotes", "A=' one # \\n \"x\" `y`'\n", { A: ' one # \\n "x" `y`' }],
  ["double quotes", 'A="a\\"b\\\\c\\`d\\$e\\nf"\n', { A: 'a"b\\c`d$e\\nf' }],
  ["quotes over several lines", "A='1\n2'\nB=\"3\n4\\\n5\"\n", { A: "1\n2", B: "3\n45" }],
  ["quotes and text", "A='b'\"c\" d\n", { A: "bcd" }],
  ["a continued line", "A=one\\\n two\\\r\nthree\nB=2\n", { A: "one twothree", B: "2" }],
  ["an escape without quotes", "A=a\\ b\\\\\n", { A: "a b\\" }],
  ["an escaped space at the end", "A=a\\\\\\  \n", { A: "a\\ " }],
  ["a backslash at the end", "A=a\\", { A: "a" }],
  ["one name twice", "A=1\nA=2\n", { A: "2" }],
])("parseEnvironmentFile() reads %s as systemd does", (_what, text, values) => {
  expect(read(text)).toEqual({ values, faults: [] });
});

test.each<[what: string, text: string, faults: readonly RegExp[], values?: Record<string, string>]>([
  ["export", "B=1\nexport A=1\n", [/^2: -: found "export", for which systemd ignores the line, expected/]],
  ["a line without =", "secret\n", [/^1: -: found a line without "=", which systemd ignores, expected/]],
  ["a wrong name", "A-B=secret\n", [/^1: -: found a name for which systemd ignores the line, expected/]],
  ["a comment after a value", "A=x # y\n", [/^1: A: found " #" in a value without quotes/]],
  ["a comment after quotes", "A='x' # y\n", [/^1: A: found " #" in a value without quotes/]],
  ["a comment instead of a value", "A= # y\n", [/^1: A: found " #" in a value without quotes/]],
  ["a backtick", "A=`x`\n", [/^1: A: found a backtick/]],
  ["a backtick in double quotes", 'A="`x`"\n', [/^1: A: found a backtick/]],
  ["a quote without an end", "B=1\n\nA='x\ny\n", [/^3: A: found no second ', .* expected one$/]],
  ["two of them", "A\nB='1\n2'\nC\n", [/^1: -/, /^4: -/]],
])("parseEnvironmentFile() finds %s, and shows no value", (_what, text, faults) => {
  const found = read(text).faults;
  expect(found).toEqual(faults.map((each) => expect.stringMatching(each) as string));
  expect(found.join()).not.toContain("secret");
});
