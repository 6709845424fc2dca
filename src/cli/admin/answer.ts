/**
 * Reads answers of the API, and describes those that are refusals or do not come from an allocator.
 *
 * @module
 */
import type { Command } from "commander";
import * as v from "valibot";
import { linesOf } from "../../declaration/declared-lines.ts";
import { exitCodes, UnreachableError } from "../../failure.ts";
import type { ExitCode } from "../../failure.ts";
import { adminAnswerOctetsMax, configBodyOctetsMax } from "../../limits.ts";
import { readTextFile } from "../../text-file.ts";
import type { ApiAnswer } from "./resources.ts";
import type { Silence } from "./silence.ts";
import { visibleLine } from "../../visible-text.ts";

/** The API refused the request. */
export class AnswerError extends Error {
  readonly exitCode: ExitCode;
  constructor(status: number, message: string) {
    super(message);
    this.exitCode = exitCodeOfStatus(status);
  }
}

/** 400 means that a flag, an argument or a file is wrong, because a request is made of nothing else. */
function exitCodeOfStatus(status: number): ExitCode {
  if (status === 400) return exitCodes.usage;
  return status >= 500 ? exitCodes.unreachable : exitCodes.refused;
}

/** Where an answer comes from. */
export interface Origin {
  /** The URL of the allocator. */
  readonly base: string;
  readonly silence: Silence;
}

/** Creates the error for an answer that no allocator sends: the URL is that of another server. */
export function foreignAnswer({ base }: Origin, found: string): UnreachableError {
  return new UnreachableError(
    `Cannot reach the allocator ${base}: found ${visibleLine(found)}, expected the API of an allocator: correct --api or APPORTION_URL`,
  );
}

/**
 * Reads the JSON of an answer.
 *
 * @throws {UnreachableError} When it is not an answer of the API, or is longer than any.
 */
export async function readJson<T>(
  answer: ApiAnswer,
  shape: v.GenericSchema<unknown, T>,
  origin: Origin,
): Promise<T> {
  const type = (answer.headers.get("content-type") ?? "no content type").split(";", 1)[0]!;
  const found = answer.ok ? type : `status ${answer.status} with ${type}`;
  if (!/^application\/([\w.-]+\+)?json$/i.test(type)) throw foreignAnswer(origin, found);
  const text = await readText(answer, origin);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw foreignAnswer(origin, `${found} that is no JSON`);
  }
  const checked = v.safeParse(shape, body);
  if (!checked.success) throw foreignAnswer(origin, `${found} of another form`);
  return checked.output;
}

async function readText(answer: ApiAnswer, origin: Origin): Promise<string> {
  let text = "";
  let octets = 0;
  for await (const { piece, length } of piecesOf(answer, origin)) {
    octets += length;
    if (octets > adminAnswerOctetsMax)
      throw foreignAnswer(origin, `more than ${adminAnswerOctetsMax} octets in one answer`);
    text += piece;
  }
  return text;
}

/** Reads an answer piece by piece. Between two pieces, nothing is awaited from the server. */
export async function* piecesOf(
  answer: ApiAnswer,
  { silence }: Origin,
): AsyncGenerator<{ readonly piece: string; readonly length: number }> {
  if (answer.body === null) return;
  const decoder = new TextDecoder();
  const reader = answer.body.getReader();
  for (;;) {
    silence.heard();
    const { done, value } = await reader.read();
    silence.pause();
    if (done) break;
    yield { piece: decoder.decode(value, { stream: true }), length: value.length };
  }
  yield { piece: decoder.decode(), length: 0 };
}

/** What a request was made from. */
export interface Source {
  /** The file or the argument that has the body, as the operator named it. Undefined without a body. */
  readonly name?: string;
  /** Finds the line of a field in it. */
  readonly lineOf: (path: string) => number | undefined;
  /** Finds the flag or the argument that set a field of the query. */
  readonly flagOf: (field: string) => string;
}

/** @returns What a command made its request from. */
export function sourceOf({ registeredArguments, args, options }: Command): Source {
  const flagOf = (field: string): string => {
    const isArgument = registeredArguments.some((each) => each.name() === field);
    return (
      options.find((each) => each.attributeName() === field)?.long ?? (isArgument ? `<${field}>` : field)
    );
  };
  const place = registeredArguments.findIndex((each) => ["file", "json"].includes(each.name()));
  const given = args[place];
  if (given === undefined) return { lineOf: () => undefined, flagOf };
  const isFile = registeredArguments[place]!.name() === "file";
  if (!isFile) return { name: "<json>", lineOf: () => undefined, flagOf };
  return {
    name: given,
    lineOf: (path) => {
      try {
        return linesOf(readTextFile(given, { octetsMax: configBodyOctetsMax, expected: "" }))(path);
      } catch {
        // It was read a moment ago: without it, the fault is told without its line.
        return undefined;
      }
    },
    flagOf,
  };
}

const faultShape = v.looseObject({ path: v.string(), found: v.string(), expected: v.string() });

/** A fault of a request, as a problem document has it. */
type Fault = v.InferOutput<typeof faultShape>;

const problemShape = v.looseObject({ detail: v.string(), errors: v.optional(v.array(faultShape), []) });

/** @throws {AnswerError} Always: the answer is a refusal. */
export async function throwRefusal(answer: ApiAnswer, source: Source, origin: Origin): Promise<never> {
  const { detail, errors } = await readJson(answer, problemShape, origin);
  throw new AnswerError(answer.status, describeRefusal(detail, errors, source));
}

const bodyFault = "Cannot read the body: ";

/**
 * Describes a refusal. Each fault is told once: the detail of a problem document has the first one already. The operator
 * wrote a file and flags, and knows of no body, query or header.
 */
function describeRefusal(detail: string, faults: readonly Fault[], source: Source): string {
  const describe = ({ path, found, expected }: Fault) => `${path}: found ${found}, expected ${expected}`;
  const isSource = source.name !== undefined && detail.startsWith(bodyFault);
  const place = (fault: Fault): string => {
    const line = isSource ? source.lineOf(fault.path) : undefined;
    return line === undefined ? "" : `line ${line}: `;
  };
  const first = faults.find((fault) => detail.includes(describe(fault)));
  const lines = faults.filter((fault) => fault !== first).map((fault) => `${place(fault)}${describe(fault)}`);
  const head = isSource
    ? `Cannot read ${source.name}: ${first === undefined ? "" : place(first)}${detail.slice(bodyFault.length)}`
    : detail;
  return [head, ...lines].map((line) => visibleLine(nameFlags(line, source))).join("\n  ");
}

/** Replaces fields of the query and the header If-Match by the flags that set them. */
function nameFlags(text: string, { flagOf }: Source): string {
  return text
    .replace(/^Cannot read the query: \?(\w+): /, (_, field: string) => `Cannot use ${flagOf(field)}: `)
    .replace(/^\?(\w+): /, (_, field: string) => `${flagOf(field)}: `)
    .replace("Cannot read If-Match: ", "Cannot use --if-match: ")
    .replaceAll("?force=true", "--force");
}
