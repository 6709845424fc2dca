/**
 * Checks that the files, headings and commands that the documents name exist, and that the README stays short.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { anchorsOf, codeBlocksOf, listDocuments, proseOf, readDocument, root } from "./support/documents.ts";

const documents = listDocuments();
const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
};

/** @returns The targets of links, as written. */
const linksOf = (text: string): string[] => [
  ...[...proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!),
  ...[...proseOf(text).matchAll(/^\[[^\]]+\]: (\S+)/gm)].map(([, target]) => target!),
];

/** @returns What is wrong with a link, or undefined if its target exists. Links to other sites are not checked. */
function faultOf(target: string, from: string): string | undefined {
  if (/^[a-z]+:/.test(target)) return undefined;
  const [file = "", anchor] = target.split("#", 2);
  const path = file === "" ? from : join(dirname(from), file);
  if (!existsSync(join(root, path))) return `${target}: found no file ${path}`;
  if (anchor === undefined) return undefined;
  const hasHeading = path.endsWith(".md") && anchorsOf(readDocument(path).text).has(anchor);
  return hasHeading ? undefined : `${target}: found no heading #${anchor} in ${path}`;
}

/** File extensions that occur in this repository. */
const fileEnding = /\.(ts|js|md|toml|sh|sql|json|yaml|yang|service|8)$/;
/** Folders at the top of this repository. */
const topFolder = /^(src|relay|test|migrations|\.ci|\.github)\//;

/** @returns The words in backticks that look like a file or folder of this repository. */
function pathsOf(text: string): string[] {
  const words = [...proseOf(text).matchAll(/`([\w./@-]+)`/g)].map(([, word]) => word!);
  return words.filter((word) => topFolder.test(word) || (word.includes("/") && fileEnding.test(word)));
}

/** Files that commands in the documents create, and files outside this repository. */
const otherFile = /^(\/|~|data\/|dist\/|node_modules\/)/;

/** Tells whether a path exists, relative to the root, to `src` or to the folder of the document. */
const isFile = (path: string, from: string): boolean =>
  ["", "src", dirname(from)].some((folder) => existsSync(join(root, folder, path)));

/** @returns All code of a document: its blocks and what is in backticks. */
const codeOf = (text: string): string[] => [
  ...codeBlocksOf(text).map(({ code }) => code),
  ...[...proseOf(text).matchAll(/`([^`]+)`/g)].map(([, code]) => code!),
];

describe.each(documents.map(({ path, text }) => [path, text] as const))("%s", (path, text) => {
  test("every link leads to a file or heading that exists", () => {
    const faults = linksOf(text).map((target) => faultOf(target, path));
    expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
  });

  test("every path of this repository exists", () => {
    const paths = pathsOf(text).filter((each) => !otherFile.test(each));
    expect(paths.filter((each) => !isFile(each, path))).toEqual([]);
  });

  test("every npm run command is a script of package.json, and every source file in code exists", () => {
    const code = codeOf(text);
    const commands = code.flatMap((each) => [...each.matchAll(/\bnpm run(?: -s)? ([\w:-]+)/g)]);
    expect(commands.map(([, name]) => name!).filter((name) => !(name in scripts))).toEqual([]);
    const files = code.flatMap((each) => [
      ...each.matchAll(/(?<![\w/.-])(?:src|relay|test)\/[\w./-]+\.ts\b/g),
    ]);
    expect(files.map(([file]) => file).filter((file) => !isFile(file, path))).toEqual([]);
  });
});

test("the README has at most 150 lines", () => {
  expect(readDocument("README.md").text.trimEnd().split("\n").length).toBeLessThanOrEqual(150);
});

test("the README links to every guide", () => {
  const named = new Set(linksOf(readDocument("README.md").text).map((target) => target.split("#")[0]));
  const guides = documents.map(({ path }) => path).filter((path) => path !== "README.md");
  expect(guides.filter((path) => !named.has(path))).toEqual([]);
});

test("anchorsOf() makes anchors as GitHub does", () => {
  const text =
    "# One door: the store\n\n```sh\n# a comment\n```\n\n## `npm run x`\n\n## [A](b.md) & c_d\n\n## One\n\n## One\n";
  expect([...anchorsOf(text)]).toEqual(["one-door-the-store", "npm-run-x", "a--c_d", "one", "one-1"]);
});

test("codeBlocksOf() returns blocks with their languages, including indented blocks", () => {
  const text = "```sh\na\n```\n\n- item\n\n  ```text\n  b\n  ```\n\n```\nc\n```\n";
  expect(codeBlocksOf(text)).toEqual([
    { language: "sh", code: "a\n" },
    { language: "text", code: "  b\n" },
    { language: "", code: "c\n" },
  ]);
  expect(proseOf(text)).not.toMatch(/[abc]\n/);
});
