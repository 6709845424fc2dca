/**
 * Starts an allocator on what a power loss left, and looks for what was acknowledged.
 *
 * @module
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { encodeRenewing } from "../../src/client/query.ts";
import type { Database } from "../../src/store/database/database.ts";
import { openFile } from "../../src/store/database/file.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { formatIPv4 } from "../../src/wire/ipv4-address.ts";
import { operator } from "../support/admin.ts";
import { createTestAllocator } from "../support/allocator.ts";
import { clientProfile, pairOf } from "../support/clients.ts";
import { TestMachine } from "../support/machine.ts";
import { query } from "../support/sql.ts";
import { startSeconds } from "./actor.ts";
import { digestOf } from "./digest.ts";
import type { Image } from "./disk.ts";
import type { Belief, GivenLease } from "./ledger.ts";

/** Seconds until a machine is up again. */
const bootSeconds = 30;

/** Opens images in a folder of its own. */
export class Examiner {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Opens what is left, and reads all of it.
   *
   * @returns A hash of the content.
   * @throws {Error} When it can't be opened, or is damaged.
   */
  async read(image: Image, now: number): Promise<string> {
    return this.#with(image, now, async (database) => {
      const [integrity, foreignKeys] = await database.read([
        { sql: "PRAGMA integrity_check", args: [] },
        { sql: "PRAGMA foreign_key_check", args: [] },
      ]);
      const found = [...integrity!.rows, ...foreignKeys!.rows].map(String);
      if (found.join() !== "ok") throw new Error(`the database is damaged: ${found.slice(0, 5).join("; ")}`);
      return digestOf(database);
    });
  }

  /**
   * Starts an allocator on what is left.
   *
   * @param now Unix seconds of the loss.
   * @returns What is missing: one sentence each.
   */
  async examine(image: Image, now: number, belief: Belief): Promise<string[]> {
    return this.#with(image, now, async (database, machine) => {
      if (!belief.isMigrated) return [];
      const clock = { seconds: undefined, clockMs: machine.wallMs, localMs: machine.localMs };
      const { app, ask, store } = await createTestAllocator(database, { clock });
      const { faults } = await store.maintenance.verify();
      const missing = faults.map((fault) => JSON.stringify(fault));
      const call = operator(app);
      for (const [path, etag] of belief.resources) {
        const answer = await call("GET", path);
        if (etag === null ? answer.status !== 404 : answer.etag !== etag) {
          missing.push(`${path}: found ${answer.etag ?? answer.status}, expected ${etag ?? 404}`);
        }
      }
      const asHolder = async (secret: string) => (await operator(app, secret)("GET", "/domains")).status;
      for (const [name, secret] of belief.tokens) {
        if ((await asHolder(secret)) !== 200) missing.push(`token ${name} is not valid`);
      }
      for (const secret of belief.deletedSecrets) {
        if ((await asHolder(secret)) !== 401) missing.push("a deleted token is valid");
      }
      const [audited] = await query(database, "SELECT count(*) AS rows FROM audit");
      if (Number(audited!.rows) < belief.auditedCount) {
        missing.push(
          `the audit: found ${Number(audited!.rows)} changes, expected ${belief.auditedCount} or more`,
        );
      }
      missing.push(...(await findEvidence(belief, machine.seconds, call)));
      missing.push(...(await findEnds(belief, machine.seconds, database)));
      const running = [...belief.leases.values()].filter(
        (lease) => lease !== null && lease.until > machine.seconds,
      );
      missing.push(...(await renew(running as GivenLease[], database, ask)));
      return missing;
    });
  }

  async #with<T>(
    image: Image,
    now: number,
    use: (database: Database, machine: TestMachine) => Promise<T>,
  ): Promise<T> {
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder);
    for (const [path, content] of image) writeFileSync(join(this.#folder, basename(path)), content);
    const machine = new TestMachine(startSeconds);
    machine.pass(now - startSeconds);
    machine.reboot(bootSeconds, 0);
    // The power is not lost again, so this needs no sync.
    const database = openFile(`file:${join(this.#folder, "apportion.db")}`, { machine, sync: "off" });
    try {
      return await use(database, machine);
    } finally {
      database.close();
    }
  }
}

/** Looks each lease up that was ever given, in the second after it was. */
async function findEvidence({ given, keptFrom }: Belief, now: number, call: ReturnType<typeof operator>) {
  const missing: string[] = [];
  for (const { client, pair, port, at } of given) {
    if (at + 1 < keptFrom || at + 1 > now) continue;
    const address = formatIPv4(pair.address);
    const date = new Date((at + 1) * 1000).toISOString().replace(".000", "");
    const { body } = await call("GET", `/lookup?address=${address}&port=${port}&at=${date}`);
    const holders = (body.holders ?? []) as { clientId: string; certainty: string }[];
    const found = holders.map((holder) => `${holder.certainty} ${holder.clientId}`).join();
    const expected = `certain ${encodeHex(clientProfile(client).clientIdentifier)}`;
    if (found !== expected)
      missing.push(`look-up of ${address} ${port} at ${date}: found ${found}, expected ${expected}`);
  }
  return missing;
}

/** Looks for leases that run although their end was acknowledged. */
async function findEnds({ ended }: Belief, now: number, database: Database): Promise<string[]> {
  const rows = await query(database, "SELECT client_id FROM lease WHERE state = 2 AND expires_at > ?", now);
  const running = new Set(rows.map((row) => encodeHex(row.client_id as Uint8Array)));
  return [...ended]
    .filter((client) => running.has(encodeHex(clientProfile(client).clientIdentifier)))
    .map((client) => `the lease of client ${client} runs, although it ended`);
}

/** Looks at the row of each running lease, then renews it. */
async function renew(
  leases: readonly GivenLease[],
  database: Database,
  ask: Awaited<ReturnType<typeof createTestAllocator>>["ask"],
): Promise<string[]> {
  const missing: string[] = [];
  for (const { client, until, softwire } of leases) {
    const { clientIdentifier } = clientProfile(client);
    const sql = "SELECT expires_at, softwire FROM lease WHERE client_id = ? AND state = 2";
    const [row] = await query(database, sql, clientIdentifier);
    const found =
      row &&
      `${Number(row.expires_at)} ${row.softwire === null ? "" : encodeHex(row.softwire as Uint8Array)}`;
    const isThere =
      row !== undefined &&
      Number(row.expires_at) >= until &&
      (softwire === undefined || found!.endsWith(softwire));
    if (!isThere)
      missing.push(`lease of client ${client}: found ${found}, expected ${until} ${softwire ?? ""}`);
  }
  const answers = await ask(
    ...leases.map(({ client, pair }) => ({
      octets: encodeRenewing(clientProfile(client), pair, { xid: 1, softwire: undefined }),
    })),
  );
  for (const [index, { client, pair }] of leases.entries()) {
    const answer = answers[index];
    const found = answer && JSON.stringify([answer.type, pairOf(answer)]);
    const expected = JSON.stringify(["ack", pair]);
    if (found !== expected) missing.push(`renewal of client ${client}: found ${found}, expected ${expected}`);
  }
  return missing;
}
