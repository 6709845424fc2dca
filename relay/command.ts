/**
 * Flags and environment of the relay's command.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import { parseRelayConfig } from "./config.ts";
import type { RelayConfig } from "./config.ts";

/** What the flags say; those not listed here have the names that the settings have. */
interface Flags extends Readonly<Record<string, unknown>> {
  readonly interface?: string[];
  readonly tokenFile?: string;
}

const help = `
LINK is an address of the link that clients are on; the allocator finds their domain by it.
Environment: APPORTION_RELAY_TOKEN (or --token-file), APPORTION_ALLOCATOR_URL, LOG_LEVEL.`;

/**
 * Creates the command.
 *
 * @param run Is given the settings; what it throws, and what is wrong with the settings, comes out of `parseAsync`.
 * @param environment Where the token is looked for when no file is named: a flag would show it to every user.
 */
export function relayCommand(
  run: (config: RelayConfig) => Promise<void>,
  environment: Readonly<Record<string, string | undefined>>,
): Command {
  return new Command("apportion-relay")
    .description("Brings DHCP 4o6 queries from UDP to an allocator, and its answers back")
    .option(
      "--listen <[address]:port[,link=LINK]>",
      "UDP socket; may be repeated (default: [::1]:8547)",
      collect,
    )
    .option(
      "--interface <name[,link=LINK]>",
      "link to serve by multicast, on port 547; may be repeated",
      collect,
    )
    .addOption(
      new Option("--allocator <url>", "the allocator")
        .env("APPORTION_ALLOCATOR_URL")
        .default("http://127.0.0.1:8467"),
    )
    .option("--token-file <file>", "file with the secret that the allocator knows this relay by")
    .option(
      "--reply-port <which>",
      "answer to the ports of RFC 8415 (standard) or to those that queries come from (source) " +
        "(default: standard when listening on 547)",
    )
    .option("--posts-in-flight <count>", "POSTs at the same time (default: 3)")
    .option("--batch-frames <count>", "most datagrams in one POST (default: 256)")
    .option("--queue-length <count>", "most datagrams that wait (default: 8192)")
    .option("--queue-octets <count>", "most octets that wait (default: 16777216)")
    .option("--deadline-ms <ms>", "time that a datagram has to be answered in (default: 4000)")
    .option("--receive-buffer-octets <count>", "receive buffer of a socket (default: 4194304)")
    .addHelpText("after", help)
    .action((flags: Flags) => run(configOf(flags, environment)));
}

const collect = (value: string, before: string[] = []): string[] => [...before, value];

function configOf(
  { interface: interfaces, tokenFile, ...flags }: Flags,
  environment: Readonly<Record<string, string | undefined>>,
): RelayConfig {
  const token = tokenFile === undefined ? environment.APPORTION_RELAY_TOKEN : readToken(tokenFile);
  return parseRelayConfig({
    ...flags,
    ...(interfaces !== undefined && { interfaces }),
    ...(token !== undefined && { token }),
  });
}

/** @throws {Error} With the file's name when it can't be read. */
function readToken(file: string): string {
  return readFileSync(file, "utf8").trim();
}
