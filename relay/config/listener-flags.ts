/**
 * Listeners on the command line: a short notation for the `[[listeners]]` tables of the file.
 *
 * @module
 */
import { InvalidArgumentError } from "commander";

/** A `[[listeners]]` table of the settings, with unchecked values. */
export interface ListenerInput {
  readonly interface?: string;
  readonly address?: string;
  readonly port?: string;
  readonly linkAddress?: string;
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
