/**
 * Parsers of the values of flags: a refusal says what was expected.
 *
 * @module
 */
import { InvalidArgumentError } from "commander";
import { parseDecimalNumber, parseWholeNumber } from "../wire/number.ts";

/** Turns a parser that throws into that of a flag, whose error message says what was expected. */
export function argument<T>(parse: (text: string) => T, expected: string): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch {
      throw new InvalidArgumentError(`Expected ${expected}.`);
    }
  };
}

/** A whole number within bounds. */
export const integer = (min: number, max: number): ((text: string) => number) =>
  argument((text) => parseWholeNumber(text, min, max), `an integer from ${min} to ${max}`);

/** A number within bounds that may have decimals. */
export const decimal = (min: number, max: number): ((text: string) => number) =>
  argument((text) => parseDecimalNumber(text, min, max), `a number from ${min} to ${max}`);

/** Text that must have a form, and is used as it was written. */
export const textIn = (parse: (text: string) => unknown, expected: string): ((text: string) => string) =>
  argument((text) => {
    parse(text);
    return text;
  }, expected);

/** The path of a file. An empty one is a variable of a script that was not set. */
export const path = textIn((text) => {
  if (text === "") throw new RangeError("empty");
}, "the path of a file");
