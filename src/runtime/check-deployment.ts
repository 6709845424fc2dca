/**
 * Part of `npm run deploy:worker`: checks the URL of the database before it becomes a variable of the Worker. Anyone who may
 * see the settings of the Worker can read it.
 *
 * @module
 */
import { exitCodes } from "../failure.ts";
import { printError } from "../program-output.ts";
import { isFileUrl } from "../store/database/database-url.ts";
import { parseServerAddress } from "../store/database/server-address.ts";

/** @returns What was found instead of the URL of a server without secrets; undefined if it is one. */
function faultOf(url: string): string | undefined {
  if (url === "") return "nothing";
  if (isFileUrl(url)) return "a file";
  try {
    return parseServerAddress(url).authorization === undefined ? undefined : "a password or a token in it";
  } catch {
    return "no such URL";
  }
}

const fault = faultOf(process.env.APPORTION_DATABASE_URL ?? "");
if (fault !== undefined) {
  printError(
    `Cannot deploy: APPORTION_DATABASE_URL: found ${fault}, expected the URL of a libSQL server without secrets; ` +
      "its token is APPORTION_DATABASE_TOKEN, here for the migration, and a secret of the Worker\n",
  );
  process.exitCode = exitCodes.usage;
}
