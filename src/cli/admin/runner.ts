/**
 * Runs a command of `apportion admin`: calls the API, prints the response, and sets the exit code.
 *
 * @module
 */
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import type * as v from "valibot";
import { formatText } from "../../declaration/declaration-text.ts";
import { defaultAllocatorUrl } from "../../defaults.ts";
import { exitCodes, OutputError, UnreachableError } from "../../failure.ts";
import { parseEntityTags } from "../../http/entity-tags.ts";
import { parseWholeNumber } from "../../wire/number.ts";
import { tokenOf } from "../token-options.ts";
import type { TokenPurpose } from "../token-options.ts";
import { foreignAnswer, piecesOf, readJson, sourceOf, throwRefusal } from "./answer.ts";
import type { Origin } from "./answer.ts";
import { createAdminClient } from "./resources.ts";
import type { AdminClient, ApiAnswer } from "./resources.ts";
import { watchSilence } from "./silence.ts";
import { visibleLine } from "../../visible-text.ts";
import { secret as secretToken } from "./views.ts";
import type { JsonView, TextView, View } from "./views.ts";

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
  /** Whether all that is written to standard output is lost. */
  readonly isDiscarded: () => boolean;
  readonly setExitCode: (code: number) => void;
  /** Ends the process immediately, after a request for help or a wrong flag. */
  readonly exit: (code: number) => never;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Flags that precede the name of the command. */
interface Global {
  readonly api?: string;
  readonly json?: boolean;
  /** Seconds without a sign of the server. */
  readonly timeout: number;
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
  /** Reads an answer that a command uses itself. */
  readonly read: <T>(answer: ApiAnswer, shape: v.GenericSchema<unknown, T>) => Promise<T>;
}

type Action = (api: Api, args: string[], flags: Flags) => Promise<ApiAnswer>;

/**
 * Makes the handler of a command.
 *
 * @param action Calls the API.
 * @param view What the answer has, and how it is shown without `--json`.
 * @param printedHeaders Names of response headers to print to standard error.
 */
export type Run = (
  action: Action,
  view: View,
  printedHeaders?: readonly string[],
) => (...args: unknown[]) => Promise<void>;

/** Adds the flag that makes a change fail if the resource was changed in the meantime. */
export function addIfMatch(command: Command): Command {
  return command.addOption(
    new Option(
      "--if-match <etag>",
      'change only if this is still its ETag; "*" matches any version',
    ).argParser(checkTags),
  );
}

/** @throws {InvalidArgumentError} When the text is no value of the header, which has printable ASCII only. */
function checkTags(text: string): string {
  if (/^[\x20-\x7e]+$/.test(text) && parseEntityTags(text) !== undefined) return text;
  throw new InvalidArgumentError('Expected * or a list of ETags, such as "3", "4"');
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
  return (action, view, printedHeaders = []) =>
    async (...given) => {
      const command = given.at(-1) as Command;
      const { api, json, timeout } = admin.opts<Global>();
      const base = api ?? io.environment.APPORTION_URL ?? defaultAllocatorUrl;
      const setting = admin.getOptionValueSource("api") === "cli" ? "--api" : "APPORTION_URL";
      const silence = watchSilence(timeout * 1000, () => silent(base, timeout));
      const origin = { base, silence };
      try {
        if (view === secretToken && io.isDiscarded()) throw discardedSecret();
        const secret = tokenOf(admin, apiToken, io.environment);
        const answer = await action(
          openApi({ setting, ...origin }, secret),
          command.args,
          command.opts<Flags>(),
        );
        if (!answer.ok) await throwRefusal(answer, sourceOf(command), origin);
        if (view === "nothing") {
          showDeletion(answer, json, { origin, io });
        } else if ("isOurs" in view) {
          await streamText(answer, view, origin, io);
        } else {
          const body = await readJson(answer, view.shape, origin);
          printHeaders(answer, printedHeaders, io);
          io.stdout(formatBody(body, view, json));
        }
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        const isNetwork = error instanceof TypeError && /fetch|network|terminated/i.test(message);
        const failure = isNetwork ? unreachable(base, error) : error;
        io.stderr(`${failure instanceof Error ? failure.message : message}\n`);
        io.setExitCode((failure as { exitCode?: number }).exitCode ?? exitCodes.usage);
      } finally {
        silence.end();
      }
    };
}

/** The secret is nowhere else: it must not be made when nobody can read it. */
function discardedSecret(): OutputError {
  return new OutputError(
    "Cannot print the secret of the token: found a standard output that is closed or /dev/null, expected a file, a pipe or a terminal: it is shown only once",
  );
}

function formatBody(body: unknown, { show }: JsonView, json: boolean | undefined): string {
  return json === true ? formatText(body, "json") : show(body);
}

/** A deletion answers 204, or 202 when a part of the work is left; never with a body. */
function showDeletion(
  { status, headers }: ApiAnswer,
  json: boolean | undefined,
  { origin, io }: { readonly origin: Origin; readonly io: AdminIo },
): void {
  if (status === 202)
    io.stdout(
      formatText({ status: "unfinished: repeat the request to continue" }, json === true ? "json" : "yaml"),
    );
  else if (status !== 204) {
    const type = headers.get("content-type")?.split(";", 1)[0] ?? `status ${status}`;
    throw foreignAnswer(origin, type);
  }
}

function silent(base: string, seconds: number): UnreachableError {
  return new UnreachableError(
    `Cannot reach the allocator ${base}: found no answer in ${seconds} s, expected one: see whether it runs, or raise --timeout`,
  );
}

/** Only a URL that has no secret is called, so it may be shown. */
function unreachable(base: string, { cause, message }: Error): UnreachableError {
  const { code, errors } = (cause ?? {}) as NodeJS.ErrnoException & {
    readonly errors?: NodeJS.ErrnoException[];
  };
  const why = code ?? errors?.[0]?.code ?? message;
  return new UnreachableError(
    `Cannot reach the allocator ${base}: found no answer (${why}), expected an allocator that runs: start it, or ` +
      "correct --api or APPORTION_URL",
  );
}

/** The URL of the allocator, and the setting that has it. */
interface NamedBase {
  readonly base: string;
  readonly setting: string;
}

function openApi({ setting, ...origin }: NamedBase & Origin, secret: string | undefined): Api {
  const { base, silence } = origin;
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
  const call: typeof fetch = (input, init) => fetch(input, { ...init, signal: silence.signal });
  const request: Api["request"] = (path, { headers, ...init } = {}) =>
    call(base.replace(/\/$/, "") + path, { ...init, headers: { ...headers, authorization } });
  return {
    client: createAdminClient(base, secret, call),
    request,
    read: (answer, shape) => readJson(answer, shape, origin),
  };
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
    if (value !== null) io.stderr(`${name}: ${visibleLine(value)}\n`);
  }
}

/** Prints an answer as it comes, because a binding table may be long. */
async function streamText(
  answer: ApiAnswer,
  { isOurs }: TextView,
  origin: Origin,
  io: AdminIo,
): Promise<void> {
  if (!isOurs(answer.headers)) {
    const type = answer.headers.get("content-type") ?? "no content type";
    throw foreignAnswer(origin, type.split(";", 1)[0]!);
  }
  printHeaders(answer, bindingHeaders, io);
  for await (const { piece } of piecesOf(answer, origin)) {
    io.stdout(piece);
    if (!(await io.drain())) return;
  }
}
