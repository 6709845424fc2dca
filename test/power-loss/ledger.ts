/**
 * What the clients and operators of a recording were told.
 *
 * @module
 */
import type { ServerPair } from "../../src/client/query.ts";

/** Something that was acknowledged. */
export type Fact =
  /** A client was told that it has a pair. */
  | {
      readonly kind: "leased";
      readonly client: number;
      readonly pair: ServerPair;
      /** A port of the pair. */
      readonly port: number;
      /** Unix seconds. */
      readonly at: number;
      readonly until: number;
      /** Softwire address in hexadecimal, if it was confirmed. */
      readonly softwire: string | undefined;
    }
  /** A client gave its lease back, or was told that it has none, or an operator ended it. */
  | { readonly kind: "ended"; readonly client: number }
  /** An operator moves the lease of a client: at its next message, it is told that it has to leave. */
  | { readonly kind: "moved"; readonly client: number }
  /** A resource of the admin API has this version; null if it was deleted. */
  | { readonly kind: "resource"; readonly path: string; readonly etag: string | null }
  /** A resource is being deleted, in several commits: the first one closes it. */
  | { readonly kind: "deleting"; readonly path: string }
  /** A token was created; null if it was deleted. */
  | { readonly kind: "token"; readonly name: string; readonly secret: string | null }
  /** A change that is in the audit. */
  | { readonly kind: "audited" }
  /** Tenures that ended before this time (Unix seconds) may be deleted. */
  | { readonly kind: "purged"; readonly before: number }
  /** The tables are there. */
  | { readonly kind: "migrated" };

/** A lease of which its client knows. */
export type GivenLease = Extract<Fact, { kind: "leased" }>;

/** One step of a recording. The marks of the recording say when it was acknowledged. */
export interface Step {
  /** What was done, for a reader. */
  readonly title: string;
  /** Unix seconds of the machine at this step. */
  readonly now: number;
  /** What may be true as soon as the step began. */
  readonly begins: readonly Fact[];
  /** What must be true once it was acknowledged. */
  readonly facts: readonly Fact[];
}

/** What must be found after a loss. */
export interface Belief {
  readonly isMigrated: boolean;
  /** The running leases, by client; null for one that is to be moved. */
  readonly leases: ReadonlyMap<number, GivenLease | null>;
  /** Clients whose leases have ended. */
  readonly ended: ReadonlySet<number>;
  /** All that were ever given. */
  readonly given: readonly GivenLease[];
  readonly resources: ReadonlyMap<string, string | null>;
  readonly tokens: ReadonlyMap<string, string>;
  readonly deletedSecrets: readonly string[];
  readonly auditedCount: number;
  /** Tenures from this time on are kept, in Unix seconds. */
  readonly keptFrom: number;
}

/** @returns What holds after the first `count` steps, while the next one may be under way. */
export function beliefAfter(steps: readonly Step[], count: number): Belief {
  const facts = [...steps.slice(0, count).flatMap(({ begins, facts }) => [...begins, ...facts])];
  facts.push(...(steps[count]?.begins ?? []));
  const leases = new Map<number, GivenLease | null>();
  const ended = new Set<number>();
  const resources = new Map<string, string | null>();
  const tokens = new Map<string, string>();
  const deletedSecrets: string[] = [];
  for (const fact of facts) {
    if (fact.kind === "leased" || fact.kind === "ended") {
      ended.delete(fact.client);
      leases.delete(fact.client);
      if (fact.kind === "leased") leases.set(fact.client, fact);
      else ended.add(fact.client);
    } else if (fact.kind === "moved") leases.set(fact.client, null);
    else if (fact.kind === "resource") resources.set(fact.path, fact.etag);
    else if (fact.kind === "deleting") resources.delete(fact.path);
    else if (fact.kind === "token") {
      const before = tokens.get(fact.name);
      if (fact.secret !== null) tokens.set(fact.name, fact.secret);
      else if (before !== undefined && tokens.delete(fact.name)) deletedSecrets.push(before);
    }
  }
  return {
    isMigrated: facts.some(({ kind }) => kind === "migrated"),
    leases,
    ended,
    given: facts.filter((fact) => fact.kind === "leased"),
    resources,
    tokens,
    deletedSecrets,
    auditedCount: facts.filter(({ kind }) => kind === "audited").length,
    keptFrom: Math.max(0, ...facts.map((fact) => (fact.kind === "purged" ? fact.before : 0))),
  };
}
