/**
 * Runs `apportion admin` against servers that are no allocators, that say nothing, or that send what nobody should print;
 * and with arguments that would lead to another resource.
 */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { commandLine } from "./support/command-line.ts";
import { temporaryFolder } from "./support/database.ts";

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** Starts a server. @returns Its URL, the requests that it got, and a function that runs `apportion admin` against it. */
async function serve(answer: Answer) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method!} ${request.url!}`);
    answer(response, request);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, asked, run: commandLine({ APPORTION_URL: url, APPORTION_ADMIN_TOKEN: "0123456789abcdef" }) };
}

const sends =
  (status: number, type: string | undefined, body: string): Answer =>
  (response) =>
    response.writeHead(status, type === undefined ? {} : { "content-type": type }).end(body);

/** Commands with answers of every kind. FILE stands for a file with an object. */
const commands = [
  ...["apply FILE", "plan FILE", "apply FILE --prune", "export", "tokens rotate a", "tokens put a FILE"],
  ...["pools list", "pools get a", "pools put a FILE", "pools plan FILE", "pools drain a", "pools delete a"],
  ...["--json leases list", "leases get 192.0.2.1-1", "leases release 192.0.2.1", "audit list"],
  ...["lookup 192.0.2.1 80 --at 2026-11-24T03:04:05Z", "statistics", "clock show", "clock accept 1"],
  ...["metrics", "bindings", "--json export", "domains release a"],
];

async function filled(command: string): Promise<string[]> {
  const file = join(await temporaryFolder(), "state.yaml");
  writeFileSync(file, "domains: []\n");
  return command.split(" ").map((word) => (word === "FILE" ? file : word));
}

const problem = "application/problem+json";

describe.each<[string, string, Answer]>([
  ["a web page", "text/html", sends(200, "text/html; charset=utf-8", "<p>Welcome</p>")],
  ["an empty answer", "no content type", sends(200, undefined, "")],
  ["an empty object", "application/json of another form", sends(200, "application/json", "{}")],
  ["a list", "application/json of another form", sends(200, "application/json", "[1,2]")],
  ["null", "application/json of another form", sends(200, "application/json", "null")],
  ["JSON without an end", "application/json that is no JSON", sends(200, "application/json", '{"a":')],
  [
    "a page of a proxy as JSON",
    "status 502 with application/json that is no JSON",
    sends(502, "application/json", "<p>"),
  ],
  ["a page of a login", "status 401 with text/html", sends(401, "text/html", "<p>")],
  [
    "a problem of another form",
    `status 400 with ${problem} of another form`,
    sends(400, problem, '{"detail":"x","errors":{}}'),
  ],
])("%s is no answer of an allocator", (_, found, answer) => {
  test.each(commands)("apportion admin %s", async (command) => {
    const { url, run } = await serve(answer);
    const { code, stdout, stderr } = await run(...(await filled(command)));
    // What is printed as text, and a deletion, are told by the headers.
    const type = /^(metrics|bindings|pools delete)/.test(command)
      ? found.replace(/^(application\/json) .*/, "$1").replace("no content type", ".*")
      : found;
    expect(stderr).toMatch(
      new RegExp(
        `^Cannot reach the allocator ${url}: found ${type.replaceAll("+", "\\+")}, expected the API of an allocator: correct --api or APPORTION_URL\n$`,
      ),
    );
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  });
});

test.each<[string, Answer]>([
  ["says nothing", () => undefined],
  [
    "stops in the middle",
    (response) => {
      response
        .writeHead(200, { "content-type": "application/json", "content-length": 99 })
        .write('{"items":');
    },
  ],
])("apportion admin ends when the server %s", async (_, answer) => {
  const { url, run } = await serve(answer);
  for (const command of ["pools list", "export", "apply FILE"]) {
    const ended = await run("--timeout", "0.1", ...(await filled(command)));
    expect(ended).toEqual({
      code: 3,
      stdout: "",
      stderr: `Cannot reach the allocator ${url}: found no answer in 0.1 s, expected one: see whether it runs, or raise --timeout\n`,
    });
  }
});

test("apportion admin ends when an answer has no end", async () => {
  const octets = Buffer.alloc(1024 * 1024, " ");
  const { run } = await serve((response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const more = (): void => {
      while (!response.destroyed && response.write(octets));
      response.once("drain", more);
    };
    more();
  });
  const { code, stderr } = await run("pools", "list");
  expect([code, stderr]).toEqual([3, expect.stringMatching(/found more than \d+ octets in one answer/)]);
});

test.each([
  ["pools delete ../domains/isp", "name"],
  ["reservations delete ../domains/isp", "name"],
  ["pools get ../config", "name"],
  ["pools get ", "name"],
  ["pools get demo-full#x", "name"],
  ["tokens rotate ..", "name"],
  ["domains release a/b", "name"],
  ["leases get ../config", "id"],
  ["leases get 192.0.2.1-x", "id"],
  ["leases release 192.0.2.1/../..", "id"],
  ["leases move 192.0.2.1-1 everywhere", "pair"],
  ["lookup 192.0.2.1 99999 --at 2026-11-24T03:04:05Z", "port"],
  ["lookup 192.0.2 80 --at 2026-11-24T03:04:05Z", "address"],
])("apportion admin %s: refused before any request", async (command, argument) => {
  const { asked, run } = await serve(sends(204, undefined, ""));
  const { code, stdout, stderr } = await run(...command.split(" "));
  expect([code, stdout, asked]).toEqual([2, "", []]);
  expect(stderr).toContain(`for argument '${argument}'`);
});

test.each([
  ["pools list --limit abc", "--limit"],
  ["pools list --limit NaN", "--limit"],
  ["pools list --limit 0", "--limit"],
  ["pools list --kind foo", "--kind"],
  ["pools list --draining yes", "--draining"],
  ["pools list --domain A", "--domain"],
  ["leases list --state free-ish", "--state"],
  ["leases list --expiresFrom tomorrow", "--expiresFrom"],
  ["audit list --resource poools", "--resource"],
  ["lookup 192.0.2.1 80 --at yesterday", "--at"],
  ["lookup 192.0.2.1 80 --at 2026-11-24T03:04:05Z --tolerance 9999", "--tolerance"],
  ["pools drain a --until tomorrow", "--until"],
  ["pools delete a --if-match a\nb", "--if-match"],
  ['pools delete a --if-match "é€"', "--if-match"],
  ["pools delete a --if-match 3", "--if-match"],
])("apportion admin %s: refused with the name of the flag", async (command, flag) => {
  const { asked, run } = await serve(sends(204, undefined, ""));
  const { code, stdout, stderr } = await run(...command.split(" "));
  expect([code, stdout, asked]).toEqual([2, "", []]);
  expect(stderr).toContain(`option '${flag} `);
});

