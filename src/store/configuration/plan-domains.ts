/**
 * The part of a plan that concerns declared domains.
 *
 * @module
 */
import * as v from "valibot";
import type { Declaration, DomainDeclaration } from "../../declaration/declaration.ts";
import { storedSettingsSchema } from "../../declaration/domain-settings.ts";
import { rangeContains } from "../../declaration/usable-addresses.ts";
import { parseIPv4 } from "../../wire/ipv4-address.ts";
import { isInScope } from "../database/databases.ts";
import type { Writer } from "../database/queries.ts";
import type { Change } from "./change.ts";
import { findDifferences } from "./differences.ts";
import { settingsText } from "./declared.ts";
import type { StoredDomain } from "./declared.ts";
import type { State } from "./declared-state.ts";
import { changeDomain, createDomain } from "./domain-changes.ts";
import type { ApplyOptions, Elsewhere, Step, Target } from "./draft.ts";
import { addedTo, servedInSteps } from "../../declaration/served.ts";
import type { ServedByKey } from "../../declaration/served.ts";

/** The settings of a declared domain, without its name, pools and reservations. */
const settingsOnly = v.object(storedSettingsSchema.entries);

/** @returns The settings of a declared domain. Its lines are checked already, and there may be many. */
export function settingsOf({ lines, ...declared }: DomainDeclaration) {
  return { ...v.parse(settingsOnly, { ...declared, lines: [] }), lines };
}

interface PlannedDomain {
  readonly isDefault: boolean;
  readonly change: Change;
}

/** Compares the declared domains with the domains of the database. */
export function* planDomains(
  writer: Writer,
  { domains }: Declaration,
  state: State,
  { place: { scope }, elsewhere }: Target,
  { actor, unnamed }: ApplyOptions,
): Generator<void, { readonly steps: readonly Step[]; readonly changes: readonly Change[] }> {
  const steps: Step[] = [];
  const changes: PlannedDomain[] = [];
  const former = new Map(state.domains.map((each) => [each.name, each]));
  const names = new Set(domains.map(({ name }) => name));
  let findClash: ((name: string) => string | undefined) | undefined;
  for (const declared of domains) {
    yield;
    const { name } = declared;
    const settings = settingsOf(declared);
    const existing = former.get(name);
    const isSame = existing !== undefined && settingsText(existing.settings) === settingsText(settings);
    if (isSame) {
      steps.push({ what: "domain", name, domain: name, change: "unchanged" });
      continue;
    }
    findClash ??= yield* clashFinder(domains, state, (each) => isInScope(scope, each), elsewhere);
    const reason = findClash(name) ?? serverInPool(state, existing, settings.serverIdentifier);
    const change = existing === undefined ? "create" : "change";
    steps.push(
      reason === undefined
        ? {
            what: "domain",
            name,
            domain: name,
            change,
            ...(existing !== undefined && { fields: findDifferences(existing.settings, settings) }),
          }
        : { what: "domain", name, domain: name, change: "refuse", reason },
    );
    changes.push({
      isDefault: settings.default,
      change:
        existing === undefined
          ? createDomain(writer, actor, name, settings)
          : changeDomain(writer, actor, existing, settings),
    });
  }
  const oldDefault = state.domains.find(({ name, settings }) => settings.default && !names.has(name));
  const newDefault = domains.find((each) => each.default)?.name ?? elsewhere.defaultDomain;
  if (oldDefault === undefined || newDefault === undefined) return { steps, changes: inOrder(changes) };
  if (unnamed === "keep") {
    const reason = `found default true, expected false: "${oldDefault.name}" is kept, and is the default`;
    steps.push({ what: "domain", name: newDefault, domain: newDefault, change: "refuse", reason });
  } else {
    const change = changeDomain(writer, actor, oldDefault, { ...oldDefault.settings, default: false });
    changes.push({ isDefault: false, change });
  }
  return { steps, changes: inOrder(changes) };
}

/** Finds a pool that contains the new server identifier of its domain. The declared pools are compared already. */
function serverInPool(
  { pools }: State,
  existing: StoredDomain | undefined,
  serverIdentifier: string,
): string | undefined {
  if (existing === undefined || existing.settings.serverIdentifier === serverIdentifier) return undefined;
  const address = parseIPv4(serverIdentifier);
  const found = pools.find((each) => each.domainId === existing.id && rangeContains(each.geometry, address));
  return (
    found &&
    `serverIdentifier: found ${serverIdentifier}, which pool "${found.declared.name}" contains, expected an address outside of the domain's pools`
  );
}

/**
 * Prepares the search for prefixes and lines that two domains would serve. Those that a domain already serves are not
 * compared, because in a database of an earlier release two domains may serve the same.
 *
 * @returns A function that returns why a declared domain is refused, if it is.
 */
function* clashFinder(
  domains: readonly DomainDeclaration[],
  state: State,
  isHere: (name: string) => boolean,
  elsewhere: Elsewhere,
): Generator<void, (name: string) => string | undefined> {
  const former = new Map<string, ServedByKey>();
  const wanted = new Map<string, ServedByKey>();
  for (const { name, settings } of state.domains) {
    former.set(name, yield* servedInSteps(settings));
  }
  for (const domain of domains) {
    wanted.set(domain.name, yield* servedInSteps(domain));
  }
  const added = new Map<string, ServedByKey>();
  /** Key -> the first domain here that serves it. A domain that the state does not name serves until it is deleted. */
  const owners = new Map<string, string>();
  const own = (name: string, keys: Iterable<string>): void => {
    for (const key of keys) if (!owners.has(key)) owners.set(key, name);
  };
  for (const [name, served] of former) {
    const kept = wanted.get(name);
    own(name, kept === undefined ? served.keys() : [...served.keys()].filter((key) => kept.has(key)));
  }
  for (const [name, served] of wanted) {
    added.set(name, addedTo(former.get(name) ?? new Map(), served));
    own(name, added.get(name)!.keys());
  }
  return (name) => {
    for (const [key, { path, text }] of added.get(name)!) {
      // Which domain is the default is planned separately: a state may take it from a domain that it does not name.
      if (key === "default") continue;
      const others = [owners.get(key)!, ...(elsewhere.served.get(key) ?? []).filter((each) => !isHere(each))];
      const other = others.find((each) => each !== name);
      if (other !== undefined) {
        return `${path}: found ${text}, which domain "${other}" serves, expected what no other domain serves`;
      }
    }
    return undefined;
  };
}

/** Orders changes so that the old default domain is changed before another domain becomes the default. */
function inOrder(changes: readonly PlannedDomain[]): readonly Change[] {
  return [...changes].sort((a, b) => Number(a.isDefault) - Number(b.isDefault)).map(({ change }) => change);
}
