/**
 * Attacks over HTTP: by strangers without a token, by operators of one domain, by large documents, and by what is not
 * HTTP at all.
 *
 * @module
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { MessageType } from "../../src/wire/dhcpv4/codes.ts";
import { encodeFrames } from "../../src/wire/frames.ts";
import { startDatabaseProxy } from "../support/database-proxy.ts";
import { halfSentRequests, openConnection } from "../support/raw-connection.ts";
import { hasSqld, startSqld } from "../support/sqld.ts";
import { relayToken } from "../support/tokens.ts";
import type { Attack } from "./attack.ts";
import { domainOf, linkOf } from "./parts.ts";

/** Lists statuses with their counts: `200: 24, 503: 1`. */
function countStatuses(statuses: readonly number[]): string {
  const counts = new Map<number, number>();
  for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, count]) => `${status}: ${count}`).join(", ");
}

const strangers: Attack = {
  id: "T11",
  tried: "24 connections repeat GET /readyz, /docs and /openapi.json without a token; 2,000 lines",
  domains: [
    domainOf("11", {
      lines: Array.from({ length: 2000 }, (_, index) => ({
        linkAddress: "2001:db8:11:1::1",
        interfaceId: `ge-0/0/${index}`,
      })),
    }),
  ],
  run: async (field) => {
    let isOver = false;
    let requests = 0;
    const paths = ["/readyz", "/readyz", "/docs", "/openapi.json"];
    const flood = Promise.all(
      Array.from({ length: 24 }, async (_, connection) => {
        while (!isOver) {
          await (await field.http(paths[connection % paths.length]!)).arrayBuffer();
          requests++;
        }
      }),
    );
    // If the clients get nothing, the field is closed under this flood.
    flood.catch(() => undefined);
    let leases = 0;
    try {
      await field.until(() => requests >= 24);
      for (let number = 1; number <= 20; number++) {
        await field.client(number, { linkAddress: linkOf("11") }).lease();
        leases++;
      }
    } finally {
      isOver = true;
      await flood;
    }
    return {
      seen: `${requests} requests, ${leases} of 20 clients got a lease meanwhile`,
      held: leases === 20,
    };
  },
};

const guessing: Attack = {
  id: "T13",
  tried: "a stale relay repeats one token 100 times; 600 addresses behind a proxy guess 1,200 tokens",
  setup: { environment: { APPORTION_TRUSTED_PROXIES: "127.0.0.1/32" }, domains: [domainOf("13")] },
  run: async (field) => {
    const created = await field.admin("PUT", "/tokens/watcher", { scope: "read" });
    const secret = String(created.body.secret);
    const ask = async (token: string, address?: string): Promise<number> => {
      const forwarded = address === undefined ? {} : { "x-forwarded-for": address };
      const headers = { authorization: `Bearer ${token}`, ...forwarded };
      const response = await field.http("/admin/v1/domains", { headers });
      await response.arrayBuffer();
      return response.status;
    };
    const stale: number[] = [];
    for (let repeat = 0; repeat < 100; repeat++) stale.push(await ask("a-token-of-yesterday"));
    const guesses: number[] = [];
    for (let block = 0; block < 12; block++) {
      const addresses = Array.from({ length: 100 }, (_, index) => (block * 100 + index) % 600);
      const statuses = await Promise.all(
        addresses.map((address, index) =>
          ask(`guess-number-${block}-${index}`, `2001:db8:${address.toString(16)}::1`),
        ),
      );
      guesses.push(...statuses);
    }
    const good = [await ask(secret), await ask(secret, "2001:db8:1::1")];
    const limited = guesses.filter((status) => status === 429).length;
    const offer = await field.client(1, { linkAddress: linkOf("13") }).discover();
    return {
      seen:
        `repeated: ${countStatuses(stale)}; guessed: ${countStatuses(guesses)}; ` +
        `good token: ${good.join(", ")}; DHCP: ${offer?.type ?? "silence"}`,
      held:
        stale.every((status) => status === 401) &&
        limited > 0 &&
        good.every((status) => status === 200) &&
        offer?.type === "offer",
    };
  },
};

const foreignPrefix = "2001:db8:140::/48";
const foreignLine = { linkAddress: "2001:db8:141::1", interfaceId: "ge-0/0/1" };

