/**
 * `--config-mode`: whether a file given with `--config` owns the domains that it names, so that the API cannot change
 * them.
 *
 * @module
 */
import { Option } from "commander";

/** Creates the option. */
export function configModeOption(): Option {
  return new Option(
    "--config-mode <mode>",
    "own: the file owns the domains that it names, so that the API cannot change them, and replaces what was set without it. create: the file only adds what is missing, and owns nothing",
  )
    .choices(["own", "create"])
    .default(undefined, "own, but the process stops if the file would replace something");
}
