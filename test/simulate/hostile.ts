/**
 * What hostile clients send: messages for pairs that others have, in the name of others, or with a wrong octet.
 *
 * @module
 */
import type { LeasedPair } from "../../src/client/query.ts";
import type { MessageKind } from "../support/message-kinds.ts";
import type { Random } from "../support/random.ts";
import type { Client } from "./client.ts";
import type { ClientWorld } from "./client-world.ts";

/** A message of a client that means no good. */
export interface Harm {
  readonly what: MessageKind;
  readonly pair: LeasedPair | undefined;
  /** In whose name. */
  readonly victim: Client | undefined;
  readonly isDamaged: boolean;
}

const kinds: readonly MessageKind[] = [
  "discover",
  "select",
  "renew",
  "rebind",
  "reboot",
  "release",
  "decline",
  "withdraw",
];

/** @returns What a client does next; undefined if it finds nothing. */
export function chooseHarm(
  random: Random,
  world: Pick<ClientWorld, "somePair" | "someVictim">,
  client: Client,
): Harm | undefined {
  const what = random.pick(kinds);
  const pair = world.somePair(random);
  if (pair === undefined && what !== "discover") return undefined;
  const isDamaged = random.oneIn(10);
  const victim = !isDamaged && random.oneIn(2) ? world.someVictim(client) : undefined;
  return { what, pair, victim, isDamaged };
}

/**
 * @param identifier Option 61, which stays as it is: another client would be answerable for it.
 * @returns A datagram with one wrong octet.
 */
export function damage(datagram: Uint8Array, identifier: Uint8Array, random: Random): Uint8Array {
  const damaged = datagram.slice();
  const identifierAt = Buffer.from(damaged.buffer).indexOf(identifier);
  const at = random.below(damaged.length);
  const isIdentifier = at >= identifierAt - 2 && at < identifierAt + identifier.length;
  if (!isIdentifier) damaged[at] = random.below(256);
  return damaged;
}
