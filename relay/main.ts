/**
 * Entry point of the relay process, `apportion-relay`.
 *
 * @module
 */
import { addCompletion } from "../src/completion.ts";
import { removeEmptyVariables } from "../src/environment.ts";
import { exitCodeOf } from "../src/failure.ts";
import { print, printError } from "../src/program-output.ts";
import { reportUsage } from "../src/usage-fault.ts";
import { relayProgram } from "./service/program.ts";

removeEmptyVariables(process.env);

try {
  const program = reportUsage(relayProgram("apportion-relay"), { print, printError });
  addCompletion(program);
  await reportUsage(program, { print, printError }).parseAsync();
} catch (error) {
  printError(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
