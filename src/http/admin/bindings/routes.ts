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
import { digestChunkOctets } from "../../../limits.ts";
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
  domain: v.optional(v.pipe(v.string(), v.description("Only this domain's rows."))),
  since: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,16}(\.\d{1,16})*$/, "expected an Apportion-Version of an answer"),
      v.description("The `Apportion-Version` of an answer: only what has changed since is told."),
    ),
  ),
  digest: v.optional(
    v.pipe(
      v.picklist(["true", "false"]),
      v.description("Reads the table twice, and says its checksum in a header before the first octet."),
    ),
  ),
});

const description = `Rows are the running leases that have a softwire address, ordered by domain, pool and slot. \
\`Apportion-Version\` is the version that the text is of, to be sent as \`since\` the next time; it contains its time. \
\`Apportion-Digest\` (with \`digest=true\`) is the SHA-256 of the SHA-256s of each ${digestChunkOctets} octets of the body: \
\`split -b ${digestChunkOctets} --filter='openssl dgst -sha256 -binary' FILE | openssl dgst -sha256\`. \
Take it more often than the quarantine is long: so a row leaves before its pair is another's.`;

const gone: Readonly<Record<GoneReason, string>> = {
  purged: "the record of changes does not go back that far",
  ahead: "a version that this database has not reached",
  "other-databases": "it is of another number of databases",
  "configuration-changed": "a border relay or the pools have changed since, and that concerns all rows",
  "too-many": "too many changes since",
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
      const version = versionOfTable(table);
      refuseInexpressible(format, table.domains);
      const write =
        since === undefined
          ? () => writeTable(format, version, table)
          : writeChanges(format, version, since, await changesSince(table, since));
      return new Response(streamOf(write()), {
        headers: {
          "content-type": format.mediaType,
          "apportion-version": version.version,
          ...(digest === "true" && { "apportion-digest": `sha-256=${await digestOf(write())}` }),
        },
      });
    },
  );
}

function configurationChanges(): Error {
  return problem(409, "Cannot read the binding table: the configuration keeps changing; try again");
}

function versionOfTable({ version, versionOf, time, domains }: BindingTable): TableVersion {
  return { version, versionOf, date: formatDate(time), domains };
}

/** Refuses a format that cannot express a pool, because a table that silently lacks rows is worse than none. */
function refuseInexpressible(format: BindingFormat, domains: readonly Domain[]): void {
  for (const domain of domains) {
    for (const pool of domain.pools) {
      const reason = format.whyUnsupported(pool, domain);
      if (reason !== undefined) {
        throw problem(
          409,
          `Cannot write the binding table: ${reason}; take another format, or one domain at a time`,
        );
      }
    }
  }
}

async function changesSince(table: BindingTable, since: string): Promise<readonly EntryChange[]> {
  const found = await table.changesSince(since);
  if (found.kind === "changes") return found.changes;
  throw problem(
    410,
    `Cannot tell the changes since version ${since}: ${gone[found.reason]}; take the whole table (without since)`,
  );
}

async function* writeTable(
  format: BindingFormat,
  version: TableVersion,
  table: BindingTable,
): AsyncGenerator<string> {
  yield format.begin(version);
  for (const domain of table.domains) {
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
  // eslint-disable-next-line @typescript-eslint/require-await -- same signature as the writer of a whole table
  return async function* () {
    yield* format.changes(changes, table, since);
  };
}

/** Produces each piece only when the reader asks for it, so that the whole table is never in memory. */
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

/** @returns SHA-256 of the SHA-256s of fixed-size chunks, so that the text is needed only chunk by chunk. */
async function digestOf(pieces: AsyncGenerator<string>): Promise<string> {
  const encoder = new TextEncoder();
  const digests: ArrayBuffer[] = [];
  let waiting = new Uint8Array();
  const take = async (octets: Uint8Array<ArrayBuffer>): Promise<void> => {
    digests.push(await crypto.subtle.digest("SHA-256", octets));
  };
  for await (const piece of pieces) {
    waiting = joined(waiting, encoder.encode(piece));
    while (waiting.length >= digestChunkOctets) {
      await take(waiting.slice(0, digestChunkOctets));
      waiting = waiting.slice(digestChunkOctets);
    }
  }
  if (waiting.length > 0) await take(waiting);
  const all = await new Blob(digests).arrayBuffer();
  return encodeHex(new Uint8Array(await crypto.subtle.digest("SHA-256", all)));
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const octets = new Uint8Array(first.length + second.length);
  octets.set(first);
  octets.set(second, first.length);
  return octets;
}
