/**
 * Mutants of the connection to a database server: its secrets, and what answers in its place.
 *
 * @module
 */
import type { Mutant } from "../mutant.ts";

const server = "src/store/database/server.ts";
const address = "src/store/database/server-address.ts";
const failures = ["test/server-failures.test.ts"];
const addresses = ["src/store/database/server-address.test.ts"];
const secrets = ["test/secrets.test.ts"];

export const serverMutants: readonly Mutant[] = [
  {
    name: "server-answers-without-columns",
    rules: ["T19"],
    file: server,
    search: "results.some(({ columns }) => columns.length === 0)",
    replacement: "results.length < 0",
    tests: failures,
  },
  {
    name: "server-errors-of-any-length",
    rules: ["T19"],
    file: server,
    search: "message.length <= databaseErrorCharactersMax",
    replacement: "message.length >= 0",
    tests: failures,
  },
  {
    name: "password-stays-in-url",
    rules: ["T20"],
    file: address,
    search: "`${protocol}//${host}${pathname}",
    replacement: "`${protocol}//${username}:${password}@${host}${pathname}",
    tests: addresses,
  },
  {
    name: "password-is-not-sent",
    rules: ["T20"],
    file: address,
    search: '(username === "" && password === "" ? undefined : basic(username, password))',
    replacement: "undefined",
    tests: addresses,
  },
  {
    name: "password-in-a-path",
    rules: ["T20"],
    file: address,
    search: 'pathname.includes("@") || hash !== ""',
    replacement: "false",
    tests: addresses,
  },
  {
    name: "unknown-query-parameter-shown",
    rules: ["T20"],
    file: address,
    search: '.some((key) => key !== "authToken" && key !== "tls")',
    replacement: ".some((key) => key === text)",
    tests: addresses,
  },
  {
    name: "token-in-an-error-of-headers",
    rules: ["T20"],
    file: address,
    search: "if (/^[\\x21-\\x7e]+$/.test(trimmed)) return",
    replacement: "if (trimmed.length > 0) return",
    tests: addresses,
  },
  {
    name: "help-shows-the-database",
    rules: ["T20"],
    file: "src/cli/database-options.ts",
    search: '.env("APPORTION_DATABASE_URL")',
    replacement: ".default(process.env.APPORTION_DATABASE_URL)",
    tests: secrets,
  },
  {
    name: "admin-url-in-an-error",
    rules: ["T20"],
    file: "src/cli/admin/runner.ts",
    search: 'if (username !== "" || password !== "") {',
    replacement: 'if (username !== "" && password === secret) {',
    tests: secrets,
  },
  {
    name: "admin-token-in-an-error",
    rules: ["T20"],
    file: "src/cli/admin/runner.ts",
    search: "if (!/^[\\x21-\\x7e]+$/.test(secret)) {",
    replacement: 'if (secret === "") {',
    tests: secrets,
  },
];
