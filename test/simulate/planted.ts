/**
 * All planted bugs. Each breaks a promise that the simulator watches.
 *
 * @module
 */
import { allocatorBugs } from "./planted/allocator.ts";
import { answerBugs } from "./planted/answers.ts";
import type { PlantedBug } from "./planted/bug.ts";
import { evidenceBugs } from "./planted/evidence.ts";
import { knownBugs } from "./planted/known.ts";
import { messageBugs } from "./planted/messages.ts";
import { relayBugs } from "./planted/relay.ts";
import { statementBugs } from "./planted/statements.ts";

export const plantedBugs: readonly PlantedBug[] = [
  ...statementBugs,
  ...allocatorBugs,
  ...answerBugs,
  ...messageBugs,
  ...relayBugs,
  ...evidenceBugs,
  ...knownBugs,
];
