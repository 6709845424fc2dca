/**
 * The forms of arguments and filters of `apportion admin`: impossible values are refused before a request is made.
 *
 * @module
 */
import { Option } from "commander";
import type { Command } from "commander";
import * as v from "valibot";
import { parseDate } from "../../declaration/dates.ts";
import { nameSchema } from "../../declaration/schema-parts.ts";
import { slotStates } from "../../store/evidence/slot-state.ts";
import { parseIPv4 } from "../../wire/ipv4-address.ts";
import { parseIPv6 } from "../../wire/ipv6-address.ts";
import { parseWholeNumber } from "../../wire/number.ts";
import { argument, integer, textIn } from "../argument-parsers.ts";

/** A pair as the command line has it: the PSID is null in a full pool. */
export interface Pair {
  readonly address: string;
  readonly psid: number | null;
}

/**
 * Parses the id of a lease, which is its pair.
 *
 * @param text `ADDRESS-PSID`, or `ADDRESS` in a full pool.
 * @throws {SyntaxError} When the text has another form.
 */
export function parsePair(text: string): Pair {
  const [, address = "", psid] = /^([^-]*)(?:-(\d+))?$/.exec(text) ?? [];
  parseIPv4(address);
  return { address, psid: psid === undefined ? null : parseWholeNumber(psid, 0, 0xffff) };
}

const name = textIn((text) => v.parse(nameSchema, text), "a name: 1 to 63 of a-z, 0-9, '-' and '.'");
const pair = textIn(parsePair, "ADDRESS-PSID, or ADDRESS in a full pool");
const ipv4 = textIn(parseIPv4, "an IPv4 address such as 192.0.2.18");
const port = textIn((text) => parseWholeNumber(text, 0, 65_535), "a port from 0 to 65535");

/** A time in RFC 3339 format. */
export const date = textIn(parseDate, "a time with a time zone, such as 2026-11-24T03:04:05Z");

/** A whole number within bounds, which the API takes as text. */
export const wholeNumber = (min: number, max: number): ((text: string) => string) =>
  textIn(integer(min, max), `an integer from ${min} to ${max}`);

/** By the name of the argument. */
const checks: Readonly<Record<string, (text: string) => string>> = {
  name,
  id: pair,
  pair,
  address: ipv4,
  port,
};

/** Makes all commands check their arguments. */
export function checkArguments(command: Command): void {
  for (const argument of command.registeredArguments) {
    const check = checks[argument.name()];
    if (check !== undefined) argument.argParser(check);
  }
  for (const each of command.commands) checkArguments(each);
}

/** A filter of a list. */
export interface Filter {
  /** What it selects. */
  readonly what: string;
  readonly choices?: readonly string[];
  /** Checks a value. Default: the API does. */
  readonly check?: (text: string) => string;
}

export const inDomain: Filter = { what: "only of this domain", check: name };
export const inPool: Filter = { what: "only of this pool", check: name };
export const withAddress = (what: string): Filter => ({ what, check: ipv4 });
export const withPort = (what: string): Filter => ({ what, check: port });
export const withTime = (what: string): Filter => ({ what, check: date });
export const withIPv6 = (what: string): Filter => ({
  what,
  check: textIn(parseIPv6, "an IPv6 address such as 2001:db8::1"),
});
export const inState: Filter = { what: "only in this state", choices: slotStates };

/** The kinds of the audit log. */
const auditKinds: readonly string[] = ["domain", "pool", "reservation", "token", "lease", "clock"];
export const ofAuditKind: Filter = {
  what: "only changes of this kind of resource",
  choices: auditKinds,
  check: argument(
    (text) => {
      // The commands have the kinds in the plural: `pools` means the same.
      const kind = text.replace(/s$/, "");
      if (!auditKinds.includes(kind)) throw new RangeError("unknown");
      return kind;
    },
    `one of ${auditKinds.join(", ")}`,
  ),
};

/** Creates the flag of a filter. */
export function filterOption(field: string, { what, choices, check }: Filter): Option {
  const option = new Option(`--${field} <value>`, what);
  if (choices !== undefined) option.choices(choices);
  return check === undefined ? option : option.argParser(check);
}
