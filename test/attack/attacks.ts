/**
 * All attacks, in the order of their ids.
 *
 * @module
 */
import type { Attack } from "./attack.ts";
import { customerAttacks } from "./customers.ts";
import { httpAttacks } from "./http.ts";
import { logAttacks } from "./logs.ts";
import { messageAttacks } from "./messages.ts";
import { relayAttacks } from "./relays.ts";
import { storageAttacks } from "./storage.ts";
import { timeAttacks } from "./time.ts";

const numberOf = ({ id }: Attack): number => Number(id.slice(1)) + (id.startsWith("T") ? 0 : 1000);

/** Every attack, T before E. */
export const attacks: readonly Attack[] = [
  ...messageAttacks,
  ...relayAttacks,
  ...customerAttacks,
  ...timeAttacks,
  ...storageAttacks,
  ...httpAttacks,
  ...logAttacks,
].sort((a, b) => numberOf(a) - numberOf(b));
