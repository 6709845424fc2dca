/**
 * What a load is told: whom to ask, for how many clients, and with how much patience.
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

/** Who loads whom, and how much. */
export interface LoadOptions {
  /** IPv6 address of the server or relay. */
  readonly server: string;
  /** Its UDP port. */
  readonly port: number;
  /** How many clients take part, 1 or more. */
  readonly clients: number;
  /** Number of the first; another number is another client. Default: 0. */
  readonly firstClient?: number;
  /** Exchanges at a time, 1 to 65536. */
  readonly inFlight: number;
  /** Sockets to send from. Default: 2. */
  readonly sockets?: number;
  /** The clients list option 159. Default: true. */
  readonly sharesPorts?: boolean;
  /** DHCPv6 options that they want beside the answer. Default: none. */
  readonly optionRequest?: readonly number[];
  /** The RELAY-FORW level to send in. Default: bare queries. */
  readonly relay?: RelayLevel;
  /** Milliseconds before a message is sent again; doubles each time. Default: 1000. */
  readonly retransmitMs?: number;
  /** How often a message is sent before its client gives up, 1 to 10. Default: 5. */
  readonly triesMax?: number;
  /** Milliseconds that the whole may take. Default: 60000. */
  readonly durationMsMax?: number;
  readonly timing?: Timing;
  /** Gets what happens to each client, by the clock of this machine. Default: nobody does. */
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

/** The options with their defaults. */
export type LoadSettings = LoadOptions & Required<Pick<LoadOptions, keyof typeof defaults>>;

/**
 * Checks options and fills in the defaults.
 *
 * @throws {RangeError} When they are out of range.
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

/** Prepares the messages of a load. */
export function queriesOf({ sharesPorts, optionRequest, relay }: LoadSettings): Queries {
  return createQueries({ sharesPorts, optionRequest, relay });
}
