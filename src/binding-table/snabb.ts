/**
 * The binding table for Snabb's lwAFTR (module `snabb-softwire-v3`): the configuration text of
 * `/softwire-config/binding-table`, and changes as commands of `snabb config`.
 *
 * Pitfalls of the module: the key is the pair, so a pair has one softwire, but a softwire address may have several
 * pairs. `reserved-ports-bit-count` is the PSID offset. A softwire needs the address of its border relay.
 *
 * @module
 */
import { formatIPv4 } from "../wire/ipv4-address.ts";
import { formatIPv6 } from "../wire/ipv6-address.ts";
import { sortChanges } from "./entry.ts";
import type { BindingEntry, BindingFormat } from "./entry.ts";

const path = "/softwire-config/binding-table/softwire";
const command = (verb: string): string => `snabb config ${verb} -s snabb-softwire-v3 "$LWAFTR"`;

/** The content of a `softwire` node. */
function fieldsOf({ domain, pool, address, psid, softwire }: BindingEntry): string {
  const { psidOffset, psidLength } = pool.geometry;
  return (
    `{ ipv4 ${formatIPv4(address)}; psid ${psid}; b4-ipv6 ${formatIPv6(softwire)}; ` +
    `br-address ${formatIPv6(domain.softwire.borderRelays[0]!)}; ` +
    `port-set { psid-length ${psidLength}; reserved-ports-bit-count ${psidOffset}; } }`
  );
}

const keyOf = ({ address, psid }: BindingEntry): string =>
  `${path}[ipv4=${formatIPv4(address)}][psid=${psid}]`;

/** Comments that name the domains without rows. */
const leftOutLines = (comment: string, leftOut: readonly string[]): string =>
  leftOut.map((reason) => `${comment} left out: ${reason}\n`).join("");

/** The format of Snabb's lwAFTR. */
export const snabb: BindingFormat = {
  mediaType: "text/plain; charset=utf-8",
  whyUnsupported: (_pool, domain) =>
    domain.softwire.borderRelays.length === 0
      ? `domain "${domain.name}" has no softwire.borderRelays, but Snabb needs a br-address`
      : undefined,
  begin: ({ version, date, leftOut }) =>
    `// version ${version}, ${date}\n${leftOutLines("//", leftOut)}softwire-config {\n  binding-table {\n`,
  beginDomain: () => [],
  entry: (entry) => `    softwire ${fieldsOf(entry)}\n`,
  endDomain: () => "",
  end: () => "  }\n}\n",
  *changes(changes, { version, date, leftOut }, since) {
    const { removed, changed, added } = sortChanges(changes);
    yield `# from version ${since} to ${version}, ${date}; LWAFTR is the name of the instance\n`;
    yield leftOutLines("#", leftOut);
    for (const entry of [...removed, ...changed]) yield `${command("remove")} '${keyOf(entry)}'\n`;
    for (const entry of [...changed, ...added]) yield `${command("add")} ${path} '${fieldsOf(entry)}'\n`;
  },
};