const domainToken: Attack = {
  id: "T14",
  tried: "a token of one domain takes prefixes, lines and the default of others, by PATCH, PUT and /config",
  domains: [
    domainOf("14", { prefixes: ["2001:db8:14::/48", foreignPrefix], lines: [foreignLine] }),
    domainOf("14a", {
      pools: [{ name: "t14a", kind: "full", range: "198.18.114.0/28" }],
    }),
  ],
  run: async (field) => {
    const created = await field.admin("PUT", "/tokens/t14a", { scope: "admin", domain: "t14a" });
    const own = field.operator(String(created.body.secret));
    const changes = [
      { prefixes: [foreignPrefix] },
      { prefixes: ["::/0"] },
      { prefixes: ["2001:db8:14a::/48", "2001:db8:140:1::/64"] },
      { lines: [foreignLine] },
      { default: true },
    ];
    const statuses: number[] = [];
    const anyVersion = { "if-match": "*" };
    for (const change of changes) {
      statuses.push((await own("PATCH", "/domains/t14a", change)).status);
      const whole = { serverIdentifier: "198.51.100.1", prefixes: ["2001:db8:14a::/48"], ...change };
      statuses.push((await own("PUT", "/domains/t14a", whole, anyVersion)).status);
    }
    statuses.push((await own("PUT", "/config", { domains: [] })).status);
    const allowed = await own("PATCH", "/domains/t14a", { leaseSeconds: { default: 1800 } });
    await field.admin("DELETE", "/tokens/t14a");
    return {
      seen: `${statuses.length} changes: ${countStatuses(statuses)}; its own lease time: ${allowed.status}`,
      held: statuses.every((status) => status === 403) && allowed.status === 200,
    };
  },
};

const sameTwice: Attack = {
  id: "T15",
  tried:
    "a second domain with the prefix, the line or the default of another, written in other ways, and at once",
  domains: [
    domainOf("15", {
      prefixes: ["2001:db8:15::/48"],
      lines: [{ linkAddress: "2001:db8:151::1", interfaceId: "a" }],
    }),
  ],
  run: async (field) => {
    const put = (name: string, fields: object) =>
      field.admin("PUT", `/domains/${name}`, { serverIdentifier: "198.51.100.1", ...fields });
    const answers = [
      await put("copy-1", { prefixes: ["2001:db8:15::/48"] }),
      await put("copy-2", { prefixes: ["2001:0DB8:15:0::/48"] }),
      await put("copy-3", { lines: [{ linkAddress: "2001:DB8:151:0::1", interfaceId: "hex:61" }] }),
    ];
    const both = await Promise.all(
      ["copy-4", "copy-5"].map((name) => put(name, { prefixes: ["2001:db8:152::/48"] })),
    );
    for (const name of ["copy-1", "copy-2", "copy-3", "copy-4", "copy-5"]) {
      await field.admin("DELETE", `/domains/${name}`);
    }
    const areNamed = answers.every(({ body }) => JSON.stringify(body).includes("t15"));
    const created = both.filter(({ status }) => status === 201).length;
    return {
      seen:
        `${countStatuses(answers.map(({ status }) => status))}, the other is ${areNamed ? "" : "not "}named; ` +
        `at the same time: ${created} of 2 created`,
      held: answers.every(({ status }) => status === 409) && areNamed && created === 1,
    };
  },
};

const halfSent: Attack = {
  id: "T18",
  tried: "three half-sent requests and an idle connection, then SIGTERM",
  domains: [domainOf("18")],
  deadlineMs: 30_000,
  run: async (field) => {
    const halves = halfSentRequests(relayToken);
    const sockets = await Promise.all(halves.map((half) => openConnection(field.allocator.url, half)));
    await field.http("/healthz");
    const startMs = performance.now();
    const last = await field.allocator.stop();
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    for (const socket of sockets) socket.destroy();
    await field.restartAllocator();
    return { seen: `ended after ${seconds} s: ${String(last.msg)}`, held: last.msg === "allocator stopped" };
  },
};