test("apportion admin names flags and arguments, where the API names fields of a query", async () => {
  const faults = [
    { path: "?cursor", found: "x", expected: "a `next`" },
    { path: "?domain", found: "y", expected: "z" },
  ];
  const detail = "Cannot read the query: ?cursor: found x, expected a `next`, and 1 more";
  const { run } = await serve(sends(400, problem, JSON.stringify({ detail, errors: faults })));
  expect(await run("pools", "list", "--cursor", "x")).toEqual({
    code: 2,
    stdout: "",
    stderr: "Cannot use --cursor: found x, expected a `next`, and 1 more\n  --domain: found y, expected z\n",
  });
});

test("apportion admin shows control characters of names and errors, and does not send them to the terminal", async () => {
  const name = "a\u001b[2Jb\u009bc\u202ed";
  const page = JSON.stringify({ items: [{ name, domain: name }], next: null });
  const listed = await (await serve(sends(200, "application/json", page))).run("pools", "list");
  expect(listed.stdout).toContain("a\\u001b[2Jb\\u009bc\\u202ed");
  for (const control of "\u001b\u009b\u202e") expect(listed.stdout).not.toContain(control);
  const refusal = JSON.stringify({ detail: `Cannot find ${name}\nreally` });
  const refused = await (await serve(sends(404, problem, refusal))).run("pools", "get", "a");
  expect(refused.stderr).toBe("Cannot find a\\u001b[2Jb\\u009bc\\u202ed\\u000areally\n");
});
