/**
 * A host with an allocator: the real HTTP application on the real store, whose databases are those of the simulation.
 *
 * @module
 */
import { createCounters } from "../../src/allocator/counters.ts";
import type { Log } from "../../src/allocator/log.ts";
import { createApp } from "../../src/http/app.ts";
import { startHousekeeping } from "../../src/runtime/housekeeping.ts";
import type { HousekeepingSettings } from "../../src/runtime/housekeeping.ts";
import { watchRequests } from "../../src/runtime/watch-requests.ts";
import type { CommitResult } from "../../src/store/batch/commit.ts";
import type { Database } from "../../src/store/database/database.ts";
import { SnapshotLostError } from "../../src/store/evidence/binding-feed.ts";
import { createStore, isDatabaseError } from "../../src/store/store.ts";
import type { Store } from "../../src/store/store.ts";
import type { HttpAnswer, HttpRequest } from "../../relay/uplink/connections.ts";
import { must } from "../oracle/violation.ts";
import { watchBatches } from "../oracle/watched-batches.ts";
import type { BatchCause } from "../oracle/watched-batches.ts";
import type { Crashes } from "./crashes.ts";
import type { Action } from "./kernel.ts";
import type { SimulatedProcess } from "./process.ts";
import { countFrames } from "./relay-ledger.ts";
import type { Storage } from "./storage.ts";

/** A request to the admin API. */
export interface AdminRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** The answer to it. */
export interface AdminAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** A request that its sender waits for. */
interface OpenRequest {
  readonly onBroken: Action;
}

/** Options of an allocator. */
export interface AllocatorHostOptions {
  readonly name: string;
  readonly main: Storage;
  /** Name of a domain -> its database, if it is not the main one. */
  readonly placed: ReadonlyMap<string, Storage>;
  readonly relayToken: string;
  readonly adminToken: string;
  /** Seconds for which history is kept, and after which housekeeping runs again; null without housekeeping. */
  readonly historySeconds: number | null;
  /** Starts a process on this host. */
  readonly startProcess: () => SimulatedProcess;
  readonly crashes: Crashes;
  readonly log: (allocator: string, message: string, fields: object) => void;
  /** Called with an error that has no cause outside of the process. */
  readonly onInternalError: (error: unknown) => void;
  /** Called with the result of each transaction of claims. */
  readonly onFacts: (cause: BatchCause, result: CommitResult) => void;
}

/** Whether an error has its cause outside of the process: in the database, or in what an operator did meanwhile. */
export const isOutsideError = (error: unknown): boolean =>
  isDatabaseError(error) || error instanceof SnapshotLostError;

/** Connections that a relay opens to an allocator: each is accepted once. */
const connectionsOfRelay = 4;

/** Shorter times than a command accepts, so that they pass within a run. */
const housekeepingOf = (historySeconds: number): HousekeepingSettings => ({
  everyMinutes: historySeconds / 120,
  historyDays: historySeconds / 86_400,
  bindingLogDays: historySeconds / 86_400,
});

/** A host on which an allocator runs, is killed and started again. */
export class AllocatorHost {
  readonly name: string;
  readonly #options: AllocatorHostOptions;
  #process: SimulatedProcess | undefined;
  #fetch: ((request: Request) => Response | Promise<Response>) | undefined;
  #watch: ReturnType<typeof watchRequests> | undefined;
  readonly #open = new Set<OpenRequest>();
  readonly #accepted = new Map<string, number>();
  #store: Store | undefined;
  #counters = createCounters();
  /** Frames of the POSTs that were served. */
  #framesServed = 0;
  #databases: readonly Database[] = [];

