/**
 * The Markdown documents of the repository, read for tests that hold them to the code.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The folder of the repository. */
export const root = join(import.meta.dirname, "../..");

/** Folders that are made here, and so are not part of a clone. */
export const untrackedFolders: ReadonlySet<string> = new Set([
  ".git",
  ".wrangler",
  "data",
  "dist",
  "node_modules",
]);

/** A file of Markdown. */
export interface MarkdownFile {
  /** Path from the root, such as `relay/README.md`. */
  readonly path: string;
  readonly text: string;
}

/** @returns The documents of the repository, in the order of their paths. */
export function listDocuments(folder = ""): MarkdownFile[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  return entries
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return untrackedFolders.has(entry.name) ? [] : listDocuments(path);
      return entry.name.endsWith(".md") ? [readDocument(path)] : [];
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** @param path Path from the root. */
export function readDocument(path: string): MarkdownFile {
  return { path, text: readFileSync(join(root, path), "utf8") };
}

/** A block of code between fences. */
export interface CodeBlock {
  /** What stands after the opening fence, such as `sh`; empty when nothing does. */
  readonly language: string;
  readonly code: string;
}

const fencedBlock = /^( *)```(.*)\n([\s\S]*?)^\1```$/gm;

/** @returns The blocks of code in their order. */
export function codeBlocksOf(markdown: string): CodeBlock[] {
  return [...markdown.matchAll(fencedBlock)].map(([, , language = "", code = ""]) => ({
    language: language.trim(),
    code,
  }));
}

/** @returns The text without its blocks of code. */
export function proseOf(markdown: string): string {
  return markdown.replaceAll(fencedBlock, "");
}

/**
 * Lists the anchors that links can name: one for each heading, as GitHub makes them.
 *
 * @returns Anchors without `#`. A heading that repeats gets a number.
 */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of proseOf(markdown).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1");
    const anchor = text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-");
    let unique = anchor;
    for (let number = 1; anchors.has(unique); number++) unique = `${anchor}-${number}`;
    anchors.add(unique);
  }
  return anchors;
}
