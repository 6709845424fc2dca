/**
 * Parses YAML from outside. The text may be hostile, so every kind of work has a bound, and the caller may pause.
 *
 * The parser of the library `yaml` compares each key of a mapping with all others, creates an error for each fault of
 * the text, and writes each warning to standard error. A megabyte of faults took it minutes. Here the first
 * {@link faultsShownMax} faults end the work, and duplicate keys are found in one pass.
 *
 * @module
 */
import { Composer, isAlias, isScalar, Lexer, LineCounter, Parser, visit } from "yaml";
import type { CST, Document } from "yaml";
import { faultsShownMax, textDepthMax, yamlAliasesMax, yamlPauseTokens, yamlValuesMax } from "../limits.ts";

/** Bounds on a text. */
export interface YamlBounds {
  /** Length of the text, in UTF-16 code units. */
  readonly characters: number;
  /** Tokens of the text: scalars, indicators, spaces, comments and ends of lines. */
  readonly tokens: number;
}

/** A fault of a text. */
export interface YamlFault {
  readonly message: string;
  /** Its place, both from 1. */
  readonly line: number;
  readonly column: number;
}

/** A text is not YAML. The error has the first {@link faultsShownMax} faults. */
export class YamlError extends SyntaxError {
  override readonly name = "YamlError";
  readonly faults: readonly YamlFault[];
  constructor(faults: readonly YamlFault[]) {
    super(faults[0]?.message);
    this.faults = faults;
  }
}

/** Collects faults, and ends the work when there are enough. */
class FaultList {
  readonly #faults: YamlFault[] = [];
  readonly #lines: LineCounter;
  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  /** @throws {YamlError} When there are enough. */
  add(offset: number, message: string): void {
    this.throwIf(this.#faults.length >= faultsShownMax);
    const { line, col: column } = this.#lines.linePos(offset);
    this.#faults.push({ message, line, column });
    this.throwIf(this.#faults.length >= faultsShownMax);
  }

  /** @throws {YamlError} With the faults in the order of the text, by default when there are any. */
  throwIf(condition = this.#faults.length > 0): void {
    if (!condition) return;
    throw new YamlError(this.#faults.toSorted((a, b) => a.line - b.line || a.column - b.column));
  }
}

/**
 * Parses a YAML document. Yields about once a millisecond, so that the caller may pause.
 *
 * @returns The value.
 * @throws {YamlError} When the text is not YAML.
 * @throws {SyntaxError} When the text is not one document, or exceeds a bound.
 */
export function* parseYaml(text: string, bounds: YamlBounds): Generator<void, unknown> {
  if (text.length > bounds.characters) {
    throw new SyntaxError(
      `found ${text.length} characters of YAML, expected at most ${bounds.characters}; write JSON instead`,
    );
  }
  const lines = new LineCounter();
  const faults = new FaultList(lines);
  const tokens = yield* readTokens(text, lines, bounds);
  for (const token of tokens) if (token.type === "error") faults.add(token.offset, token.message);
  yield;
  const document = composeDocument(tokens, text, faults);
  yield;
  addDuplicateKeys(document, faults);
  faults.throwIf();
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

/** Builds the document. */
function composeDocument(tokens: readonly CST.Token[], text: string, faults: FaultList): Document {
  const composer = new Composer({ uniqueKeys: false, stringKeys: true, prettyErrors: false });
  // The library would collect all faults, each with a stack trace.
  const onError = (source: number | readonly number[] | { readonly offset: number }, ...rest: unknown[]) => {
    const [, message, isWarning] = rest as [unknown, string, boolean | undefined];
    if (isWarning === true) return;
    const offset = typeof source === "number" ? source : "offset" in source ? source.offset : source[0]!;
    faults.add(offset, message);
  };
  Object.assign(composer, { onError });
  const [document, second] = composer.compose(tokens, true, text.length);
  if (second !== undefined) {
    // A fault may look like the end of a document.
    faults.throwIf();
    throw new SyntaxError("found several documents, expected one");
  }
  return document as Document;
}

function addDuplicateKeys(document: Document, faults: FaultList): void {
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) {
          faults.throwIf();
          throw new SyntaxError(
            `found ${isAlias(key) ? "an alias" : "a collection"} as a key, expected text`,
          );
        }
        if (seen.has(key.value)) faults.add(key.range?.[0] ?? 0, "Map keys must be unique");
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
