/**
 * What surrounds a client: its ways to relays and to those who watch it, and its settings.
 *
 * @module
 */
import type { ClientProfile, LeasedPair, ServerPair } from "../../src/client/query.ts";
import type { Random } from "../support/random.ts";
import type { Client } from "./client.ts";
import type { ClientKind } from "./client-habits.ts";
import type { Heard, Place, Sent } from "./client-message.ts";
import type { ScenarioDomain } from "./scenario.ts";

/** How a client reaches its relays, and reports what it does. */
export interface ClientWorld {
  /** Sends a datagram to a relay that the client reaches. */
  readonly send: (sent: Sent, datagram: Uint8Array) => void;
  /** The client got an answer to what it sent, perhaps not for the first time, and perhaps too late. */
  readonly heard: (sent: Sent, heard: Heard) => void;
  /** The client uses a pair from now until then. */
  readonly uses: (client: Client, pair: ServerPair, untilMs: number) => void;
  /** The client uses no pair any more. */
  readonly stops: (client: Client) => void;
  /** A pair that somebody uses, for those who want what is not theirs. */
  readonly somePair: (random: Random) => LeasedPair | undefined;
  /** A client whose identifier may be repeated from another line. */
  readonly someVictim: (client: Client) => Client | undefined;
}

/** Options of a client. */
export interface ClientOptions {
  readonly name: string;
  readonly kind: ClientKind;
  /** The domain of its link. */
  readonly domain: ScenarioDomain;
  readonly link: number;
  readonly profile: ClientProfile;
  /** Where it is at first, and where else it may go. */
  readonly places: readonly [Place, ...Place[]];
  readonly usesSoftwire: boolean;
  readonly asksRapidCommit: boolean;
  /** Option 54 of its server, for clients that did not listen. */
  readonly serverIdentifier: number;
  /** Seconds between two moments at which clients do something on their own. */
  readonly waveSeconds: number;
  /** One in so many of these moments, it does. */
  readonly whimOneIn: number;
}
