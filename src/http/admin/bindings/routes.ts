/**
 * `/bindings`: the binding table for an lwAFTR, whole or since a version, as a stream.
 *
 * @module
 */
import { Hono } from "hono";
import * as v from "valibot";
import type { BindingEntry, BindingFormat, EntryChange, TableVersion } from "../../../binding-table/entry.ts";
import { rfc8676 } from "../../../binding-table/rfc8676.ts";
import { snabb } from "../../../binding-table/snabb.ts";
import { vpp } from "../../../binding-table/vpp.ts";
import { formatDate } from "../../../declaration/dates.ts";
import type { Domain, Pool } from "../../../lease/domain.ts";
import { digestChunkOctets, snapshotTries } from "../../../limits.ts";
import { pairOf } from "../../../portset/pool-geometry.ts";
import { openBindingSnapshot } from "../../../store/evidence/binding-feed.ts";
import type { BindingChange, BindingSnapshot, NoIncrement } from "../../../store/evidence/binding-feed.ts";
import type { Databases, Place } from "../../../store/database/databases.ts";
import { loadPlace } from "../../../store/configuration/directory.ts";
import { encodeHex } from "../../../wire/hex.ts";
import type { AuthEnv, Principal } from "../../auth.ts";
import { problem } from "../../problem.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { maySee, notFound, placesFor } from "../resource.ts";
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

const gone: Readonly<Record<NoIncrement | "other-databases", string>> = {
  purged: "the record of changes does not go back that far",
  ahead: "a version that this database has not reached",
  "other-databases": "it is of another number of databases",
  "configuration-changed": "a border relay or the pools have changed since, and that concerns all rows",
  "too-many": "too many changes since",
};

/** The route of binding tables. */
export function bindingRoutes({ databases, now }: AdminDeps) {
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
      const sections = await openSections(databases, context.get("principal"), domain, now?.());
      const table = versionOfTable(sections);
      refuseInexpressible(format, table.domains);
      const write =
        since === undefined
          ? () => writeTable(format, table, sections)
          : writeChanges(format, table, since, await changesSince(sections, since));
      return new Response(streamOf(write()), {
        headers: {
          "content-type": format.mediaType,
          "apportion-version": table.version,
          ...(digest === "true" && { "apportion-digest": `sha-256=${await digestOf(write())}` }),
        },
      });
    },
  );
}

/** The part of the table that one database has. */
interface Section {
  readonly snapshot: BindingSnapshot;
  readonly domains: readonly Domain[];
}

async function openSections(
  databases: Databases,
  principal: Principal,
  domain: string | undefined,
  now: number | undefined,
): Promise<readonly Section[]> {
  if (domain !== undefined && !maySee(principal, domain)) throw notFound("domain", domain);
  const places = placesFor(databases, principal, domain);
  const sections = await Promise.all(places.map((place) => openSection(place, now)));
  const isThere = sections.some(({ domains }) => domains.length > 0);
  if (domain !== undefined && !isThere) throw notFound("domain", domain);
  return sections;
}

/** The configuration may change between two reads: what slots mean has to be as of the table. */
async function openSection(place: Place, now: number | undefined): Promise<Section> {
  for (let attempt = 0; attempt < snapshotTries; attempt++) {
    const snapshot = await openBindingSnapshot(place.database, { now });
    const { revision, domains } = await loadPlace(place);
    if (revision === snapshot.revision) return { snapshot, domains };
  }
  throw problem(409, "Cannot read the binding table: the configuration keeps changing; try again");
}

function versionOfTable(sections: readonly Section[]): TableVersion {
  const versions = new Map(
    sections.flatMap(({ snapshot, domains }) => domains.map((domain) => [domain, snapshot.version])),
  );
  return {
    version: sections.map(({ snapshot }) => snapshot.version).join("."),
    versionOf: (domain) => versions.get(domain)!,
    date: formatDate(Math.min(...sections.map(({ snapshot }) => snapshot.time))),
    domains: sections.flatMap(({ domains }) => domains),
  };
}

/** Better no table than one that lacks rows without a word. */
function refuseInexpressible(format: BindingFormat, domains: readonly Domain[]): void {
  for (const domain of domains) {
    for (const pool of domain.pools) {
      const reason = format.refuse(pool, domain);
      if (reason !== undefined) {
        throw problem(
          409,
          `Cannot write the binding table: ${reason}; take another format, or one domain at a time`,
        );
      }
    }
  }
}

async function changesSince(sections: readonly Section[], since: string): Promise<readonly EntryChange[]> {
  const refuse = (reason: keyof typeof gone): Error =>
    problem(
      410,
      `Cannot tell the changes since version ${since}: ${gone[reason]}; take the whole table (without since)`,
    );
  const versions = since.split(".").map(Number);
  if (versions.length !== sections.length) throw refuse("other-databases");
  const changes = await Promise.all(
    sections.map(async (section, index) => {
      const found = await section.snapshot.changesSince(versions[index]!);
      if (typeof found === "string") throw refuse(found);
      return entryChangesOf(section, found);
    }),
  );
  return changes.flat();
}

const slotsPerPool = 2 ** 32;

function entryOf(domain: Domain, pool: Pool, slot: number, softwire: Uint8Array): BindingEntry {
  return { domain, pool, ...pairOf(pool.geometry, slot % slotsPerPool), softwire };
}

async function* writeTable(
  format: BindingFormat,
  table: TableVersion,
  sections: readonly Section[],
): AsyncGenerator<string> {
  yield format.begin(table);
  for (const { snapshot, domains } of sections) {
    for (const domain of domains) {
      yield* format.beginDomain(domain, table);
      yield* writeRows(format, table, snapshot, domain);
      yield format.endDomain(domain, table);
    }
  }
  yield format.end();
}

async function* writeRows(
  format: BindingFormat,
  table: TableVersion,
  snapshot: BindingSnapshot,
  domain: Domain,
): AsyncGenerator<string> {
  let isFirst = true;
  for (const pool of domain.pools) {
    for await (const rows of snapshot.rows(pool.id)) {
      let text = "";
      for (const { slot, softwire } of rows) {
        text += format.entry(entryOf(domain, pool, slot, softwire), table, isFirst);
        isFirst = false;
      }
      yield text;
    }
  }
}

/** Pools come and go with a new whole table, so each slot of the changes is one of a pool that is there. */
function entryChangesOf({ domains }: Section, found: readonly BindingChange[]): EntryChange[] {
  const owners = new Map(
    domains.flatMap((domain) => domain.pools.map((pool) => [pool.id, { domain, pool }] as const)),
  );
  return found.flatMap(({ slot, before, after }): EntryChange[] => {
    const owner = owners.get(Math.floor(slot / slotsPerPool));
    if (owner === undefined) return [];
    const entry = (softwire: Uint8Array | null) =>
      softwire === null ? null : entryOf(owner.domain, owner.pool, slot, softwire);
    return [{ before: entry(before), after: entry(after) }];
  });
}

function writeChanges(
  format: BindingFormat,
  table: TableVersion,
  since: string,
  changes: readonly EntryChange[],
) {
  // eslint-disable-next-line @typescript-eslint/require-await -- the same form as that of a whole table
  return async function* () {
    yield* format.changes(changes, table, since);
  };
}

/** Asks for the next piece when the one before was taken: the table is never in memory. */
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

/** @returns SHA-256 of the SHA-256s of pieces of a fixed size: so it needs the text piece by piece only. */
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
