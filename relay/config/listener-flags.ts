/**
 * Listeners on a command line: the short notation of what the file says in tables.
 *
 * @module
 */
import { InvalidArgumentError } from "commander";

/** A table `[[listeners]]` of the settings, whose values are yet to be checked. */
export interface ListenerInput {
  readonly interface?: string;
  readonly address?: string;
  readonly port?: string;
  readonly linkAddress?: string;
}

/**
 * Splits `[ADDRESS]:PORT` or `[ADDRESS]:PORT,link=LINK`, and adds it to those before.
 *
 * @throws {InvalidArgumentError} When it is not of this form.
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
 * Splits `NAME` or `NAME,link=LINK`, and adds it to those before.
 *
 * @throws {InvalidArgumentError} When it is not of this form.
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
