/**
 * Runs `apportion admin` and captures its output and exit code.
 *
 * @module
 */
import { adminCommand } from "../../src/cli/admin-command.ts";

class Exit extends Error {}

/** @returns A function that runs the command with arguments and returns its output and exit code. */
export function commandLine(environment: Readonly<Record<string, string | undefined>>) {
  return async (...args: string[]) => {
    const result = { code: 0, stdout: "", stderr: "" };
    const command = adminCommand({
      stdout: (text) => (result.stdout += text),
      stderr: (text) => (result.stderr += text),
      drain: () => Promise.resolve(true),
      isDiscarded: () => false,
      setExitCode: (code) => {
        result.code = code;
      },
      exit: (code) => {
        result.code = code;
        throw new Exit();
      },
      environment,
    });
    try {
      await command.parseAsync(["node", "admin", ...args]);
    } catch (error) {
      if (!(error instanceof Exit)) throw error;
    }
    return result;
  };
}
