/**
 * Parses YAML from outside. The text may be hostile, so every kind of work has a bound, and the caller may pause.
 *
 * The parser of the library `yaml` compares each key of a mapping with all others, creates an error for each fault of
 * the text, and writes each warning to standard error. A megabyte of faults took it minutes. Here the first fault ends
 * the work, and duplicate keys are found in one pass.
 *
 * @module
 */
import { Composer, isAlias, isScalar, Lexer, LineCounter, Parser, visit } from "yaml";
import type { CST, Document } from "yaml";
import { textDepthMax, yamlAliasesMax, yamlPauseTokens, yamlValuesMax } from "../limits.ts";

/** Bounds on a text. */
export interface YamlBounds {
  /** Length of the text, in UTF-16 code units. */
  readonly characters: number;
  /** Tokens of the text: scalars, indicators, spaces, comments and ends of lines. */
  readonly tokens: number;
}

/**
 * Parses a YAML document. Yields about once a millisecond, so that the caller may pause.
 *
 * @returns The value.
 * @throws {SyntaxError} When the text is not one YAML document, or exceeds a bound.
 */
export function* parseYaml(text: string, bounds: YamlBounds): Generator<void, unknown> {
  if (text.length > bounds.characters) {
    throw new SyntaxError(
      `found ${text.length} characters of YAML, expected at most ${bounds.characters}; write JSON instead`,
    );
  }
  const lines = new LineCounter();
  const tokens = yield* readTokens(text, lines, bounds);
  yield;
  const document = composeDocument(tokens, text, lines);
  yield;
  refuseDuplicateKeys(document, lines);
  yield;
  const value: unknown = document.toJS({ maxAliasCount: yamlAliasesMax });
  countValues(value);
  return value;
}

/** Reads the tokens of the text into a tree. */
function* readTokens(
  text: string,
  lines: LineCounter,
  bounds: YamlBounds,
): Generator<void, readonly CST.Token[]> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens: CST.Token[] = [];
  let [count, aliases] = [0, 0];
  for (const lexeme of new Lexer().lex(text)) {
    count++;
    if (lexeme.startsWith("*")) aliases++;
    if (count > bounds.tokens) {
      throw new SyntaxError(`found more than ${bounds.tokens} tokens of YAML; write JSON instead`);
    }
    if (aliases > yamlAliasesMax) throw new SyntaxError(`found more than ${yamlAliasesMax} aliases`);
    for (const token of parser.next(lexeme)) tokens.push(token);
    if (count % yamlPauseTokens === 0) yield;
  }
  tokens.push(...parser.end());
  for (const token of tokens) {
    if (token.type === "error") throw faultAt(token.offset, token.message, lines);
  }
  refuseDepth(tokens);
  return tokens;
}

/** Refuses deep nesting before anything recurses into it. */
function refuseDepth(tokens: readonly CST.Token[]): void {
  const waiting = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { token, depth } = next;
    if (depth > textDepthMax) throw new SyntaxError(`found more than ${textDepthMax} levels of nesting`);
    if (token.type === "document" && token.value !== undefined) waiting.push({ token: token.value, depth });
    if (!("items" in token)) continue;
    for (const { key, value } of token.items) {
      for (const each of [key, value]) if (each) waiting.push({ token: each, depth: depth + 1 });
    }
  }
}

/** Builds the document. The first fault ends it. */
function composeDocument(tokens: readonly CST.Token[], text: string, lines: LineCounter): Document {
  const composer = new Composer({ uniqueKeys: false, stringKeys: true, prettyErrors: false });
  const faults: SyntaxError[] = [];
  // The library would collect all faults, each with a stack trace.
  const onError = (source: number | readonly number[] | { readonly offset: number }, ...rest: unknown[]) => {
    const [, message, isWarning] = rest as [unknown, string, boolean | undefined];
    if (isWarning === true) return;
    const offset = typeof source === "number" ? source : "offset" in source ? source.offset : source[0]!;
    faults.push(faultAt(offset, message, lines));
    throw faults[0]!;
  };
  Object.assign(composer, { onError });
  try {
    const [document, second] = composer.compose(tokens, true, text.length);
    if (second !== undefined) throw new SyntaxError("found several documents, expected one");
    return document as Document;
  } catch (error) {
    // The library catches errors at each level of nesting, and reports them again from there.
    throw faults[0] ?? error;
  }
}

function faultAt(offset: number, message: string, lines: LineCounter): SyntaxError {
  const { line, col } = lines.linePos(offset);
  return new SyntaxError(`${message} at line ${line}, column ${col}`);
}

function refuseDuplicateKeys(document: Document, lines: LineCounter): void {
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key))
          throw new SyntaxError(
            `found ${isAlias(key) ? "an alias" : "a collection"} as a key, expected text`,
          );
        if (seen.has(key.value)) throw faultAt(key.range?.[0] ?? 0, "Map keys must be unique", lines);
        seen.add(key.value);
      }
    },
  });
}

/** Counts the values that a document stands for. An alias counts as all that it repeats. */
function countValues(root: unknown): void {
  const counts = new Map<object, number>();
  const count = (value: unknown): number => {
    if (typeof value !== "object" || value === null) return 1;
    const known = counts.get(value);
    if (known !== undefined) return known;
    // An alias inside its own anchor finds this, which is too many.
    counts.set(value, Infinity);
    let sum = 1;
    for (const each of Object.values(value)) sum += count(each);
    counts.set(value, sum);
    return sum;
  };
  if (count(root) > yamlValuesMax) {
    throw new SyntaxError(`found aliases for more than ${yamlValuesMax} values; write JSON instead`);
  }
}
