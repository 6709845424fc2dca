/**
 * Runs a command of `apportion admin`: calls the API, prints the response, and sets the exit code.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { linesOf } from "../../declaration/declared-lines.ts";
import { formatText } from "../../declaration/declaration-text.ts";
import { defaultAllocatorUrl } from "../../defaults.ts";
import { exitCodes } from "../../failure.ts";
import type { ExitCode } from "../../failure.ts";
import { parseWholeNumber } from "../../wire/number.ts";
import { tokenOf } from "../token-options.ts";
import type { TokenPurpose } from "../token-options.ts";
import { createAdminClient } from "./resources.ts";
import type { AdminClient, ApiAnswer } from "./resources.ts";

export const apiToken: TokenPurpose = {
  description: "token of scope read or admin",
  variable: "APPORTION_ADMIN_TOKEN",
};

/** The command's access to the process. Tests replace it. */
export interface AdminIo {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /**
   * Waits until written text has been flushed, so that a whole binding table does not accumulate in memory. Returns
   * whether somebody still reads.
   */
  readonly drain: () => Promise<boolean>;
  readonly setExitCode: (code: number) => void;
  /** Ends the process immediately, after a request for help or a wrong flag. */
  readonly exit: (code: number) => never;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Flags that precede the name of the command. */
interface Global {
  readonly api?: string;
  readonly json?: boolean;
}

/** Flags of one command. */
export type Flags = Record<string, string | boolean | undefined>;

interface RequestSettings {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Access to the API for a command. */
export interface Api {
  readonly client: AdminClient;
  /** Sends an authenticated request to a path of the allocator that the typed client does not cover. */
  readonly request: (path: string, init?: RequestSettings) => Promise<Response>;
}

type Action = (api: Api, args: string[], flags: Flags) => Promise<ApiAnswer>;

/** Formats a response body for people. `text` streams the body to standard output unchanged. */
export type Show = ((body: unknown) => string) | "text";

/**
 * Makes the handler of a command.
 *
 * @param action Calls the API.
 * @param show How the response is shown without `--json`. Default: YAML.
 * @param printedHeaders Names of response headers to print to standard error.
 */
export type Run = (
  action: Action,
  show?: Show,
  printedHeaders?: readonly string[],
) => (...args: unknown[]) => Promise<void>;

/** The API refused the request, or the response did not come from the API. */
class AnswerError extends Error {
  readonly exitCode: ExitCode;
  constructor(status: number, message: string) {
    super(message);
    this.exitCode = status >= 500 ? exitCodes.unreachable : exitCodes.refused;
  }
}

/** Adds the flag that makes a change fail if the resource was changed in the meantime. */
export function addIfMatch(command: Command): Command {
  return command.option(
    "--if-match <etag>",
    'change only if this is still its ETag; "*" matches any version',
  );
}

/**
 * Parses a whole number of the command line.
 *
 * @param name The flag or the argument, for the message of an error.
 * @throws {SyntaxError} When the text is no whole number from `min` to `max`.
 */
export function numberOf(name: string, text: unknown, min: number, max: number): number {
  try {
    return parseWholeNumber(String(text), min, max);
  } catch (error) {
    throw new SyntaxError(`Cannot use ${name}: ${(error as Error).message}`, { cause: error });
  }
}

/** @returns The header that `--if-match` sets, if any. */
export function ifMatchOf({ ifMatch }: Flags): Record<string, string> {
  return typeof ifMatch === "string" ? { "if-match": ifMatch } : {};
}

/** Creates the function that makes handlers: they call the API, print the response and set the exit code. */
export function createRunner(io: AdminIo, admin: Command): Run {
  return (action, show = (body) => formatText(body, "yaml"), printedHeaders = []) =>
    async (...given) => {
      const command = given.at(-1) as Command;
      const { api, json } = admin.opts<Global>();
      const base = api ?? io.environment.APPORTION_URL ?? defaultAllocatorUrl;
      const setting = admin.getOptionValueSource("api") === "cli" ? "--api" : "APPORTION_URL";
      try {
        const secret = tokenOf(admin, apiToken, io.environment);
        const answer = await action(openApi({ base, setting }, secret), command.args, command.opts<Flags>());
        if (show === "text") {
          await streamText(answer, io);
          return;
        }
        const body = await readAnswer(answer, sourceOf(command));
        printHeaders(answer, printedHeaders, io);
        if (body !== undefined) io.stdout(json === true ? formatText(body, "json") : show(body));
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        const isNetwork = error instanceof TypeError && /fetch|network|terminated/i.test(message);
        io.stderr(`${isNetwork ? describeUnreachable(base, error) : message}\n`);
        const usage = isNetwork ? exitCodes.unreachable : exitCodes.usage;
        io.setExitCode(error instanceof AnswerError ? error.exitCode : usage);
      }
    };
}

/** Only a URL that has no secret is called, so it may be shown. */
function describeUnreachable(base: string, { cause, message }: Error): string {
  const { code, errors } = (cause ?? {}) as NodeJS.ErrnoException & {
    readonly errors?: NodeJS.ErrnoException[];
  };
  const why = code ?? errors?.[0]?.code ?? message;
  return (
    `Cannot reach the allocator ${base}: found no answer (${why}), expected an allocator that runs: start it, or ` +
    "correct --api or APPORTION_URL"
  );
}

/** The URL of the allocator, and the setting that has it. */
interface NamedBase {
  readonly base: string;
  readonly setting: string;
}

function openApi({ base, setting }: NamedBase, secret: string | undefined): Api {
  if (secret === undefined) {
    throw new TypeError(
      "Cannot call the API: found no token, expected --token-file, --token or APPORTION_ADMIN_TOKEN",
    );
  }
  // The errors of fetch repeat the URL and the header, with the secrets in them.
  if (!/^[\x21-\x7e]+$/.test(secret)) {
    throw new TypeError(
      "Cannot call the API: found a token with characters that no token has, expected a secret",
    );
  }
  const url = parseBase(base);
  const { username, password } = url;
  if (username !== "" || password !== "") {
    throw new TypeError("Cannot call the API: found a user name or password in the URL, expected neither");
  }
  refuseWholeUrl({ base, setting }, url);
  const authorization = `Bearer ${secret}`;
  const request: Api["request"] = (path, { headers, ...init } = {}) =>
    fetch(base.replace(/\/$/, "") + path, { ...init, headers: { ...headers, authorization } });
  return { client: createAdminClient(base, secret), request };
}

function parseBase(base: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(base);
  } catch {
    url = undefined;
  }
  if (url !== undefined && ["http:", "https:"].includes(url.protocol)) return url;
  throw new TypeError(
    "Cannot call the API: found an invalid URL in --api or APPORTION_URL, expected http(s)://HOST[:PORT]",
  );
}

/** Paths of the allocator. A proxy may have another path before them. */
const addedPath = /\/(admin\/v1(\/.*)?|v1\/relay|metrics|readyz)\/*$/;

/**
 * Refuses what an operator copied from a call of the API: the allocator would answer that it cannot find a path that the
 * operator never wrote.
 *
 * @throws {TypeError} When the URL has a path of the API, a query or a fragment.
 */
function refuseWholeUrl({ base, setting }: NamedBase, { origin, pathname, search, hash }: URL): void {
  const path = pathname.replace(addedPath, "").replace(/\/+$/, "");
  const hasMore = search !== "" || hash !== "";
  if (!hasMore && !addedPath.test(pathname)) return;
  // A query may have a secret.
  const found = hasMore ? "a query or a fragment" : JSON.stringify(base);
  throw new TypeError(
    `Cannot call the API: found ${found} in ${setting}, expected "${origin}${path}": the command adds the path of the API`,
  );
}

/** Headers that a consumer of a binding table needs for its next request. */
const bindingHeaders = ["apportion-version", "apportion-digest", "apportion-left-out"];

function printHeaders(answer: ApiAnswer, names: readonly string[], io: AdminIo): void {
  for (const name of names) {
    const value = answer.headers.get(name);
    if (value !== null) io.stderr(`${name}: ${value}\n`);
  }
}

async function streamText(answer: ApiAnswer, io: AdminIo): Promise<void> {
  if (!answer.ok || answer.body === null) {
    await readAnswer(answer);
    return;
  }
  printHeaders(answer, bindingHeaders, io);
  const decoder = new TextDecoder();
  const reader = answer.body.getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    io.stdout(decoder.decode(piece.value, { stream: true }));
    if (!(await io.drain())) {
      await reader.cancel();
      return;
    }
  }
}

