/**
 * Faults of a schema in the words of our own messages: "found X, expected Y".
 *
 * @module
 */

/** The fields of an issue of valibot that have the words. */
export interface SchemaFault {
  readonly message: string;
  readonly received?: unknown;
  readonly expected?: unknown;
}

/** A fault of a declared state. */
export interface DeclarationFault extends SchemaFault {
  /** Names and indexes of the field. */
  readonly path: readonly PropertyKey[];
}

/** What people call the types that valibot names. */
const typeNames: Readonly<Record<string, string>> = {
  Object: "an object",
  Array: "a list",
  string: "text",
  boolean: "true or false",
  number: "a number",
};

/**
 * Says what was expected.
 *
 * @param fault A fault whose message is valibot's or our own.
 * @returns What our own message says after "expected", or the expectation of the schema in words.
 */
export function expectationOf({ message, expected, received }: SchemaFault): string {
  const expectation = /\bexpected (.+)$/s.exec(message)?.[1];
  if (expectation !== undefined) return expectation;
  if (expected === "never") return "no field of this name";
  if (typeof expected !== "string") {
    const kind = /^Invalid ([^:]+): Received/.exec(message)?.[1];
    if (kind === undefined) return message;
    return kind === "integer" ? "a whole number" : `a valid ${kind}`;
  }
  if (message.startsWith("Invalid key") && received === "undefined") return "this field";
  if (expected.includes('"')) return expected;
  return expected
    .replaceAll(/[()]/g, "")
    .replaceAll(" | ", " or ")
    .replaceAll(/\b(Object|Array|string|boolean|number)\b/g, (type) => typeNames[type]!);
}

/**
 * Describes a fault of a file.
 *
 * @returns Our own message without what was attempted, with the text that was found if it lacks it, and one of valibot as "found X,
 *   expected Y".
 */
export function describeFault(fault: SchemaFault): string {
  const isText = typeof fault.received === "string" && fault.received.startsWith('"');
  if (isText && fault.message.startsWith("expected ")) return `found ${fault.received}, ${fault.message}`;
  // The path says what was parsed.
  if (!/^Invalid .*Expected .* but received /s.test(fault.message))
    return fault.message.replace(/^Cannot parse [^:"]+: (?=found )/, "");
  const received = fault.received === "undefined" ? "nothing" : String(fault.received);
  const found = fault.message.startsWith("Invalid length") ? `length ${received}` : received;
  return `found ${found}, expected ${expectationOf(fault)}`;
}
