/**
 * `--config-mode`: what a file that is given with `--config` means for later changes through the API.
 *
 * @module
 */
import { Option } from "commander";

/** Creates the option. */
export function configModeOption(): Option {
  return new Option(
    "--config-mode <mode>",
    "own: the file owns the domains it names, and the API refuses to change them; also replaces what was set without the file. create: it only adds what is missing, and owns nothing (default: own, but stops if something was set without the file)",
  ).choices(["own", "create"]);
}
