/**
 * Flags of the commands that send to a DHCP 4o6 server or relay: its address and port, and the interface to send from.
 *
 * @module
 */
import { networkInterfaces } from "node:os";
import type { Command } from "commander";
import { defaultRelay } from "../defaults.ts";
import { UsageError } from "../failure.ts";
import { isLinkLocal, isMulticast, parseIPv6 } from "../wire/ipv6-address.ts";
import { argument, integer } from "./argument-parsers.ts";

/** The flags, as commander parses them. */
export interface ServerFlags {
  /** IPv6 address as text, with or without `%zone`. */
  readonly server: string;
  readonly port: number;
  readonly interface?: string;
}

/** Where to send to. */
export interface ServerTarget {
  /** IPv6 address as text, without a zone. */
  readonly server: string;
  /** UDP port: 1..65535. */
  readonly port: number;
  /** The interface to send from; undefined lets the system choose. */
  readonly interfaceName: string | undefined;
}

/** The address stays text, because sockets take it as text. */
const serverAddress = argument((text) => {
  const [, address, zone] = /^([^%]*)(?:%(.+))?$/.exec(text) ?? [];
  parseIPv6(address ?? "");
  return zone === undefined ? address! : text;
}, "an IPv6 address such as 2001:db8::1, or fe80::1%eth1");

/** Adds `--server`, `--port` and `--interface`. */
export function addServerOptions(command: Command): Command {
  return command
    .option(
      "--server <address>",
      "IPv6 address of the server or relay, or a multicast group",
      serverAddress,
      defaultRelay.address,
    )
    .option(
      "--port <port>",
      "UDP port of the server or relay; 547 outside a demo",
      integer(1, 65_535),
      defaultRelay.port,
    )
    .option("--interface <name>", "interface to send from; required for multicast and link-local addresses");
}

/**
 * Finds out where to send to.
 *
 * @param interfaces Names of the interfaces of this host. Default: those that are up and have an address.
 * @throws {UsageError} When there is no such interface, or the address needs one and none is named.
 */
export function serverTargetOf(
  flags: ServerFlags,
  interfaces: readonly string[] = Object.keys(networkInterfaces()),
): ServerTarget {
  const [server, zone] = flags.server.split("%", 2) as [string, string?];
  const interfaceName = flags.interface ?? zone;
  const usable = interfaces.join(", ");
  if (zone !== undefined && interfaceName !== zone) {
    throw new UsageError(
      `Cannot use --interface ${interfaceName!}: found --server ${flags.server} beside it, expected the same interface`,
    );
  }
  if (interfaceName !== undefined && !interfaces.includes(interfaceName)) {
    const setting = zone === undefined ? `--interface ${interfaceName}` : `--server ${flags.server}`;
    throw new UsageError(
      `Cannot use ${setting}: found no such interface, expected one that is up and has an address: ${usable}`,
    );
  }
  const address = parseIPv6(server);
  if (interfaceName === undefined && (isMulticast(address) || isLinkLocal(address))) {
    throw new UsageError(
      `Cannot use --server ${server}: found no --interface, and no %INTERFACE after the address, expected one for a ` +
        `multicast or link-local address: ${usable}`,
    );
  }
  return { server, port: flags.port, interfaceName };
}
