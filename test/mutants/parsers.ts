/**
 * Guards of the parsers that are broken: what they read, and what they refuse on purpose.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const wireTests = ["src/wire/parsers.test.ts"];
const declarationTests = ["src/declaration/canonical.test.ts"];
const allTests = ["test/parsers.test.ts"];
const date = "src/wire/date.ts";
const usable = "src/declaration/usable-addresses.ts";
const settings = "src/declaration/domain-settings.ts";
const options = "src/declaration/dhcp-options.ts";
const text = "src/declaration/declaration-text.ts";
const databaseUrl = "src/store/database/database-url.ts";

const mutant = (
  rule: string,
  name: string,
  file: string,
  search: string,
  replacement: string,
  tests: readonly string[],
): Mutant => ({ name, rules: [rule], file, search, replacement, tests });

export const parserMutants: readonly Mutant[] = [
  mutant(
    "E8",
    "unknown-query-fields-ignored",
    "src/http/admin/validation.ts",
    "if (field !== undefined) {",
    'if (field === "") {',
    ["src/http/admin/unknown-fields.test.ts"],
  ),
  mutant(
    "E1",
    "any-day-of-a-month",
    date,
    " && isDay(Number(year), Number(month), Number(day))",
    "",
    wireTests,
  ),
  mutant("E1", "midnight-of-24", date, "T((?:[01]\\d|2[0-3]):", "T((?:[01]\\d|2[0-4]):", wireTests),
  mutant(
    "E1",
    "number-with-leading-zeros",
    "src/wire/number.ts",
    "/^(0|-?[1-9]\\d{0,15})$/",
    "/^-?\\d{1,16}$/",
    wireTests,
  ),
  mutant(
    "E11",
    "texts-stay-as-written",
    "src/declaration/schema-parts.ts",
    "v.rawTransform(({ dataset }) => format(parse(dataset.value))),",
    "v.rawTransform(({ dataset }) => dataset.value),",
    declarationTests,
  ),
  mutant(
    "E11",
    "stored-lines-stay-as-written",
    "src/store/configuration/declared.ts",
    "interfaceId: canonicalInterfaceId(interfaceId),",
    "interfaceId,",
    allTests,
  ),
  mutant(
    "E12",
    "pool-of-no-hosts",
    usable,
    "firstAddress <= each.lastAddress && lastAddress",
    "lastAddress < 0 && lastAddress",
    declarationTests,
  ),
  mutant(
    "E12",
    "mapped-addresses-are-global",
    usable,
    '  [isMapped, "IPv4-mapped"],\n',
    "",
    declarationTests,
  ),
  mutant(
    "E12",
    "pool-takes-its-server",
    "src/store/configuration/pool-put.ts",
    "server !== undefined && rangeContains(",
    "server === null && rangeContains(",
    allTests,
  ),
  mutant(
    "E12",
    "server-moves-into-its-pool",
    "src/store/configuration/domain-changes.ts",
    "          notExists(selectPoolsWithServer(writer, stored, settings)),\n",
    "",
    allTests,
  ),
  mutant(
    "E12",
    "old-addresses-are-not-told",
    "src/store/evidence/verify.ts",
    "  faults.push(...unusable.slice(",
    "  void (unusable.slice(",
    allTests,
  ),
  mutant(
    "E12",
    "border-relay-twice",
    settings,
    "if (twice === undefined)",
    "if (twice !== null)",
    declarationTests,
  ),
  mutant("E12", "site-local-border-relay", usable, "  [isSiteLocal, ", "  [isMulticast, ", declarationTests),
  mutant(
    "E12",
    "compatible-border-relay",
    usable,
    "  [isIPv4Compatible, ",
    "  [isMulticast, ",
    declarationTests,
  ),
  mutant(
    "E13",
    "one-code-twice",
    options,
    "if (twice !== undefined) addIssue",
    "if (twice === -1) addIssue",
    declarationTests,
  ),
  mutant(
    "E13",
    "relay-information-is-configured",
    options,
    '  [82, "a relay sets (RFC 3046)"],\n',
    "",
    declarationTests,
  ),
  mutant("E13", "portal-with-spaces", options, 'text.includes(" ")', 'text === " "', declarationTests),
  mutant(
    "E13",
    "portal-of-any-scheme",
    options,
    "/^https?:$/.test(protocol)",
    "protocol !== null",
    declarationTests,
  ),
  mutant(
    "E16",
    "path-is-not-decoded",
    databaseUrl,
    "return decodeURIComponent(path);",
    "return path;",
    allTests,
  ),
  mutant(
    "E16",
    "any-host-has-the-file",
    databaseUrl,
    '!["", "localhost"].includes(authority.toLowerCase())',
    "authority.length < 0",
    allTests,
  ),
  mutant(
    "E16",
    "former-database-is-replaced",
    "src/store/database/file.ts",
    "|| existsSync(path)) return;",
    "|| path) return;",
    allTests,
  ),
  mutant(
    "E16",
    "file-by-its-path",
    "src/store/store.ts",
    "identifyFile(filePathOf(url))",
    "identifyFile(url)",
    allTests,
  ),
  mutant(
    "E16",
    "new-file-by-its-path",
    "src/store/store.ts",
    "opened.set(keyOf(each.url), database);",
    "opened.set(databaseKey(each.url), database);",
    allTests,
  ),
  mutant(
    "E17",
    "mark-is-read",
    "src/byte-order-mark.ts",
    'text.startsWith("\\ufeff") ? text.slice(1) : text',
    "text",
    allTests,
  ),
  mutant(
    "E17",
    "yaml-for-new-readers-only",
    text,
    'new Document(value, { compat: "yaml-1.1" })',
    "new Document(value)",
    declarationTests,
  ),
  mutant(
    "E18",
    "empty-variables-are-set",
    "src/environment.ts",
    'filter(([, value]) => value !== "")',
    "slice()",
    allTests,
  ),
  mutant(
    "E18",
    "process-keeps-empty-variables",
    "src/environment.ts",
    "Reflect.deleteProperty(environment, name)",
    "Reflect.has(environment, name)",
    allTests,
  ),
];
