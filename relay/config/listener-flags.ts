/**
 * Listeners on the command line: a short notation for the `[[listeners]]` tables of the file.
 *
 * @module
 */
import { InvalidArgumentError, Option } from "commander";
import { defaultRelayEndpoint } from "../../src/defaults.ts";

/** A `[[listeners]]` table of the settings, with unchecked values. */
export interface ListenerInput {
  readonly interface?: string;
  readonly address?: string;
  readonly port?: string;
  readonly linkAddress?: string;
}

/** Creates `--listen`. */
export function listenOption(): Option {
  return new Option(
    "--listen <[address]:port[,link=LINK]>",
    "UDP address and port that the relay listens on; may be repeated",
  )
    .argParser(collectListen)
    .default(undefined, defaultRelayEndpoint);
}

/** Creates `--interface`. */
export function interfaceOption(): Option {
  return new Option(
    "--interface <name[,link=LINK]>",
    "interface that the relay serves by multicast, on port 547; may be repeated",
  ).argParser(collectInterface);
}

/** The flags, as they were given. */
interface ListenerFlags {
  readonly listen?: readonly ListenerInput[] | undefined;
  readonly interface?: readonly ListenerInput[] | undefined;
}

/**
 * Joins the listeners of both flags.
 *
 * @returns Undefined if neither flag was given.
 */
export function listenersOf({ listen, interface: interfaces }: ListenerFlags): ListenerInput[] | undefined {
  if (listen === undefined && interfaces === undefined) return undefined;
  return [...(listen ?? []), ...(interfaces ?? [])];
}

/**
 * Names the flag that a setting comes from.
 *
 * @param path Path of the setting, such as `listeners.0.port`.
 * @returns Undefined if the setting comes from neither flag.
 */
export function listenerFlagOf(path: string, flags: ListenerFlags): string | undefined {
  const number = /^listeners\.(\d+)/.exec(path)?.[1];
  if (number === undefined || listenersOf(flags) === undefined) return undefined;
  return Number(number) < (flags.listen ?? []).length ? "--listen" : "--interface";
}

/**
 * Splits `[ADDRESS]:PORT` or `[ADDRESS]:PORT,link=LINK`, and appends it to the earlier listeners.
 *
 * @throws {InvalidArgumentError} If the text does not have this form.
 */
export function collectListen(text: string, before: readonly ListenerInput[] = []): ListenerInput[] {
  const { what, link } = splitLink(text);
  const [, address, port] = /^\[([^\]]+)\]:(\d{1,5})$/.exec(what) ?? [];
  if (address === undefined || port === undefined) {
    throw new InvalidArgumentError('Expected "[ADDRESS]:PORT" or "[ADDRESS]:PORT,link=ADDRESS".');
  }
  return [...before, { address, port, ...link }];
}

/**
 * Splits `NAME` or `NAME,link=LINK`, and appends it to the earlier listeners.
 *
 * @throws {InvalidArgumentError} If the text does not have this form.
 */
export function collectInterface(text: string, before: readonly ListenerInput[] = []): ListenerInput[] {
  const { what, link } = splitLink(text);
  return [...before, { interface: what, ...link }];
}

function splitLink(text: string): {
  readonly what: string;
  readonly link: Pick<ListenerInput, "linkAddress">;
} {
  const [what, option, ...more] = text.split(",") as [string, string?, ...string[]];
  if (option === undefined) return { what, link: {} };
  const linkAddress = /^link=(.+)$/.exec(option)?.[1];
  if (linkAddress === undefined || more.length > 0) {
    throw new InvalidArgumentError(`Expected nothing or ",link=ADDRESS" after "${what}".`);
  }
  return { what, link: { linkAddress } };
}
