/**
 * The relay's command: flags, subcommands and environment.
 *
 * @module
 */
import { statSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { defaultAllocatorUrl } from "../../src/defaults.ts";
import { formatIPv6Prefix } from "../../src/wire/ipv6-address.ts";
import { version } from "../../src/version.ts";
import { endHelp } from "../../src/help.ts";
import type { HelpEnd } from "../../src/help.ts";
import { addLogFlags } from "../../src/log/options.ts";
import type { LogFlags } from "../../src/log/options.ts";
import { formatEndpoint } from "../endpoint.ts";
import {
  relayBatchFramesMax,
  relayDeadlineMs,
  relayPostsInFlight,
  relayQueueLength,
  relayQueueOctets,
  relayReceiveBufferOctets,
  secretCharactersMin,
} from "../../src/limits.ts";
import { readConfigFile } from "../config/config-file.ts";
import type { ConfigFile } from "../config/config-file.ts";
import { parseRelaySettings } from "../config/config.ts";
import type { RelayConfig } from "../config/config.ts";
import { namingFaults } from "../config/config-error.ts";
import { interfaceOption, listenerFlagOf, listenersOf, listenOption } from "../config/listener-flags.ts";
import type { ListenerInput } from "../config/listener-flags.ts";
import { readSecrets } from "../config/secrets.ts";
import type { Environment } from "../config/secrets.ts";
import { defaultStatusSocket, formatStatus } from "./status.ts";
import type { StatusReport } from "./status.ts";

/** Actions of the command. An error from an action makes `parseAsync` reject. */
export interface RelayActions {
  /**
   * Runs the relay.
   *
   * @param readConfig Reads the current file, flags and secrets; called at the start and at each reload.
   * @param flags Those of the log. The level of the settings holds unless a flag overrides it.
   */
  readonly run: (readConfig: () => RelayConfig, flags: LogFlags) => Promise<void>;
  /** Requests the status of the relay at a status socket. */
  readonly readStatus: (socket: string) => Promise<StatusReport>;
  /** Writes a line for the operator to standard output. */
  readonly print: (line: string) => void;
  /** Returns the machine's id; by default that of machine-id(5). */
  readonly readMachineId?: () => string;
}

/** The flags of `apportion-relay`. */
interface Flags extends LogFlags {
  readonly config?: string;
  readonly listen?: readonly ListenerInput[];
  readonly interface?: readonly ListenerInput[];
  readonly allocator?: readonly string[];
  readonly policy?: string;
  readonly tokenFile?: string;
  readonly replyPort?: string;
  readonly postsInFlight?: string;
  readonly batchFrames?: string;
  readonly queueLength?: string;
  readonly queueOctets?: string;
  readonly deadlineMs?: string;
  readonly receiveBufferOctets?: string;
  readonly http?: string;
  readonly statusSocket?: string;
  readonly pcap?: string;
}

const end: HelpEnd = {
  notes: [
    "LINK is an address of the clients' link; the allocator uses it to select their domain.",
    "Flags override the file; relay.example.toml explains every key.",
    "SIGHUP reads the file and the token again; on a fault, the current settings stay.",
  ],
  variables: { APPORTION_RELAY_TOKEN: "token of the relay, unless a token file is named" },
  examples: [
    ["--interface eth1 --allocator https://allocator.example", "serve the clients of a link"],
    ["--config /etc/apportion/relay.toml", "as the service does"],
  ],
};

/**
 * Creates the command.
 *
 * @param environment Contains the token if no token file is configured. A flag would show the token to every user of
 *   the machine.
 */
export function relayCommand(actions: RelayActions, environment: Environment): Command {
  const command = addFlags(new Command("apportion-relay"))
    .description("relay DHCP 4o6 queries from UDP to allocators over HTTPS, and return the answers")
    .version(version, "--version", "print the version of this release")
    .action((flags: Flags, given: Command) =>
      actions.run(() => readConfig({ flags, command: given }, environment, actions.readMachineId), flags),
    )
    .addCommand(checkCommand(actions, environment))
    .addCommand(statusCommand(actions));
  return endHelp(command, end);
}

function addFlags(command: Command): Command {
  command
    .option("--config <file>", "configuration file (TOML)")
    .addOption(listenOption())
    .addOption(interfaceOption())
    .addOption(
      new Option("--allocator <url>", "URL of an allocator; may be repeated")
        .env("APPORTION_ALLOCATOR_URL")
        .default(undefined, defaultAllocatorUrl)
        .argParser(collect),
    )
    .addOption(
      settingFlag("--policy <which>", "how to choose among several allocators", "priority").choices([
        "priority",
        "spread",
      ]),
    )
    .option("--token-file <file>", "file that has the relay's token for the allocators")
    .addOption(
      settingFlag(
        "--reply-port <which>",
        "send answers to the ports of RFC 8415 (standard) or to the source ports of queries (source)",
        "standard when listening on 547",
      ).choices(["standard", "source"]),
    )
    .addOption(settingFlag("--posts-in-flight <count>", "POSTs at the same time", relayPostsInFlight))
    .addOption(settingFlag("--batch-frames <count>", "maximum datagrams in one POST", relayBatchFramesMax))
    .addOption(settingFlag("--queue-length <count>", "maximum datagrams in the queue", relayQueueLength))
    .addOption(settingFlag("--queue-octets <count>", "maximum octets in the queue", relayQueueOctets))
    .addOption(
      settingFlag("--deadline-ms <ms>", "time in which a datagram must be answered", relayDeadlineMs),
    )
    .addOption(
      settingFlag(
        "--receive-buffer-octets <count>",
        "receive buffer to request for each socket",
        relayReceiveBufferOctets,
      ),
    )
    .addOption(
      settingFlag(
        "--http <host:port>",
        "address of the HTTP server for GET /metrics, for Prometheus",
        "none",
      ),
    )
    .option("--status-socket <file>", "Unix socket for `apportion-relay status`", parsePath)
    .option("--pcap <file>", "capture datagrams and frames in this file, for Wireshark");
  return addLogFlags(command, "that of the configuration file, or info");
}

/** A flag that overrides the file. Its default is that of the setting, so without the flag it has no value. */
function settingFlag(flags: string, description: string, preset: string | number): Option {
  return new Option(flags, description).default(undefined, String(preset));
}

/** @throws {InvalidArgumentError} For an empty path, with which a client would call port 80 of this host. */
function parsePath(text: string): string {
  if (text === "") throw new InvalidArgumentError("Expected the path of a socket.");
  return text;
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function checkCommand({ print, readMachineId, readStatus }: RelayActions, environment: Environment): Command {
  return endHelp(new Command("check"), {
    examples: [["/etc/apportion/relay.toml", "before a reload"]],
  })
    .description("check a configuration file and the files that it names; opens no socket")
    .argument("<file>", "settings (TOML)")
    .option("--environment", "also check the token that this process has, as the relay would")
    .action(async (file: string, { environment: isWhole }: { readonly environment?: true }) => {
      const { input, nameOf } = readConfigFile(file);
      const settings = namingFaults(nameOf, () => {
        const parsed = parseRelaySettings(input, readMachineId);
        // A shell does not have the service's environment, so without the flag a token is checked only if a file is named.
        const isKnown = isWhole === true || parsed.allocator.tokenFile !== undefined;
        const token = isKnown ? {} : { APPORTION_RELAY_TOKEN: placeholderToken };
        readSecrets(parsed, { ...environment, ...token });
        return parsed;
      });
      for (const line of [...formatTrust(settings), ...reportPrivate(settings)]) print(line);
      if (settings.status.socket !== undefined) {
        for (const line of await reportUntrusted(settings.status.socket, readStatus)) print(line);
      }
      print(`${file}: no faults`);
    });
}

/** States for each listener whose relay levels it believes. */
function formatTrust({ listeners }: RelayConfig | ReturnType<typeof parseRelaySettings>): string[] {
  return listeners.map(({ trust, ...endpoint }) => {
    const { trustedRelays, accessNodes, untrustedRelays } = trust;
    const trusted = [
      ...trustedRelays.map(
        ({ prefix, accessNodes: more }) =>
          `${formatIPv6Prefix(prefix)}${more ? " and its access nodes" : ""}`,
      ),
      ...(accessNodes ? ["access nodes on the link"] : []),
    ];
    const others = untrustedRelays === "drop" ? "dropped" : "reported, and their levels not believed";
    const whom = trusted.length === 0 ? "no relay but those of this host" : trusted.join(", ");
    return `${formatEndpoint(endpoint)}: trusts ${whom}; RELAY-FORW of others is ${others}`;
  });
}

/** Names the files that root can read but the user of a service cannot. */
function reportPrivate({ allocator }: ReturnType<typeof parseRelaySettings>): string[] {
  const keys = ["tokenFile", "caFile", "certificateFile", "keyFile"] as const;
  return keys.flatMap((key) => {
    const file = allocator[key];
    if (file === undefined) return [];
    const { uid, mode } = statSync(file);
    if (uid !== 0 || (mode & 0o044) !== 0) return [];
    return [`allocator.${key}: only root may read ${file}, so a relay of another user does not start`];
  });
}

/** Names the relays that the running relay does not trust; nothing if no relay is running. */
async function reportUntrusted(
  socket: string,
  readStatus: RelayActions["readStatus"],
): Promise<readonly string[]> {
  const report = await readStatus(socket).catch(() => undefined);
  return (report?.untrustedRelays ?? []).map(
    ({ address, listener, count }) =>
      `${listener}: ${count} datagrams came through ${address}, which is not trusted; if it is your relay, add ` +
      `{ prefix = "${address.split("%", 1)[0]!}" } to trustedRelays of this listener`,
  );
}

/** Valid token, used if the real one is not checked. */
const placeholderToken = "0".repeat(secretCharactersMin);

function statusCommand({ readStatus, print }: RelayActions): Command {
  return endHelp(new Command("status"), {
    examples: [["", "of the service on this host"]],
  })
    .description("show the status of a running relay")
    .option("--status-socket <file>", "status socket of the relay", parsePath, defaultStatusSocket)
    .option("--json", "print JSON")
    .action(async (_: unknown, command: Command) => {
      // The relay has the same flag, and takes it for its own wherever it stands.
      const { statusSocket, json } = command.optsWithGlobals<StatusFlags>();
      const report = await readStatus(statusSocket);
      for (const line of json ? [JSON.stringify(report)] : formatStatus(report)) print(line);
    });
}

interface StatusFlags {
  readonly statusSocket: string;
  readonly json?: true;
}

/** @throws {ConfigError} With the faults of the file, the flags or the secrets. */
function readConfig(
  { flags, command }: GivenFlags,
  environment: Environment,
  readMachineId?: () => string,
): RelayConfig {
  const { input, nameOf } = flags.config === undefined ? noFile : readConfigFile(flags.config);
  return namingFaults(
    (path) => flagOf(path, { flags, command }) ?? nameOf(path),
    () => {
      const settings = parseRelaySettings(override(input, flags), readMachineId);
      return { ...settings, secrets: readSecrets(settings, environment) };
    },
  );
}

/** The flags, and the command that knows where their values come from. */
interface GivenFlags {
  readonly flags: Flags;
  readonly command: Command;
}

/** Without a file, all settings come from flags, variables and defaults. */
const noFile: ConfigFile = { input: {}, nameOf: (path) => path };

/** The settings that flags override, by path, apart from listeners. */
const flagSettings: Readonly<Record<string, keyof Flags>> = {
  replyPort: "replyPort",
  "allocator.urls": "allocator",
  "allocator.policy": "policy",
  "allocator.tokenFile": "tokenFile",
  "allocator.postsInFlight": "postsInFlight",
  "allocator.batchFrames": "batchFrames",
  "queue.length": "queueLength",
  "queue.octets": "queueOctets",
  "queue.deadlineMs": "deadlineMs",
  "queue.receiveBufferOctets": "receiveBufferOctets",
  "metrics.listen": "http",
  "status.socket": "statusSocket",
  "capture.file": "pcap",
};

/** @returns The flag or the variable that a setting comes from; undefined if it comes from neither. */
function flagOf(path: string, { flags, command }: GivenFlags): string | undefined {
  const flag = flagSettings[path.replace(/\.\d+$/, "")];
  if (flag === undefined || flags[flag] === undefined) return listenerFlagOf(path, flags);
  const option = command.options.find((each) => each.attributeName() === flag)!;
  return command.getOptionValueSource(flag) === "env" ? option.envVar : option.long;
}

/** Overrides the settings of the file with those of the flags. */
function override(input: Readonly<Record<string, unknown>>, flags: Flags): Record<string, unknown> {
  const listeners = listenersOf(flags);
  const { queueLength: length, queueOctets: octets, deadlineMs, receiveBufferOctets } = flags;
  const { allocator: urls, policy, tokenFile, postsInFlight, batchFrames } = flags;
  return withDefined(input, {
    listeners,
    replyPort: flags.replyPort,
    allocator: overrideTable(input, "allocator", { urls, policy, tokenFile, postsInFlight, batchFrames }),
    queue: overrideTable(input, "queue", { length, octets, deadlineMs, receiveBufferOctets }),
    metrics: overrideTable(input, "metrics", { listen: flags.http }),
    status: overrideTable(input, "status", { socket: flags.statusSocket }),
    capture: overrideTable(input, "capture", { file: flags.pcap }),
  });
}

/** Overrides values of a table. A value that is not a table stays as it is, so that the schema reports it. */
function overrideTable(
  input: Readonly<Record<string, unknown>>,
  name: string,
  values: Readonly<Record<string, unknown>>,
): unknown {
  const table = input[name] ?? {};
  return typeof table === "object" ? withDefined(table, values) : table;
}

function withDefined(base: object, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return {
    ...base,
    ...Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)),
  };
}
