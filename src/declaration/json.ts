/**
 * Parses JSON from outside: the body of a request, a file, an argument, a variable.
 *
 * `JSON.parse` takes the last of two fields with the same name, so that a second `"pools": []` would silently empty a
 * domain. Here a name that occurs twice in an object is refused (RFC 8259 §4 leaves its meaning open).
 *
 * @module
 */
import { formatFieldPath } from "../field-path.ts";
import { jsonPauseCharacters, unparsedCharactersMax } from "../limits.ts";
import { refuseDeepJson } from "./json-depth.ts";
import { runAtOnce } from "./steps.ts";

/** An object of a JSON text has two fields of the same name. */
export class DuplicateKeyError extends SyntaxError {
  /** Names and indexes of the field. */
  readonly path: readonly PropertyKey[];
  /** Line of the second one. */
  readonly line: number;
  /** What was found and what was expected. */
  readonly problem: string;
  constructor(path: readonly PropertyKey[], line: number, source = "the body") {
    const shown = formatFieldPath(path).slice(0, unparsedCharactersMax);
    const problem = `found this field twice, in line ${line} again, expected it once`;
    super(`Cannot read ${source}: ${shown}: ${problem}`);
    this.name = "DuplicateKeyError";
    this.problem = problem;
    this.path = path;
    this.line = line;
  }

  /** @returns The same error for a text from another place. */
  in(source: string): DuplicateKeyError {
    return new DuplicateKeyError(this.path, this.line, source);
  }
}

/**
 * Parses JSON.
 *
 * @throws {SyntaxError} When the text is not JSON, nests too deeply, or has a field twice.
 */
export function parseJson(text: string): unknown {
  return runAtOnce(parseJsonInSteps(text));
}

/** Like {@link parseJson}, in steps between which the caller may pause. */
export function* parseJsonInSteps(text: string): Generator<void, unknown> {
  yield* refuseUnclearJson(text);
  return JSON.parse(text) as unknown;
}

/**
 * Refuses JSON that nests too deeply or has a field twice. Whether it is valid otherwise does not matter here.
 *
 * @throws {SyntaxError} As {@link parseJson}.
 */
export function* refuseUnclearJson(text: string): Generator<void, void> {
  refuseDeepJson(text);
  yield* refuseDuplicateKeys(text);
}

/** An object or an array that is open at some point of the text. */
interface Level {
  /** Names of the fields so far; undefined for an array. */
  readonly names: Set<string> | undefined;
  /** Name or index of the current item. */
  key: string | number;
  /** Whether the next string is the name of a field. */
  expectsName: boolean;
}

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Looks at strings and punctuation only, in one pass. */
function* refuseDuplicateKeys(text: string): Generator<void, void> {
  const levels: Level[] = [];
  let pauseAt = jsonPauseCharacters;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const level = levels.at(-1);
    if (code === openBrace) levels.push({ names: new Set(), key: "", expectsName: true });
    else if (code === openBracket) levels.push({ names: undefined, key: 0, expectsName: false });
    else if (code === closeBrace || code === closeBracket) levels.pop();
    else if (code === comma && level !== undefined) startItem(level);
    else if (code === quote) {
      const end = endOfString(text, at);
      if (level?.expectsName === true) nameField(levels, level, text.slice(at, end + 1), text, at);
      at = end;
    }
    if (at < pauseAt) continue;
    pauseAt = at + jsonPauseCharacters;
    yield;
  }
}

/** @returns The index of the quote that ends the string, or the length of the text. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== quote) at += text.charCodeAt(at) === backslash ? 2 : 1;
  return at;
}

function startItem(level: Level): void {
  if (level.names === undefined) level.key = Number(level.key) + 1;
  else level.expectsName = true;
}

function nameField(levels: readonly Level[], level: Level, token: string, text: string, at: number): void {
  // One name has several spellings, as "a" and "\u0061", so it is decoded.
  const name = token.includes("\\") ? (JSON.parse(token) as string) : token.slice(1, -1);
  level.key = name;
  level.expectsName = false;
  if (level.names?.has(name) === true) {
    throw new DuplicateKeyError(
      levels.map(({ key }) => key),
      text.slice(0, at).split("\n").length,
    );
  }
  level.names?.add(name);
}
