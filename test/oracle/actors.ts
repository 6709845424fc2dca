/**
 * Whom the audit may name: somebody who asked for the change.
 *
 * @module
 */
import type { AuditedChange } from "./operations.ts";
import { must } from "./violation.ts";

/** Kind of resource in the paths of the API -> its name in the audit. */
const resources: Readonly<Record<string, string>> = {
  domains: "domain",
  pools: "pool",
  reservations: "reservation",
  tokens: "token",
  leases: "lease",
};

/** What `PUT /config` may change. */
const everything = "everything";

/** Who asked for which changes. */
export class Actors {
  /** What may be changed -> names of the tokens with which somebody asked for it. */
  readonly #asked = new Map<string, Set<string>>();

  /**
   * Somebody asks for a change, which may be done at any time from now on.
   *
   * @param actor Name of the token.
   * @param path Path of the request below the root of the API.
   */
  record(actor: string, path: string): void {
    const [, kind = "", name = ""] = path.replace(/\?.*/, "").split("/");
    const changed = kind === "config" ? everything : `${resources[kind]} ${name}`;
    const actors = this.#asked.get(changed) ?? new Set();
    this.#asked.set(changed, actors.add(actor));
  }

  /** Checks what a transaction wrote to the audit. */
  check(audited: readonly AuditedChange[]): void {
    for (const change of audited) {
      const { actor, resource, name } = change;
      const actors = [`${resource} ${name}`, everything].flatMap((each) => [
        ...(this.#asked.get(each) ?? []),
      ]);
      must(actors.includes(actor), "the audit names somebody who did not ask for the change", change, actors);
    }
  }
}