/** What the body of a request was read from. */
interface Source {
  /** As the operator named it. */
  readonly name: string;
  /** Finds the line of a field. */
  readonly lineOf: (path: string) => number | undefined;
}

/** @returns The argument of a command that has the body: a file, or JSON. */
function sourceOf({ registeredArguments, args }: Command): Source | undefined {
  const place = registeredArguments.findIndex((each) => ["file", "json"].includes(each.name()));
  const given = args[place];
  if (given === undefined) return undefined;
  const isFile = registeredArguments[place]!.name() === "file";
  if (!isFile) return { name: "<json>", lineOf: () => undefined };
  return {
    name: given,
    lineOf: (path) => {
      try {
        return linesOf(readFileSync(given, "utf8"))(path);
      } catch {
        // It was read a moment ago: without it, the fault is told without its line.
        return undefined;
      }
    },
  };
}

/** A fault of a request, as a problem document has it. */
interface Fault {
  readonly path: string;
  readonly found: string;
  readonly expected: string;
}

const bodyFault = "Cannot read the body: ";

/**
 * Describes a refusal. Each fault is told once: the detail of a problem document has the first one already. The operator
 * wrote a file, and knows of no body.
 */
function describeRefusal(detail: string, faults: readonly Fault[], source: Source | undefined): string {
  const describe = ({ path, found, expected }: Fault) => `${path}: found ${found}, expected ${expected}`;
  const isSource = source !== undefined && detail.startsWith(bodyFault);
  const place = (fault: Fault): string => {
    const line = isSource ? source.lineOf(fault.path) : undefined;
    return line === undefined ? "" : `line ${line}: `;
  };
  const first = faults.find((fault) => detail.includes(describe(fault)));
  const lines = faults
    .filter((fault) => fault !== first)
    .map((fault) => `\n  ${place(fault)}${describe(fault)}`);
  const head = isSource
    ? `Cannot read ${source.name}: ${first === undefined ? "" : place(first)}${detail.slice(bodyFault.length)}`
    : detail;
  return head + lines.join("");
}

async function readAnswer(answer: ApiAnswer, source?: Source): Promise<unknown> {
  const text = await answer.text();
  const isJson = (answer.headers.get("content-type") ?? "").includes("json");
  const body = isJson && text !== "" ? (JSON.parse(text) as unknown) : undefined;
  if (answer.ok)
    return answer.status === 202 ? { status: "unfinished: repeat the request to continue" } : body;
  const unknown = `Cannot call the API: found status ${answer.status}, expected success`;
  const { detail = unknown, errors = [] } = (body ?? {}) as { detail?: string; errors?: readonly Fault[] };
  throw new AnswerError(answer.status, describeRefusal(detail, errors, source));
}
