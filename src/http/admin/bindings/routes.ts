/**
 * `/bindings`: streams the binding table for an lwAFTR, either the whole table or the changes since a version.
 *
 * @module
 */
import { Hono } from "hono";
import * as v from "valibot";
import type { BindingFormat, EntryChange, TableVersion } from "../../../binding-table/entry.ts";
import { rfc8676 } from "../../../binding-table/rfc8676.ts";
import { snabb } from "../../../binding-table/snabb.ts";
import { vpp } from "../../../binding-table/vpp.ts";
import { formatDate } from "../../../declaration/dates.ts";
import type { Domain } from "../../../lease/domain.ts";
import { digestChunkOctets, leftOutShownMax } from "../../../limits.ts";
import type { BindingTable, GoneReason } from "../../../store/evidence/bindings.ts";
import { encodeHex } from "../../../wire/hex.ts";
import type { AuthEnv } from "../../auth.ts";
import { problem } from "../../problem.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { notFound } from "../resource.ts";
import { validQuery } from "../validation.ts";

const formats = { rfc8676, snabb, vpp } as const;

const querySchema = v.strictObject({
  format: v.optional(v.pipe(v.picklist(["rfc8676", "snabb", "vpp"]), v.description("By default `rfc8676`."))),
  domain: v.optional(v.pipe(v.string(), v.description("Only the rows of this domain."))),
  since: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,16}(\.\d{1,16})*$/, "expected the Apportion-Version of an earlier response"),
      v.description("The `Apportion-Version` of an earlier response: return only the changes since then."),
    ),
  ),
  digest: v.optional(
    v.pipe(
      v.picklist(["true", "false"]),
      v.description("Send the checksum of the body in a header, for which the table is read twice."),
    ),
  ),
});

const description = `Rows are the running leases that have a softwire address, ordered by domain, pool and slot. \
\`Apportion-Version\` is the version of the table. Send it as \`since\` in the next request. \
\`Apportion-Digest\` (with \`digest=true\`) is the SHA-256 of the SHA-256s of each ${digestChunkOctets} octets of \
the body: \`split -b ${digestChunkOctets} --filter='openssl dgst -sha256 -binary' FILE | openssl dgst -sha256\`. \
A domain that the format cannot express, such as one without \`softwire.borderRelays\` for Snabb or VPP, is left out; \
\`Apportion-Left-Out\` names it. Fetch the table more often than the quarantine is long, so that a row is removed before its pair gets another client.`;

const gone: Readonly<Record<GoneReason, string>> = {
  purged: "the change log does not go back that far",
  ahead: "the database has not reached this version yet",
  "other-databases": "the version is for another number of databases",
  "clock-set-back": "the database's clock was set back, and the version may be from before that",
  "configuration-changed": "a border relay or a pool has changed since, which affects all rows",
  "too-many": "there are too many changes",
};

/** Creates the route of binding tables. */
export function bindingRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>().get(
    "/bindings",
    operation({
      tag: "bindings",
      summary: "The binding table of the lwAFTR",
      description,
      answers: { 200: v.looseObject({}) },
      problems: [404, 409, 410],
    }),
    validQuery(querySchema),
    async (context) => {
      const { format: name = "rfc8676", domain, since, digest } = context.req.valid("query");
      const format = formats[name];
      const opened = await store.bindings.open(context.get("principal"), domain);
      if (opened.kind === "no-domain") throw notFound("domain", domain ?? "");
      if (opened.kind === "configuration-changes") throw configurationChanges();
      const { table } = opened;
      const { domains, leftOut } = expressible(format, table.domains);
      const version = versionOfTable({ ...table, domains }, leftOut);
      const write =
        since === undefined
          ? () => writeTable(format, version, table)
          : writeChanges(format, version, since, await changesSince(table, since));
      const names = leftOut.map(({ domain: { name: left } }) => left);
      return new Response(streamOf(write()), {
        headers: {
          "content-type": format.mediaType,
          "apportion-version": version.version,
          ...(names.length > 0 && { [leftOutHeader]: names.join(", ") }),
          ...(digest === "true" && { "apportion-digest": `sha-256=${await digestOf(write())}` }),
        },
      });
    },
  );
}

function configurationChanges(): Error {
  return problem(409, "Cannot read the binding table: the configuration keeps changing; try again");
}

