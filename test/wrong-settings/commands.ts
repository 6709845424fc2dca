/**
 * Wrong settings of the other commands.
 *
 * @module
 */
import { networkInterfaces } from "node:os";
import { migrateCommand } from "../../src/migrate-advice.ts";
import { admin, allocator, migrations, newer, notDatabase, usage } from "./rows.ts";
import type { Row } from "./rows.ts";

export const commandRows: readonly Row[] = [
  {
    command: "apportion migrate",
    line: `${usage} --database: found nothing, expected a value, here or in APPORTION_DATABASE_URL`,
  },
  {
    command: "apportion migrate --database file:FOLDER/text.db",
    line: `Cannot open the database file:FOLDER/text.db of --database: ${notDatabase}`,
  },
  {
    command: "apportion migrate --database file:FOLDER/text.db --url file:FOLDER/text.db",
    line: `${usage} --url: found an unknown flag, expected one that --help lists`,
  },
  {
    command: "apportion migrate --database data/a.db",
    line: "Cannot open the database of --database: found an invalid URL, expected https://…, http://… or libsql://…",
  },
  {
    command: "apportion migrate --database http://127.0.0.1:1",
    line: "Cannot open the database http://127.0.0.1:1/ of --database: found no answer (ECONNREFUSED), expected a libSQL server that runs at this URL",
    code: 3,
  },
  {
    command: "apportion migrate APPORTION_DATABASE_URL=file:FOLDER/newer.db",
    line: `Cannot use the database of APPORTION_DATABASE_URL: ${newer}`,
    code: 1,
  },
  {
    command: "apportion verify --database file:FOLDER/none.db",
    line: "Cannot open the database file:FOLDER/none.db of --database: found no file, expected a database: correct the path",
  },
  {
    command: "apportion verify --database file:FOLDER/empty.db",
    line: "Cannot open the database file:FOLDER/empty.db of --database: found an empty file, expected a database: correct the path",
  },
  {
    command: "apportion verify --database file:FOLDER/unmigrated.db",
    line: `Cannot use the database of --database: found a schema that lacks ${migrations} of ${migrations} migrations, expected all: run ${migrateCommand}`,
    code: 1,
  },
  {
    command: "apportion verify --database file:FOLDER/newer.db",
    line: `Cannot use the database of --database: ${newer}`,
    code: 1,
  },
  {
    command: "apportion verify --database file:FOLDER/whole.db --wire-log FOLDER/none.log",
    line: "Cannot read FOLDER/none.log: found no such file, expected a wire log",
  },
  {
    command: "apportion housekeeping --database file:FOLDER/none.db",
    line: "Cannot open the database file:FOLDER/none.db of --database: found no file, expected a database: correct the path",
  },
  {
    command: "apportion housekeeping APPORTION_DATABASE_URL=http://127.0.0.1:1",
    line: "Cannot open the database http://127.0.0.1:1/ of APPORTION_DATABASE_URL: found no answer (ECONNREFUSED), expected a libSQL server that runs at this URL",
    code: 3,
  },
  ...["migrate --database file:FOLDER/whole.db", "housekeeping --database file:FOLDER/whole.db"].flatMap(
    (command) => [
      {
        command: `apportion ${command} --token-file FOLDER/none`,
        line: `${usage} --token-file: found "FOLDER/none", expected a file that can be read (ENOENT)`,
      },
      {
        command: `apportion ${command} --token-file FOLDER/relay.token --token x`,
        line: `${usage} --token-file: found --token beside it, expected one of them`,
      },
    ],
  ),
  {
    command: "apportion admin --token-file FOLDER/folder domains list",
    line: `${usage} --token-file: found "FOLDER/folder", expected a file that can be read (EISDIR)`,
  },
  {
    command: "apportion admin --token-file FOLDER/two.token domains list",
    line: `${usage} --token-file: found "FOLDER/two.token", expected a file with one token`,
  },
  {
    command: "apportion admin --token x --token-file FOLDER/relay.token domains list",
    line: `${usage} --token-file: found --token beside it, expected one of them`,
  },
  {
    command: "apportion admin domains list",
    line: "Cannot call the API: found no token, expected --token-file, --token or APPORTION_ADMIN_TOKEN",
  },
  {
    command: `${admin} --api http://127.0.0.1:CLOSED domains list`,
    line: "Cannot reach the allocator http://127.0.0.1:CLOSED: found no answer (ECONNREFUSED), expected an allocator that runs: start it, or correct --api or APPORTION_URL",
    code: 3,
  },
  {
    command: `${admin} --api localhost:8467 domains list`,
    line: "Cannot call the API: found an invalid URL in --api or APPORTION_URL, expected http(s)://HOST[:PORT]",
  },
  {
    command: `${admin} --api http://127.0.0.1:CLOSED/admin/v1 pools list`,
    line: 'Cannot call the API: found "http://127.0.0.1:CLOSED/admin/v1" in --api, expected "http://127.0.0.1:CLOSED": the command adds the path of the API',
  },
  {
    command: `APPORTION_URL=https://a.example/lab/admin/v1/ ${admin} pools list`,
    line: 'Cannot call the API: found "https://a.example/lab/admin/v1/" in APPORTION_URL, expected "https://a.example/lab": the command adds the path of the API',
  },
  {
    command: `${admin} --api http://127.0.0.1:CLOSED/v1/relay metrics`,
    line: 'Cannot call the API: found "http://127.0.0.1:CLOSED/v1/relay" in --api, expected "http://127.0.0.1:CLOSED": the command adds the path of the API',
  },
  {
    command: `${admin} --api http://127.0.0.1:CLOSED?dryRun=true pools list`,
    line: 'Cannot call the API: found a query or a fragment in --api, expected "http://127.0.0.1:CLOSED": the command adds the path of the API',
  },
  {
    command: `${admin} domains put a FOLDER/none.yaml`,
    line: "Cannot read FOLDER/none.yaml: found no such file, expected JSON or YAML",
  },
  {
    command: `${admin} domans list`,
    line: `${usage} domans: found an unknown command, expected domains, or another that --help lists`,
  },
  {
    command: `APPORTION_ADMN_TOKEN=x ${admin} --api http://127.0.0.1:REFUSING domains list`,
    line: "warning: APPORTION_ADMN_TOKEN: found a variable that nothing reads, expected APPORTION_ADMIN_TOKEN?\nCannot reach the allocator http://127.0.0.1:REFUSING: found status 401 with no content type, expected the API of an allocator: correct --api or APPORTION_URL",
    code: 3,
  },
  {
    command: "apportion client lease --port 70000",
    line: `${usage} --port: found "70000", expected an integer from 1 to 65535`,
  },
  {
    command: "apportion client lease --server 192.0.2.1",
    line: `${usage} --server: found "192.0.2.1", expected an IPv6 address such as 2001:db8::1, or fe80::1%eth1`,
  },
  {
    command: "apportion client lease --server ff02::1:2 --interface none0",
    line: `Cannot use --interface none0: found no such interface, expected one that is up and has an address: ${Object.keys(networkInterfaces()).join(", ")}`,
  },
  {
    command: "apportion client lease --state=",
    line: `${usage} --state: found "", expected the path of a file`,
  },
  {
    command: "apportion client lease --state /proc/none/leases.json",
    line: "Cannot use --state /proc/none/leases.json: found no folder /proc/none (ENOENT), expected one: create it, or correct the path",
  },
  {
    command: "apportion client lease --state FOLDER/folder",
    line: "Cannot read --state FOLDER/folder: found a folder, expected a state file",
  },
];

