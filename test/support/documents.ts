/**
 * Reads the Markdown documents of the repository, for tests that compare them with the code.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Root folder of the repository. */
export const root = join(import.meta.dirname, "../..");

/** Folders that git does not track. */
export const untrackedFolders: ReadonlySet<string> = new Set([
  ".git",
  ".wrangler",
  "data",
  "dist",
  "node_modules",
]);

/** A Markdown file. */
export interface MarkdownFile {
  /** Path from the root, such as `relay/README.md`. */
  readonly path: string;
  readonly text: string;
}

/** @returns The documents of the repository, sorted by path. */
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

/** A fenced code block. */
export interface CodeBlock {
  /** Text after the opening fence, such as `sh`; may be empty. */
  readonly language: string;
  readonly code: string;
}

const fencedBlock = /^( *)```(.*)\n([\s\S]*?)^\1```$/gm;

/** @returns The code blocks of a document, in order. */
export function codeBlocksOf(markdown: string): CodeBlock[] {
  return [...markdown.matchAll(fencedBlock)].map(([, , language = "", code = ""]) => ({
    language: language.trim(),
    code,
  }));
}

/** @returns The text without its code blocks. */
export function proseOf(markdown: string): string {
  return markdown.replaceAll(fencedBlock, "");
}

/**
 * Lists the anchors that links can name: one for each heading, as GitHub generates them.
 *
 * @returns Anchors without `#`. A repeated heading gets a number.
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