function versionOfTable(
  { version, versionOf, time, domains }: BindingTable,
  leftOut: readonly LeftOut[],
): TableVersion {
  const reasons = leftOut.map(({ reason }) => reason);
  return { version, versionOf, date: formatDate(time), domains, leftOut: reasons };
}

/** Names the domains that the format cannot express, and whose rows are not in the table. */
const leftOutHeader = "apportion-left-out";

/** A domain that a table leaves out. */
interface LeftOut {
  readonly domain: Domain;
  readonly reason: string;
}

/**
 * Separates the domains that a format can express from the others. The answer names the others, because a table that
 * silently lacks rows is worse than an error.
 *
 * @throws {HTTPException} 409 when the format can express no domain that has a pool.
 */
function expressible(format: BindingFormat, all: readonly Domain[]) {
  const reasons = new Map(
    all.flatMap((domain): [Domain, LeftOut][] => {
      const found = domain.pools.map((pool) => format.whyUnsupported(pool, domain));
      const reason = found.find((each) => each !== undefined);
      return reason === undefined ? [] : [[domain, { domain, reason }]];
    }),
  );
  const domains = all.filter((domain) => !reasons.has(domain));
  const leftOut = [...reasons.values()];
  if (leftOut.length > 0 && domains.every(({ pools }) => pools.length === 0)) {
    const found = leftOut.slice(0, leftOutShownMax).map(({ reason }) => reason);
    const more = leftOut.length > found.length ? `; and ${leftOut.length - found.length} more` : "";
    throw problem(
      409,
      `Cannot write the binding table: ${found.join("; ")}${more}; expected a domain that the format can express`,
    );
  }
  return { domains, leftOut };
}

async function changesSince(table: BindingTable, since: string): Promise<readonly EntryChange[]> {
  const found = await table.changesSince(since);
  if (found.kind === "changes") return found.changes;
  throw problem(
    410,
    `Cannot list the changes since version ${since}: ${gone[found.reason]}; fetch the whole table (without since)`,
  );
}

async function* writeTable(
  format: BindingFormat,
  version: TableVersion,
  table: BindingTable,
): AsyncGenerator<string> {
  yield format.begin(version);
  for (const domain of version.domains) {
    yield* format.beginDomain(domain, version);
    let isFirst = true;
    for await (const rows of table.rows(domain)) {
      let text = "";
      for (const row of rows) {
        text += format.entry(row, version, isFirst);
        isFirst = false;
      }
      yield text;
    }
    yield format.endDomain(domain, version);
  }
  yield format.end();
}

function writeChanges(
  format: BindingFormat,
  table: TableVersion,
  since: string,
  changes: readonly EntryChange[],
) {
  // eslint-disable-next-line @typescript-eslint/require-await -- same signature as writeTable()
  return async function* () {
    const { domains } = table;
    const isShown = ({ before, after }: EntryChange) => domains.includes((before ?? after)!.domain);
    yield* format.changes(changes.filter(isShown), table, since);
  };
}

/** Produces each piece only when the reader requests it, so that the whole table is never in memory. */
function streamOf(pieces: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const piece: IteratorResult<string, unknown> = await pieces.next();
      if (piece.done === true) controller.close();
      else controller.enqueue(encoder.encode(piece.value));
    },
    async cancel() {
      await pieces.return(undefined);
    },
  });
}

/** @returns SHA-256 of the SHA-256s of fixed-size chunks, so that only one chunk is in memory at a time. */
async function digestOf(pieces: AsyncGenerator<string>): Promise<string> {
  const encoder = new TextEncoder();
  const digests: ArrayBuffer[] = [];
  let pending = new Uint8Array();
  const addDigest = async (octets: Uint8Array<ArrayBuffer>): Promise<void> => {
    digests.push(await crypto.subtle.digest("SHA-256", octets));
  };
  for await (const piece of pieces) {
    pending = concatenate(pending, encoder.encode(piece));
    while (pending.length >= digestChunkOctets) {
      await addDigest(pending.slice(0, digestChunkOctets));
      pending = pending.slice(digestChunkOctets);
    }
  }
  if (pending.length > 0) await addDigest(pending);
  const all = await new Blob(digests).arrayBuffer();
  return encodeHex(new Uint8Array(await crypto.subtle.digest("SHA-256", all)));
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const octets = new Uint8Array(first.length + second.length);
  octets.set(first);
  octets.set(second, first.length);
  return octets;
}