/** Starts an HTTP server that answers everything in the same way. */
async function startImpostor(type: string, body: string): Promise<Server> {
  const server = createServer((_, response) => response.writeHead(200, { "content-type": type }).end(body));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

const noDatabase: Attack = {
  id: "T19",
  tried: "what answers for the database server: 200 with HTML, with nothing, with other JSON",
  missing: hasSqld ? undefined : "sqld",
  domains: [domainOf("19")],
  run: async (field) => {
    const sqld = await startSqld({ folder: join(field.folder, "sqld") });
    const seen: string[] = [];
    let held = true;
    try {
      for (const [what, type, body] of [
        ["HTML", "text/html", "<html>maintenance</html>"],
        ["nothing", "application/json", ""],
        ["other JSON", "application/json", '{"hello":"world"}'],
      ] as const) {
        const impostor = await startImpostor(type, body);
        const proxy = await startDatabaseProxy(sqld.port);
        const environment = { APPORTION_DATABASE_URL: proxy.url };
        const flags = ["--config", join(field.folder, "declared.json")];
        const allocator = await field.startAllocator({ flags, environment });
        proxy.redirect((impostor.address() as AddressInfo).port);
        const query = field.client(1, { linkAddress: linkOf("19") }).message(MessageType.discover, {});
        const response = await field.post(encodeFrames([query.datagram]), allocator);
        const retry = response.headers.get("retry-after");
        seen.push(`${what}: ${response.status}, Retry-After ${retry ?? "missing"}`);
        held &&= response.status === 503 && retry !== null;
        allocator.kill();
        await proxy.close();
        impostor.close();
        impostor.closeAllConnections();
      }
    } finally {
      await sqld.kill();
    }
    return { seen: seen.join("; "), held };
  },
};

const passwordInUrl: Attack = {
  id: "T20",
  tried: "a database URL with a password and a token, while the server is down, by variable and by flag",
  run: async (field) => {
    const server = await startImpostor("text/plain", "");
    const { port } = server.address() as AddressInfo;
    server.close();
    const urls = [
      `http://operator:s3cret@127.0.0.1:${port}`,
      `libsql://operator:s3cret@127.0.0.1:${port}?tls=0&authToken=s3cret`,
      `http://operator:s3cret@127.0.0.1:99999`,
    ];
    const outputs: string[] = [];
    const outcomes: string[] = [];
    for (const url of urls) {
      for (const [flags, environment] of [
        [[], { APPORTION_DATABASE_URL: url, APPORTION_DATABASE_TOKEN: "s3cret" }],
        [["--database", url], {}],
      ] as const) {
        const linesBefore = field.lines.length;
        const start = field.startAllocator({ flags, environment, readyMessage: waitingMessage });
        const output = await start.then(
          (allocator) => {
            allocator.kill();
            return "waits";
          },
          (error: unknown) => String(error),
        );
        outcomes.push(output.includes("exited with 1") ? "refused" : output);
        outputs.push(output, JSON.stringify(field.lines.slice(linesBefore)));
      }
    }
    const leaks = outputs.filter((output) => output.includes("s3cret")).length;
    return {
      seen: `${outcomes.length} starts: ${outcomes.join(", ")}; ${leaks} outputs with a secret`,
      held: leaks === 0 && outcomes.join() === "waits,waits,waits,waits,refused,refused",
    };
  },
};

/** What an allocator logs while its database server is away. */
const waitingMessage = "not serving yet: trying again in 5 s";

/** YAML of about this length that costs much more than its length if it is read carelessly. */
const heavyYaml = (octets: number): string[] => [
  `domains:\n${"  - name: [a, {b: c}]\n    x: 'y'\n".repeat(octets / 32)}`,
  `domains: ${"[".repeat(octets)}`,
  `domains:\n${"  - &a [1]\n  - *a\n".repeat(octets / 18)}`,
  Array.from({ length: octets / 9 }, (_, index) => `k${index}: 1\n`).join(""),
];

/** Each level of this YAML stands for nine of the level before: a billion values in 400 octets. */
const aliasesOfAliases = Array.from(
  { length: 10 },
  (_, level) =>
    `a${level}: &a${level} [${new Array(9).fill(level === 0 ? "x" : `*a${level - 1}`).join(", ")}]\n`,
).join("");

const heavyDocuments: readonly (readonly [type: string, path: string, body: string])[] = [
  ...[...heavyYaml(1_200_000), ...heavyYaml(120_000), aliasesOfAliases].map(
    (body) => ["application/yaml", "/config?dryRun=true", body] as const,
  ),
  ["application/json", "/config?dryRun=true", `{"domains":[${'{"name":1},'.repeat(100_000)}{}]}`],
  ["application/json", "/pools:plan", `{"reservedPorts":[${'"x",'.repeat(187_000)}"x"]}`],
  ["application/json", "/pools:plan", `{${Array.from({ length: 60_000 }, (_, n) => `"f${n}":1`).join(",")}}`],
];

const heavyRequests: Attack = {
  id: "T23",
  tried:
    "1.2 MB and 120 kB of YAML to /config, nested, with aliases, with many keys; 750 kB of errors to /pools:plan",
  // Where work is not bounded, the first of these takes 15 s.
  deadlineMs: 45_000,
  run: async (field) => {
    const statuses: number[] = [];
    let [longest, octets] = [0, 0];
    for (const [type, path, body] of heavyDocuments) {
      const pending = field.admin(path.startsWith("/config") ? "PUT" : "POST", path, body, {
        "content-type": type,
      });
      pending.catch(() => undefined);
      const startMs = performance.now();
      await (await field.http("/healthz")).arrayBuffer();
      const answer = await pending;
      longest = Math.max(longest, performance.now() - startMs);
      statuses.push(answer.status);
      octets = Math.max(octets, JSON.stringify(answer.body).length);
    }
    return {
      seen: `${countStatuses(statuses)}; longest ${(longest / 1000).toFixed(1)} s, largest answer ${Math.ceil(octets / 1000)} kB`,
      held: statuses.every((status) => status >= 400 && status < 500) && octets < 100_000,
    };
  },
};

const requestOf = (line: string, ...headers: string[]): string =>
  `${[line, ...headers, "Connection: close"].join("\r\n")}\r\n\r\n`;

const notHttp = [
  requestOf("GET /healthz HTTP/1.1", "Host: a b"),
  requestOf("GET /healthz HTTP/1.1", "Host: a:99999"),
  requestOf("GET /healthz HTTP/1.1"),
  requestOf("GET healthz HTTP/1.1", "Host: a"),
  "nonsense\r\n\r\n",
  requestOf("GET /healthz HTTP/9.9", "Host: a"),
  requestOf("POST /v1/relay HTTP/1.1", "Host: a", "Content-Length: 1", "Content-Length: 2"),
  requestOf("POST /v1/relay HTTP/1.1", "Host: a", "Content-Length: 1", "Transfer-Encoding: chunked"),
  requestOf("GET /healthz HTTP/1.1", "Host: a", `X-A: ${"a".repeat(20_000)}`),
  requestOf(`GET /${"a".repeat(20_000)} HTTP/1.1`, "Host: a"),
  requestOf("CONNECT example.net:443 HTTP/1.1", "Host: a"),
];

const unreadable: Attack = {
  id: "T24",
  tried:
    "bad Host, oversized headers, bad request lines, two lengths, other versions, CONNECT; the same with resets",
  run: async (field) => {
    const answers: string[] = [];
    for (const octets of notHttp) {
      const socket = await openConnection(field.allocator.url, octets);
      answers.push(await text(socket));
      socket.destroy();
      const reset = await openConnection(field.allocator.url, octets);
      reset.resetAndDestroy();
    }
    const alive = await field.http("/healthz");
    await alive.arrayBuffer();
    const problems = answers.filter(
      (answer) => answer.includes("application/problem+json") && answer.includes('"detail":"Cannot '),
    ).length;
    const statuses = answers.map((answer) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0));
    return {
      seen: `${countStatuses(statuses)}; ${problems} of ${answers.length} with a problem document; /healthz then: ${alive.status}`,
      held:
        alive.status === 200 &&
        problems === answers.length &&
        statuses.every((status) => status === 400 || status === 431),
    };
  },
};

/** Attacks over HTTP. */
export const httpAttacks: readonly Attack[] = [
  strangers,
  guessing,
  domainToken,
  sameTwice,
  halfSent,
  noDatabase,
  passwordInUrl,
  heavyRequests,
  unreadable,
];
