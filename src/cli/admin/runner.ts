/**
 * How a command of `apportion admin` calls the API, prints what came back, and ends.
 *
 * @module
 */
import type { Command } from "commander";
import { formatText } from "../../declaration/declaration-text.ts";
import { defaultAllocatorUrl } from "../../defaults.ts";
import { createAdminClient } from "./resources.ts";
import type { AdminClient, ApiAnswer } from "./resources.ts";

/** How the process ends. */
export const adminExitCodes = { done: 0, refused: 1, usage: 2, unreachable: 3 } as const;

/** What the command does to the process; a test puts its own in place. */
export interface AdminIo {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Waits until what was written has been taken: a whole binding table shall not gather in memory. */
  readonly drain: () => Promise<void>;
  readonly setExitCode: (code: number) => void;
  /** Ends at once: help was asked for, or a flag is wrong. */
  readonly exit: (code: number) => never;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Flags before the name of the command. */
interface Global {
  readonly url?: string;
  readonly token?: string;
  readonly json?: boolean;
}

/** Flags of one command. */
export type Flags = Record<string, string | boolean | undefined>;

interface RequestSettings {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The API, as a command has it. */
export interface Api {
  readonly client: AdminClient;
  /** Asks for a path of the allocator that the typed client does not know, with the token. */
  readonly request: (path: string, init?: RequestSettings) => Promise<Response>;
}

type Action = (api: Api, args: string[], flags: Flags) => Promise<ApiAnswer>;

/** How an answer is shown to people; `text` is printed piece by piece, as it comes. */
export type Show = ((body: unknown) => string) | "text";

/** `noted`: headers of the answer that go to standard error. */
export type Run = (
  action: Action,
  show?: Show,
  noted?: readonly string[],
) => (...args: unknown[]) => Promise<void>;

/** The API said no, or something that is not of the API. */
class AnswerError extends Error {
  readonly exitCode: number;
  constructor(status: number, message: string) {
    super(message);
    this.exitCode = status >= 500 ? adminExitCodes.unreachable : adminExitCodes.refused;
  }
}

/** Adds the flag of a change that is refused when somebody else was faster. */
export function addIfMatch(command: Command): Command {
  return command.option("--if-match <etag>", 'only if this is still its ETag; "*" for whatever is there');
}

/** @returns The header that the flag is for. */
export function ifMatchOf({ ifMatch }: Flags): Record<string, string> {
  return typeof ifMatch === "string" ? { "if-match": ifMatch } : {};
}

/** Calls, prints the answer, and says by the exit code how it went. */
export function createRunner(io: AdminIo, admin: Command): Run {
  return (action, show = (body) => formatText(body, "yaml"), noted = []) =>
    async (...given) => {
      const command = given.at(-1) as Command;
      const { url, token, json } = admin.opts<Global>();
      try {
        const secret = token ?? io.environment.APPORTION_ADMIN_TOKEN;
        const base = url ?? io.environment.APPORTION_URL ?? defaultAllocatorUrl;
        const answer = await action(openApi(base, secret), command.args, command.opts<Flags>());
        if (show === "text") {
          await copy(answer, io);
          return;
        }
        const body = await readAnswer(answer);
        note(answer, noted, io);
        if (body !== undefined) io.stdout(json === true ? formatText(body, "json") : show(body));
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        const isNetwork = error instanceof TypeError && /fetch|network|terminated/i.test(message);
        io.stderr(isNetwork ? `Cannot reach the allocator: ${message}\n` : `${message}\n`);
        const usage = isNetwork ? adminExitCodes.unreachable : adminExitCodes.usage;
        io.setExitCode(error instanceof AnswerError ? error.exitCode : usage);
      }
    };
}

function openApi(base: string, secret: string | undefined): Api {
  if (secret === undefined) {
    throw new TypeError("Cannot call the API: found no token, expected --token or APPORTION_ADMIN_TOKEN");
  }
  const authorization = `Bearer ${secret}`;
  const request: Api["request"] = (path, { headers, ...init } = {}) =>
    fetch(base.replace(/\/$/, "") + path, { ...init, headers: { ...headers, authorization } });
  return { client: createAdminClient(base, secret), request };
}

/** Headers that a consumer of a binding table needs the next time. */
const bindingHeaders = ["apportion-version", "apportion-digest"];

function note(answer: ApiAnswer, names: readonly string[], io: AdminIo): void {
  for (const name of names) {
    const value = answer.headers.get(name);
    if (value !== null) io.stderr(`${name}: ${value}\n`);
  }
}

async function copy(answer: ApiAnswer, io: AdminIo): Promise<void> {
  if (!answer.ok || answer.body === null) {
    await readAnswer(answer);
    return;
  }
  note(answer, bindingHeaders, io);
  const decoder = new TextDecoder();
  const reader = answer.body.getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    io.stdout(decoder.decode(piece.value, { stream: true }));
    await io.drain();
  }
}

async function readAnswer(answer: ApiAnswer): Promise<unknown> {
  const text = await answer.text();
  const isJson = (answer.headers.get("content-type") ?? "").includes("json");
  const body = isJson && text !== "" ? (JSON.parse(text) as unknown) : undefined;
  if (answer.ok) return answer.status === 202 ? { status: "unfinished: ask again to go on" } : body;
  const { detail, errors = [] } = (body ?? {}) as { detail?: string; errors?: Record<string, string>[] };
  const lines = errors.map(
    ({ path, found, expected }) => `\n  ${path}: found ${found}, expected ${expected}`,
  );
  throw new AnswerError(
    answer.status,
    `${detail ?? `Cannot call the API: found status ${answer.status}`}${lines.join("")}`,
  );
}
