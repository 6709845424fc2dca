/**
 * Entry point of `apportion`.
 *
 * @module
 */
import { removeEmptyVariables } from "../environment.ts";
import { exitCodeOf } from "../failure.ts";
import { printError } from "../program-output.ts";
import { createProgram } from "./program.ts";

removeEmptyVariables(process.env);

try {
  await createProgram().parseAsync();
} catch (error) {
  printError(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