  constructor(options: AllocatorHostOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get process(): SimulatedProcess | undefined {
    return this.#process;
  }

  /** Requests that have not been answered. */
  get openRequests(): number {
    return this.#open.size;
  }

  start(): void {
    const process = this.#options.startProcess();
    const { timing } = process;
    const { name, main, placed, relayToken, adminToken, historySeconds, crashes } = this.#options;
    const { log, onFacts, onInternalError } = this.#options;
    let cause: BatchCause | undefined;
    const client = { host: this, crashes, causeOf: () => cause };
    const storages = new Set([main, ...placed.values()]);
    const databases = new Map(
      [...storages].map((storage) => [storage, storage.connect({ ...client, process })] as const),
    );
    this.#databases = [...databases.values()];
    const real = createStore({
      main: databases.get(main)!,
      placed: new Map([...placed].map(([domain, storage]) => [domain, databases.get(storage)!])),
    });
    const store = watchBatches(real, { allocator: name, setCause: (next) => (cause = next), onFacts });
    const write: Log["error"] = (fields, message) => {
      log(name, message, fields);
    };
    const writeError: Log["error"] = (fields, message) => {
      write(fields, message);
      const { err } = fields as { readonly err?: unknown };
      if (err !== undefined && !isOutsideError(err)) onInternalError(err);
    };
    const processLog: Log = { debug: () => undefined, info: () => undefined, warn: write, error: writeError };
    if (historySeconds !== null)
      startHousekeeping(store.maintenance, housekeepingOf(historySeconds), processLog, timing);
    const watch = watchRequests(timing);
    const counters = createCounters();
    const app = createApp({
      store,
      relayToken,
      adminToken,
      log: processLog,
      counters,
      localMs: timing.nowMs,
      arrivedMs: watch.arrivedMs,
      later: timing.later,
    });
    this.#counters = counters;
    this.#framesServed = 0;
    this.#store = store;
    this.#watch = watch;
    this.#fetch = app.fetch;
    this.#process = process;
  }

  kill(): void {
    this.#process?.kill();
    this.#process = undefined;
    this.#fetch = undefined;
    this.#store = undefined;
    for (const database of this.#databases) database.close();
    this.#databases = [];
    this.#accepted.clear();
    const open = [...this.#open];
    this.#open.clear();
    for (const { onBroken } of open) onBroken();
  }

  /**
   * Receives a request.
   *
   * @param reply Called with the answer when it leaves.
   * @param onBroken Called instead if the process ends before.
   */
  request(from: string, request: HttpRequest, reply: (answer: HttpAnswer) => void, onBroken: Action): void {
    const serve = (): Promise<HttpAnswer> => {
      this.#accept(from);
      return this.#serve(request);
    };
    this.#receive(serve, reply, onBroken);
  }

  /**
   * Receives a request of an operator, as {@link AllocatorHost.request}.
   *
   * @param onBroken Called instead if the process ends before, or does not run.
   */
  administer(request: AdminRequest, reply: (answer: AdminAnswer) => void, onBroken: Action): void {
    this.#receive(() => this.#administer(request), reply, onBroken);
  }

  /** Serves a request in the process. If that fails, as when a table is streamed and its database is lost, it breaks. */
  #receive<T>(serve: () => Promise<T>, reply: (answer: T) => void, onBroken: Action): void {
    const process = this.#process;
    if (process === undefined) {
      onBroken();
      return;
    }
    const open: OpenRequest = { onBroken };
    this.#open.add(open);
    const isOpen = (): boolean => process.isAlive && this.#open.delete(open);
    process.deliver("connections", () => {
      serve().then(
        (answer) => {
          if (isOpen())
            this.#answer(() => {
              reply(answer);
            }, onBroken);
        },
        (error: unknown) => {
          if (!isOutsideError(error)) this.#options.onInternalError(error);
          if (isOpen()) onBroken();
        },
      );
    });
  }

  /** Lets an answer leave, unless the process ends before or within it: for a relay, the connection breaks either way. */
  #answer(leave: Action, onBroken: Action): void {
    const { crashes } = this.#options;
    if (crashes.strike(this, "before an answer") || crashes.strike(this, "within an answer")) {
      onBroken();
      return;
    }
    leave();
    crashes.strike(this, "after an answer");
  }

  /**
   * Each frame of a POST that was served has a decision, which is counted. Those of a POST that failed may have one. With
   * several databases, a POST is served although some of them failed it.
   *
   * @throws {Violation} If there are fewer.
   */
  checkCounters(): void {
    if (this.#options.placed.size > 0) return;
    const counts = Object.entries(this.#counters.snapshot());
    const decisions = counts.filter(([name]) => /^(offer|ack|settings|nak:.*|silence:.*)$/.test(name));
    const decided = decisions.reduce((sum, [, count]) => sum + count, 0);
    must(decided >= this.#framesServed, "a message has no decision", this.name, this.#framesServed, counts);
  }

  /** Does something with the store of the process, as one of its requests would. Nothing if there is no process. */
  useStore(work: (store: Store) => void): void {
    const store = this.#store;
    this.#process?.deliver("connections", () => {
      work(store!);
    });
  }

  async #administer({ method, path, headers, body }: AdminRequest): Promise<AdminAnswer> {
    const init = { method, headers: { host: "allocator", ...headers }, ...(body !== undefined && { body }) };
    const response = await this.#fetch!(new Request(`http://allocator${path}`, init));
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  #accept(from: string): void {
    const accepted = this.#accepted.get(from) ?? 0;
    if (accepted >= connectionsOfRelay) return;
    this.#accepted.set(from, accepted + 1);
    this.#watch!.recordConnection();
  }

  async #serve(request: HttpRequest): Promise<HttpAnswer> {
    const response = await this.#fetch!(lightRequest(request));
    const body = response.status === 200 ? new Uint8Array(await response.arrayBuffer()) : noOctets;
    if (response.status === 200 && request.body !== undefined)
      this.#framesServed += countFrames(request.body);
    return { status: response.status, headers: Object.fromEntries(response.headers), body };
  }
}

const noOctets = new Uint8Array();

/** What Hono reads of a request. A whole one takes as long as serving it. */
function lightRequest({ method, path, headers = {}, body }: HttpRequest): Request {
  const all: Record<string, string> = {
    ...headers,
    ...(body !== undefined && { "content-length": String(body.length) }),
  };
  const request = {
    method,
    url: `http://allocator${path}`,
    headers: {
      get: (name: string) => all[name.toLowerCase()] ?? null,
      has: (name: string) => name.toLowerCase() in all,
    },
    body: body ?? null,
    arrayBuffer: () => Promise.resolve(body!.slice().buffer),
  };
  return request as unknown as Request;
}
