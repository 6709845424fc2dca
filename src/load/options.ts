/**
 * Options of a load: the target, the number of clients, and the timing.
 *
 * @module
 */
import { loadClientsMax, loadExchangesMax, loadSocketsMax, loadTriesMax } from "../limits.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import { createQueries } from "./queries.ts";
import type { Queries } from "./queries.ts";
import { systemTiming } from "../timing.ts";
import type { Timing } from "../timing.ts";
import type { WireLog } from "./wire-log.ts";

/** Options of a load. */
export interface LoadOptions {
  /** IPv6 address of the server or relay. */
  readonly server: string;
  /** UDP port of the server or relay. */
  readonly port: number;
  /** Number of clients, 1 to 2^32. */
  readonly clients: number;
  /** Number of the first client. Each number is a different client identity. Default: 0. */
  readonly firstClient?: number;
  /** Number of concurrent exchanges, 1 to 65536. */
  readonly inFlight: number;
  /** Number of sockets to send from, 1 to 64. Default: 2. */
  readonly sockets?: number;
  /** Whether the clients list option 159. Default: true. */
  readonly sharesPorts?: boolean;
  /** DHCPv6 options that the clients request with the answer. Default: none. */
  readonly optionRequest?: readonly number[];
  /** The RELAY-FORW level to send in. Default: bare queries. */
  readonly relay?: RelayLevel;
  /** Milliseconds before the first retransmission; the delay doubles each time. Default: 1000. */
  readonly retransmitMs?: number;
  /** Number of transmissions of a message before its client gives up, 1 to 10. Default: 5. */
  readonly triesMax?: number;
  /** Time limit of the whole load in milliseconds. Default: 60000. */
  readonly durationMsMax?: number;
  readonly timing?: Timing;
  /** Called at each ACK that ends an exchange. */
  readonly onAck?: (() => void) | undefined;
  /** Receives a record of each event, timed by the clock of this machine. Default: no records. */
  readonly wireLog?: WireLog | undefined;
}

const defaults = {
  firstClient: 0,
  sockets: 2,
  sharesPorts: true,
  optionRequest: [],
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
export function queriesOf({ sharesPorts, optionRequest, relay }: LoadSettings): Queries {
  return createQueries({ sharesPorts, optionRequest, relay });
}