/** What every command does about a flag that it does not have, a server that is away, and a file that is not there. */
export const everyCommand: readonly Row[] = [
  // `command-line.test.ts` tries all commands within its process.
  ...[
    "allocator",
    "relay status",
    "client lease",
    "load",
    "admin domains list",
    "check",
    "verify --database file:a.db",
    "housekeeping --database file:a.db",
  ].map((command) => ({
    command: `apportion ${command} --nonsense`,
    line: `${usage} --nonsense: found an unknown flag, expected one that --help lists`,
  })),
  {
    command: "apportion complete csh",
    line: `${usage} <shell>: found "csh", expected one of zsh, bash, fish, powershell`,
  },
  {
    command: "apportion verify --database http://127.0.0.1:1",
    line: "Cannot open the database http://127.0.0.1:1/ of --database: found no answer (ECONNREFUSED), expected a libSQL server that runs at this URL",
    code: 3,
  },
  {
    command: "apportion check FOLDER/nobody.yaml --database http://127.0.0.1:1",
    line: "FOLDER/nobody.yaml:2: domains.0.pools: found nothing, expected this field",
  },
  {
    command: "apportion client lease --port 9 --timeout 1 --state FOLDER/leases.json",
    line: "No offer from ::1 port 9 in 1 s: sent 1 query",
    code: 3,
  },
  ...["start --http 127.0.0.1:0 --listen [::1]:0", "migrate --database file:FOLDER/whole.db"].map(
    (command) => ({
      command: `apportion ${command} --config FOLDER/none.yaml`,
      line: "Cannot read FOLDER/none.yaml: found no such file, expected a declared state",
    }),
  ),
  {
    command: `${allocator} --database file:FOLDER/whole.db --config FOLDER/none.yaml`,
    line: "Cannot read FOLDER/none.yaml: found no such file, expected a declared state",
  },
  ...["plan", "apply"].map((command) => ({
    command: `${admin} ${command} FOLDER/none.yaml`,
    line: "Cannot read FOLDER/none.yaml: found no such file, expected JSON or YAML",
  })),
];
