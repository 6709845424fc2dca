/**
 * Options of a load: the target, the number of clients, and the timing.
 *
 * @module
 */
import { loadClientsMax, loadExchangesMax, loadSocketsMax, loadTriesMax } from "../limits.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import type { Hint } from "../client/query.ts";
import { createQueries } from "./queries.ts";
import type { LineOption, Queries } from "./queries.ts";
import type { LoadCounts } from "./result.ts";
import { systemTiming } from "../timing.ts";
import type { Timing } from "../timing.ts";
import type { WireLog } from "./wire-log.ts";

/** How far a load is. */
export interface LoadProgress {
  readonly elapsedMs: number;
  /** OFFERs that clients accepted. */
  readonly offers: number;
  /** Exchanges that ended with an ACK. */
  readonly done: number;
  readonly inFlight: number;
  readonly counts: Readonly<LoadCounts>;
}

/** Options of a load. */
export interface LoadOptions {
  /** IPv6 address of the server or relay, or of a multicast group, without a zone. */
  readonly server: string;
  /** UDP port of the server or relay. */
  readonly port: number;
  /** Name of the interface to send from; required for a link-local address or a group. Default: the system chooses. */
  readonly interfaceName?: string | undefined;
  /** Number of clients, 1 to 2^32. */
  readonly clients: number;
  /** Number of the first client. Each number is a different client identity. Default: 0. */
  readonly firstClient?: number;
  /** Number of concurrent exchanges, 1 to 65536. */
  readonly inFlight: number;
  /** Exchanges that begin in a second, as far as `inFlight` permits. Default: as many as it permits. */
  readonly perSecond?: number | undefined;
  /** Milliseconds in which exchanges begin; a client begins another when all have had their turn. Default: each begins one. */
  readonly beginsForMs?: number | undefined;
  /** Of the datagrams in each direction, how many are lost: 0 to 1. Default: none. */
  readonly lossRatio?: number;
  /** What the clients wish in a DISCOVER. Default: nothing. */
  readonly hint?: Hint;
  /** UDP port to send from, with one socket. Default: free ones. */
  readonly localPort?: number | undefined;
  /** Number of sockets to send from, 1 to 64. Default: 2. */
  readonly sockets?: number;
  /** Whether the clients list option 159. Default: true. */
  readonly sharesPorts?: boolean;
  /** DHCPv6 options that the clients request with the answer. Default: none. */
  readonly optionRequest?: readonly number[];
  /** The RELAY-FORW level to send in. Default: bare queries. */
  readonly relay?: RelayLevel | undefined;
  /** The option of that level that names each client's line; only with `relay`. Default: all clients share a line. */
  readonly line?: LineOption | undefined;
  /** Milliseconds before the first retransmission; the delay doubles each time. Default: 1000. */
  readonly retransmitMs?: number;
  /** Number of transmissions of a message before its client gives up, 1 to 10. Default: 5. */
  readonly triesMax?: number;
  /** Time limit of the whole load in milliseconds. Default: 60000. */
  readonly durationMsMax?: number;
  readonly timing?: Timing;
  /** Called at each ACK that ends an exchange. */
  readonly onAck?: (() => void) | undefined;
  /** Called now and then, and at the end. If it returns false, the load ends early. */
  readonly onProgress?: ((progress: LoadProgress) => boolean) | undefined;
  /** Once it is aborted, no exchange begins any more, and the load ends with those in flight. */
  readonly stop?: AbortSignal | undefined;
  /** Receives a record of each event, timed by the clock of this machine. Default: no records. */
  readonly wireLog?: WireLog | undefined;
}

const defaults = {
  firstClient: 0,
  sockets: 2,
  sharesPorts: true,
  optionRequest: [],
  lossRatio: 0,
  hint: {},
  retransmitMs: 1000,
  triesMax: 5,
  durationMsMax: 60_000,
  timing: systemTiming,
} as const satisfies Partial<LoadOptions>;

/** Options with the defaults filled in. */
export type LoadSettings = LoadOptions & Required<Pick<LoadOptions, keyof typeof defaults>>;

/**
 * Checks options and fills in the defaults.
 *
 * @throws {RangeError} When an option is out of range.
 */
export function settingsOf(options: LoadOptions): LoadSettings {
  const settings = { ...defaults, ...options };
  for (const [name, max] of [
    ["clients", loadClientsMax],
    ["inFlight", loadExchangesMax],
    ["sockets", loadSocketsMax],
    ["triesMax", loadTriesMax],
  ] as const) {
    const value = settings[name];
    if (!Number.isInteger(value) || value < 1 || value > max) {
      throw new RangeError(`Cannot run load: ${name} is ${value}, expected an integer from 1 to ${max}`);
    }
  }
  return settings;
}

/** Prepares the message templates of a load. */
export function queriesOf({ sharesPorts, optionRequest, hint, relay, line }: LoadSettings): Queries {
  return createQueries({ sharesPorts, optionRequest, hint, relay, line });
}
