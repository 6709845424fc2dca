/**
 * What stands at the end of each command's help: notes, variables and examples. `relay` has its own.
 *
 * @module
 */
import type { Command } from "commander";
import { endHelp } from "../help.ts";
import type { HelpEnd } from "../help.ts";

const adminToken = { APPORTION_ADMIN_TOKEN: "token of scope admin, which makes the first tokens" };

const client = { examples: [["", "with the client identifier and the state file of `lease`"]] } as const;
const ofName = (name: string, does: string): HelpEnd => ({ examples: [[name, does]] });

/** By the name of the command, without the program. */
const ends: Readonly<Record<string, HelpEnd>> = {
  "": {
    examples: [
      ["start", "try it out, with a demo domain"],
      ["client lease", "ask it for an address"],
      ["admin --help", "the commands that manage an allocator"],
    ],
  },
  start: {
    variables: { APPORTION_ADMIN_TOKEN: "turns the admin API on" },
    examples: [
      ["", "try it out, with a demo domain"],
      ["--config isp.yaml --interface eth1", "serve the clients of a link"],
    ],
  },
  allocator: {
    notes: [
      "As a systemd service, its tokens may be the credentials relay-token, admin-token and database-token.",
    ],
    variables: {
      APPORTION_RELAY_TOKEN: "token of the relays; required",
      ...adminToken,
      APPORTION_DATABASE_TOKEN: "token of the database server",
      APPORTION_PLACEMENTS: 'domains in other databases: {"DOMAIN": {"url": "…", "token": "…"}}',
    },
    examples: [
      ["--database file:/var/lib/apportion/leases.db --config isp.yaml", "with a database file"],
      [
        "--database libsql://db.example --http 0.0.0.0:8467",
        "with a database server, for relays of other hosts",
      ],
    ],
  },
  client: { examples: [["lease --hint-psid-length 6", "ask for an address that 2^6 clients share"]] },
  "client lease": {
    examples: [
      ["", "of a relay that `start` runs on this host"],
      ["--server ff02::1:2 --port 547 --local-port 546 --interface eth1", "of the relays of a link"],
      ["--relay 2001:db8:1:: --interface-id line-7 --json", "as a relay does, for the client of a line"],
    ],
  },
  "client renew": client,
  "client rebind": client,
  "client reboot": client,
  "client release": client,
  "client decline": client,
  "client inform": { examples: [["--address 192.0.2.18", "for a client that has an address"]] },
  load: {
    notes: [
      "It ends with 0 if an exchange succeeded, 1 if all were refused, and 3 if none was answered. It also ends with 1 if " +
        "two clients had a port in common at the same time, a renewal (--mode renew) was answered with another pair, or " +
        "--drops-max is exceeded.",
      "SIGINT or SIGTERM lets the exchanges in flight end, and then prints the report. A second signal ends it at once.",
    ],
    examples: [
      ["--clients 10000 --in-flight 512", "new leases of a relay on this host, as fast as they come"],
      ["--mode renew --clients 2000 --rate 200 --for 10m", "200 renewals a second"],
      ["--avalanche --clients 50000 --server 2001:db8::547 --port 547 --relay 2001:db8:1::1", "a power cut"],
      ["--full --loss 5 --json", "full addresses, with 5 % of the datagrams lost"],
      ["--server ff02::1:2 --port 547 --local-port 546 --interface eth1", "the relays of a link"],
      [
        "--relay 2001:db8:1::1 --line interface-id --drops-max 1",
        "a line for each client; 1 % may be dropped",
      ],
    ],
  },
  admin: {
    examples: [
      ["--api https://allocator.example --token-file admin.token statistics", "how full the pools are"],
      ["--json leases list --domain isp", "leases as JSON"],
    ],
  },
  "admin domains": ofName("list", "all domains"),
  "admin domains list": ofName("--limit 20", "the first 20"),
  "admin domains get": ofName("isp", "one domain"),
  "admin domains put": ofName("isp domain.yaml --new", "create a domain"),
  "admin domains patch": ofName(`isp '{"siteLeasesMax":4}'`, "change one field"),
  "admin domains delete": ofName("isp", "delete a domain without pools"),
  "admin domains release": ofName("isp", "let the API change a domain of a file"),
  "admin pools": ofName("list --domain isp", "the pools of a domain"),
  "admin pools list": ofName("--domain isp --kind shared", "the shared pools of a domain"),
  "admin pools get": ofName("isp-1", "one pool"),
  "admin pools put": ofName("isp-1 pool.yaml", "create or replace a pool"),
  "admin pools patch": ofName(`isp-1 '{"drainUntil":null}'`, "grant leases from a drained pool again"),
  "admin pools delete": ofName("isp-1", "delete a pool without leases"),
  "admin pools plan": ofName("pool.yaml", "its addresses, port sets and subscribers"),
  "admin pools drain": ofName("isp-1 --until 2099-01-31T03:00:00Z", "empty a pool by a date"),
  "admin reservations": ofName("list --domain isp", "the reservations of a domain"),
  "admin reservations list": ofName("--pool isp-1", "the reservations of a pool"),
  "admin reservations get": ofName("customer-7", "one reservation"),
  "admin reservations put": ofName("customer-7 reservation.yaml", "create or replace a reservation"),
  "admin reservations patch": ofName(`customer-7 '{"psid":9}'`, "change one field"),
  "admin reservations delete": ofName("customer-7", "delete a reservation"),
  "admin leases": ofName("list --state bound", "the leases"),
  "admin leases list": ofName("--address 192.0.2.18 --port 1100", "who has a port now"),
  "admin leases get": ofName("192.0.2.18-5", "one lease"),
  "admin leases release": ofName("192.0.2.18-5", "end a lease"),
  "admin leases move": ofName("192.0.2.18-5 192.0.2.19-5", "give its client another pair"),
  "admin tokens": ofName("list", "all tokens, without their secrets"),
  "admin tokens list": ofName("", "all tokens, without their secrets"),
  "admin tokens get": ofName("bng-1", "one token"),
  "admin tokens put": ofName("bng-1 token.yaml --new", "create a token; its secret is shown once"),
  "admin tokens patch": ofName(`bng-1 '{"expiresAt":"2099-01-31T00:00:00Z"}'`, "let a token expire"),
  "admin tokens delete": ofName("bng-1", "delete a token"),
  "admin tokens rotate": ofName("bng-1 --overlap 600", "a new secret; the old one works for 10 min"),
  "admin audit": ofName("list --resource pools", "what was changed, and by whom"),
  "admin audit list": ofName("--since 2026-11-01T00:00:00Z", "the changes since a time"),
  "admin lookup": ofName("192.0.2.18 1100 --at 2026-11-24T03:04:05Z", "who had a port at a time"),
  "admin bindings": ofName("--format snabb", "the table of the lwAFTR of Snabb"),
  "admin statistics": ofName("", "how full the pools are"),
  "admin metrics": ofName("", "the metrics of this moment"),
  "admin clock": ofName("show", "the clocks of the databases"),
  "admin clock show": ofName("", "the clocks, and whether one was set"),
  "admin clock accept": ofName("7200", "accept a difference of two hours"),
  "admin plan": ofName("isp.yaml", "what would change"),
  "admin apply": ofName("isp.yaml --prune", "apply it, and remove what it does not name"),
  "admin export": ofName("", "the state, to begin a file with"),
  check: {
    notes: ["It contacts nobody, unless --database names a database server."],
    examples: [
      ["isp.yaml", "the faults of a declared state, each with its line"],
      ["isp.yaml allocator.env --database file:/var/lib/apportion/leases.db", "also what would change"],
      ["--environment", "before the service starts"],
    ],
  },
  migrate: ofName("--database file:/var/lib/apportion/leases.db", "before a new release starts"),
  verify: {
    examples: [
      ["--database file:/var/lib/apportion/leases.db", "while it is in use"],
      ["--database file:leases.db --wire-log load.log", "against what a load generator saw"],
    ],
  },
  complete: {
    notes: ["The shell asks the program for what may come next, so the script needs no update."],
    examples: [
      ["bash > /etc/bash_completion.d/apportion", "for all users of bash"],
      ["zsh > /usr/local/share/zsh/site-functions/_apportion", "for all users of zsh"],
      ["fish > ~/.config/fish/completions/apportion.fish", "for one user of fish"],
    ],
  },
  housekeeping: ofName("--database libsql://db.example --history-days 365", "from a daily timer"),
};

/** Adds the ends to a command and its subcommands. */
export function endHelps(command: Command, path = ""): void {
  const end = ends[path];
  if (end !== undefined) endHelp(command, end);
  for (const each of command.commands) endHelps(each, `${path} ${each.name()}`.trim());
}
