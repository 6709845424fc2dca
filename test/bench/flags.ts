/**
 * The command line flags of `npm run bench`.
 *
 * @module
 */
import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { largeSlots } from "./large-file.ts";
import { modes } from "./measure.ts";
import type { Mode } from "./measure.ts";
import type { RoundOptions } from "./round.ts";
import { faultOfCheckout } from "./side.ts";

/** The flags, as commander parses them. */
export interface Flags {
  readonly clients: number;
  readonly warmUp: number;
  readonly inFlight: number;
  readonly repeat: number;
  /** Folder of the other side. */
  readonly against?: string;
  readonly peer?: "kea";
  readonly leases?: number;
  readonly avalanche?: number;
  readonly pairs: number;
  readonly mode: Mode;
  readonly full: boolean;
  readonly servers: number;
  readonly distance: boolean;
  readonly relayFlag: readonly string[];
  readonly cpuProfile?: string;
  readonly json?: string;
}

/**
 * Creates the command. Invalid flags end the process with a message that names the flag.
 *
 * @param run Runs the bench with valid flags, and can ask which of them were given.
 */
export function createBenchCommand(
  run: (flags: Flags, isGiven: (name: keyof Flags) => boolean) => Promise<void>,
): Command {
  return new Command("bench")
    .description(
      "Measures a relay process and an allocator process, each round with a fresh database; alone, or in pairs with another checkout",
    )
    .option("--clients <count>", "number of clients", positive, 20_000)
    .option(
      "--warm-up <count>",
      "additional clients that obtain leases before the measurement",
      wholeNumber,
      2000,
    )
    .option("--in-flight <count>", "concurrent exchanges", positive, 512)
    .addOption(
      new Option("--repeat <count>", "number of rounds; the report shows the median round")
        .argParser(positive)
        .default(3)
        .conflicts("against"),
    )
    .option(
      "--against <folder>",
      "compare with the checkout in this folder; all other flags apply to both sides",
      checkout,
    )
    .addOption(
      new Option(
        "--peer <name>",
        "compare with this server: 1, 16, 128 and 512 full addresses in flight, new leases and renewals, unless --in-flight or --mode say otherwise",
      )
        .choices(["kea"])
        .conflicts(["against", "repeat", "full", "servers", "distance", "relayFlag", "cpuProfile"]),
    )
    .addOption(
      new Option(
        "--leases <count>",
        "compare a file that has so many leases already with an empty one; the filled file is kept in the folder for temporary files",
      )
        .argParser(positive)
        .conflicts(["against", "peer", "repeat", "full", "servers", "distance"]),
    )
    .addOption(
      new Option(
        "--avalanche <count>",
        "let so many clients want a lease at once, 20000 of them in flight unless --in-flight says otherwise",
      )
        .argParser(positive)
        .conflicts(["against", "peer", "leases", "repeat", "mode", "clients", "servers", "distance"]),
    )
    .option(
      "--pairs <count>",
      "with --against, --peer or --leases: number of pairs of rounds, 1 to 99",
      pairCount,
      5,
    )
    .addOption(new Option("--mode <mode>", "kind of exchange to measure").choices(modes).default("dora"))
    .option("--full", "lease full addresses instead of shared ones", false)
    .option(
      "--servers <count>",
      "put two domains on this many libSQL servers (1 or 2), instead of one domain in a file",
      wholeNumber,
      0,
    )
    .option("--distance", "simulate servers with 20 ms round-trip time and 25 ms for each commit", false)
    .option(
      "--relay-flag <flag>",
      "flag for the relay, such as --posts-in-flight=1; may be repeated",
      collect,
      [],
    )
    .option("--cpu-profile <folder>", "write CPU profiles of relay and allocator to this folder")
    .option("--json <file>", "write the figures of all rounds to this file")
    .action((flags: Flags, command: Command) => {
      const isGiven = (name: keyof Flags): boolean => command.getOptionValueSource(name) === "cli";
      const isPaired = [flags.against, flags.peer, flags.leases].some((other) => other !== undefined);
      if (!isPaired && isGiven("pairs"))
        command.error("error: option '--pairs <count>' needs '--against', '--peer' or '--leases'");
      if (flags.leases !== undefined && flags.leases + flags.clients + flags.warmUp > largeSlots)
        command.error(
          `error: '--leases', '--clients' and '--warm-up' together are more than the ${largeSlots} slots of the pool`,
        );
      return run(flags, isGiven);
    });
}

/** Translates the flags that define a round. */
export function roundOptionsOf(flags: Flags): RoundOptions {
  return {
    clients: flags.clients,
    warmUpClients: flags.warmUp,
    inFlight: flags.inFlight,
    mode: flags.mode,
    isShared: !flags.full,
    servers: flags.distance ? Math.max(flags.servers, 1) : flags.servers,
    isDistant: flags.distance,
    relayFlags: flags.relayFlag,
    profileFolder: flags.cpuProfile === undefined ? undefined : resolve(flags.cpuProfile),
  };
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("Expected a whole number.");
  return Number(text);
}

function positive(text: string): number {
  const number = wholeNumber(text);
  if (number === 0) throw new InvalidArgumentError("Expected a positive whole number.");
  return number;
}

function pairCount(text: string): number {
  if (!/^[1-9]\d?$/.test(text)) throw new InvalidArgumentError("Expected a whole number from 1 to 99.");
  return Number(text);
}

function checkout(folder: string): string {
  const fault = faultOfCheckout(folder);
  if (fault !== undefined) throw new InvalidArgumentError(fault);
  return folder;
}

function collect(flag: string, before: readonly string[]): string[] {
  return [...before, flag];
}
