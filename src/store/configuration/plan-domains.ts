/**
 * The part of a plan that concerns declared domains.
 *
 * @module
 */
import * as v from "valibot";
import type { Declaration } from "../../declaration/declaration.ts";
import { domainSettingsFields } from "../../declaration/domain-settings.ts";
import type { Writer } from "../database/queries.ts";
import type { Change } from "./change.ts";
import { settingsText } from "./declared.ts";
import type { State } from "./declared-state.ts";
import { changeDomain, createDomain } from "./domain-changes.ts";
import type { ApplyOptions, Step, Target } from "./draft.ts";

/** The settings of a declared domain, without its name, pools and reservations. */
const settingsOnly = v.object(domainSettingsFields);

interface PlannedDomain {
  readonly isDefault: boolean;
  readonly change: Change;
}

/** Compares the declared domains with the domains of the database. */
export function planDomains(
  writer: Writer,
  { domains }: Declaration,
  state: State,
  { place: { scope }, elsewhere }: Target,
  { actor, unnamed }: ApplyOptions,
): { readonly steps: readonly Step[]; readonly changes: readonly Change[] } {
  const steps: Step[] = [];
  const changes: PlannedDomain[] = [];
  for (const declared of domains) {
    const { name } = declared;
    const settings = v.parse(settingsOnly, declared);
    const existing = state.domains.find((each) => each.name === name);
    const isSame = existing !== undefined && settingsText(existing.settings) === settingsText(settings);
    steps.push({
      what: "domain",
      name,
      change: existing === undefined ? "create" : isSame ? "unchanged" : "change",
    });
    if (isSame) continue;
    const change =
      existing === undefined
        ? createDomain(writer, actor, name, settings, scope)
        : changeDomain(writer, actor, existing, settings, scope);
    changes.push({ isDefault: settings.default, change });
  }
  const oldDefault = state.domains.find(
    ({ name, settings }) => settings.default && !domains.some((each) => each.name === name),
  );
  const newDefault = domains.find((each) => each.default)?.name ?? elsewhere.defaultDomain;
  if (oldDefault === undefined || newDefault === undefined) return { steps, changes: inOrder(changes) };
  if (unnamed === "keep") {
    const reason = `found default true, expected false: "${oldDefault.name}" is kept, and is the default`;
    steps.push({ what: "domain", name: newDefault, change: "refuse", reason });
  } else {
    const change = changeDomain(writer, actor, oldDefault, { ...oldDefault.settings, default: false }, scope);
    changes.push({ isDefault: false, change });
  }
  return { steps, changes: inOrder(changes) };
}

/** Orders changes so that the old default domain is changed before another domain becomes the default. */
function inOrder(changes: readonly PlannedDomain[]): readonly Change[] {
  return [...changes].sort((a, b) => Number(a.isDefault) - Number(b.isDefault)).map(({ change }) => change);
}
