/**
 * Wrong settings of `start` and `allocator`.
 *
 * @module
 */
import {
  allocator,
  databaseUrls,
  listenForm,
  newer,
  noListenPort,
  notDatabase,
  start,
  usage,
} from "./rows.ts";
import type { Row } from "./rows.ts";

export const allocatorRows: readonly Row[] = [
  {
    command: `${start} --database file:FOLDER/a1.db --http 127.0.0.1:TCP`,
    line: "Cannot listen for HTTP on 127.0.0.1:TCP of --http: found it in use (EADDRINUSE), expected a port that no other process uses: end that one, or choose another port",
    code: 1,
  },
  {
    command: `${allocator} --database file:FOLDER/a2.db --http 192.0.2.77:1`,
    line: "Cannot listen for HTTP on 192.0.2.77:1 of --http: found an address that this host does not have (EADDRNOTAVAIL), expected one of its own",
    code: 1,
  },
  {
    command: "apportion start --http 127.0.0.1:70000",
    line: `${usage} --http: found "127.0.0.1:70000", ${listenForm}`,
  },
  ...["65536", "abc"].flatMap((port) => [
    {
      command: `apportion start --http 127.0.0.1:${port}`,
      line: `${usage} --http: found "127.0.0.1:${port}", ${listenForm}`,
    },
    {
      command: `${allocator} --http 127.0.0.1:${port}`,
      line: `${usage} --http: found "127.0.0.1:${port}", ${listenForm}`,
    },
  ]),
  { command: `${start} --listen [::1]:abc`, line: noListenPort },
  {
    command: `${start} --listen [::1]:70000`,
    line: 'Cannot configure the relay: --listen: found "70000", expected a whole number of 0 to 65535',
  },
  {
    command: `${start} --database file:FOLDER/text.db`,
    line: `Cannot open the database file:FOLDER/text.db of --database: ${notDatabase}`,
  },
  {
    command: `${start} --database file:FOLDER/folder`,
    line: "Cannot open the database file:FOLDER/folder of --database: found a folder, expected a file, or a name that is free",
  },
  {
    command: `${start} --database file:FOLDER/text.db/a.db`,
    line: "Cannot open the database file:FOLDER/text.db/a.db of --database: found a file in the place of the folder FOLDER/text.db, expected a folder",
  },
  {
    command: `${allocator} --database file:FOLDER/foldr/a.db`,
    line: "Cannot open the database file:FOLDER/foldr/a.db of --database: found no folder FOLDER/foldr, expected it to exist: create it, or correct the path",
  },
  {
    command: `${allocator} APPORTION_DATABASE_URL=file:FOLDER/newer.db`,
    line: `Cannot use the database of APPORTION_DATABASE_URL: ${newer}`,
    code: 1,
  },
  {
    command: `${allocator} --database http://127.0.0.1:REFUSING`,
    line: "Cannot open the database http://127.0.0.1:REFUSING/ of --database: found status 401, expected a token that the server accepts, in APPORTION_DATABASE_TOKEN",
    code: 1,
  },
  {
    command: `${allocator} --database http://127.0.0.1:FAILING`,
    line: "Cannot open the database http://127.0.0.1:FAILING/ of --database: found status 500, expected a libSQL server at this URL",
    code: 3,
  },
  {
    command: `${start} --databse x`,
    line: `${usage} --databse: found an unknown flag, expected --database, or another that --help lists`,
  },
  {
    command: "apportion strat",
    line: `${usage} strat: found an unknown command, expected start, or another that --help lists`,
  },
  {
    command: `${start} --database file:FOLDER/a3.db LOG_LEVEL=loud`,
    line: 'Cannot read the command line: LOG_LEVEL: found "loud", expected one of debug, info, warn, error, silent',
  },
  {
    command: `${start} --database file:FOLDER/a4.db APPORTION_ADMIN_TOKEN=short`,
    line: "Cannot start: APPORTION_ADMIN_TOKEN: found an invalid value, expected at least 16 characters",
  },
  {
    command: `${start} --config FOLDER/none.yaml`,
    line: "Cannot read FOLDER/none.yaml: found no such file, expected a declared state",
  },
  {
    command: `${start} --config FOLDER/folder`,
    line: "Cannot read FOLDER/folder: found a folder, expected a declared state",
  },
  {
    command: `${start} --config FOLDER/unknown.yaml`,
    line: 'Cannot read FOLDER/unknown.yaml: line 5: domains.0.colour: found "colour", expected no field of this name',
  },
  {
    command: `${start} --config FOLDER/unknown.json`,
    line: 'Cannot read FOLDER/unknown.json: line 3: colour: found "colour", expected no field of this name',
  },
  {
    command: `${start} --config FOLDER/broken.json`,
    line: "Cannot read FOLDER/broken.json: found no JSON (Unexpected end of JSON input), expected JSON, or YAML in a file whose name ends in .yaml or .yml",
  },
  {
    command: `${start} --config FOLDER/state.toml`,
    line: `Cannot read FOLDER/state.toml: found no JSON (Unexpected token 'd', "domains = [] " is not valid JSON), expected JSON, or YAML in a file whose name ends in .yaml or .yml`,
  },
  {
    command: `${start} --config FOLDER/nothing.yaml`,
    line: "Cannot read FOLDER/nothing.yaml: (top level): found null, expected an object",
  },
  {
    command: `${start} --config FOLDER/nobody.yaml`,
    line: "Cannot read FOLDER/nobody.yaml: line 2: domains.0.pools: found nothing, expected this field",
  },
  {
    command: `${start} --config FOLDER/types.yaml`,
    line: 'Cannot read FOLDER/types.yaml: line 3: domains.0.prefixes: found "2001:db8::/32", expected a list',
  },
  {
    command: "apportion allocator APPORTION_DATABASE_URL=file:a.db",
    line: "Cannot configure the allocator: APPORTION_RELAY_TOKEN: found nothing, expected the secret that the relays present",
  },
  {
    command: "apportion allocator APPORTION_DATABASE_URL=file:a.db APPORTION_RELAY_TOKEN=short",
    line: "Cannot configure the allocator: APPORTION_RELAY_TOKEN: found an invalid value, expected at least 16 characters",
  },
  {
    command: allocator,
    line: 'Cannot configure the allocator: APPORTION_DATABASE_URL: found nothing, expected "file:PATH", "https://…", "http://…" or "libsql://…"',
  },
  {
    command: `${allocator} --database data/a.db`,
    line: `Cannot configure the allocator: --database: found an invalid value, ${databaseUrls}`,
  },
  {
    command: `${allocator} --database ftp://a`,
    line: `Cannot configure the allocator: --database: found an invalid value, ${databaseUrls}`,
  },
  {
    command: `${allocator} --database file:a.db APPORTION_PLACEMENTS=none`,
    line: 'Cannot configure the allocator: APPORTION_PLACEMENTS: found an invalid value, expected JSON: {"DOMAIN": {"url": …, "token": …}}',
  },
  {
    command: `${allocator} --database file:a.db APPORTION_HISTORY_DAYS=many`,
    line: `${usage} APPORTION_HISTORY_DAYS: found "many", expected 1 to 36500 days`,
  },
  {
    command: `${allocator} --database file:a.db --binding-log-days 0`,
    line: `${usage} --binding-log-days: found "0", expected 1 to 36500 days`,
  },
];
