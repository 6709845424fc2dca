/**
 * How people start a command: by the name of the installed program, or through npm in a checkout.
 *
 * @module
 */
import { isInstalled } from "../installed.ts";

/** @returns The command line of a subcommand, without its arguments. */
export function invocationOf(subcommand: string): string {
  return isInstalled ? `apportion ${subcommand}` : `npm run ${subcommand} --`;
}
