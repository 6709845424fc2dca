/**
 * The log of a service, which also names misspelt variables.
 *
 * @module
 */
import type { Logger } from "pino";
import type { Log } from "../allocator/log.ts";
import { createProgramLog } from "../log/program-log.ts";
import type { LogFlags } from "../log/options.ts";
import { describeMisspelt, findMisspelt } from "../setting-names.ts";

/** Creates the log. */
export function createServiceLog(flags: LogFlags): Logger & Log {
  const log = createProgramLog(flags);
  for (const each of findMisspelt(process.env)) log.warn(describeMisspelt(each));
  return log;
}
