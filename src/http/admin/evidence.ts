/**
 * Shows a subscriber in the API: decodes the octets stored with a lease and formats them as text.
 *
 * @module
 */
import * as v from "valibot";
import { tryDecode } from "../../wire/decode-error.ts";
import { decodeClientIdentifier } from "../../wire/dhcpv4/options/client-identifier.ts";
import { formatDuid } from "../../wire/duid.ts";
import { OptionCode6 } from "../../wire/dhcpv6/codes.ts";
import { findOption6 } from "../../wire/dhcpv6/options.ts";
import { decodeRemoteId } from "../../wire/dhcpv6/options/remote-id.ts";
import { decodeRelayPathRecord } from "../../wire/dhcpv6/relay-path.ts";
import type { RelayLevel } from "../../wire/dhcpv6/relay.ts";
import { encodeHex } from "../../wire/hex.ts";
import { formatIPv6 } from "../../wire/ipv6-address.ts";
import { showOctets } from "../../wire/octets-text.ts";

/** Octets of a relay: text if all are printable, otherwise `hex:` and digits, as for the lines of a declared domain. */
const octetsTextSchema = v.pipe(v.string(), v.description("Text, or `hex:` and the octets."));

const hexTextSchema = v.pipe(v.string(), v.description("Octets in hexadecimal."));

/** One relay on the path of the client's last REQUEST. */
const relayLevelSchema = v.strictObject({
  linkAddress: v.string(),
  peerAddress: v.string(),
  interfaceId: v.nullable(octetsTextSchema),
  remoteId: v.nullable(v.strictObject({ enterpriseNumber: v.number(), value: octetsTextSchema })),
  subscriberId: v.nullable(octetsTextSchema),
  linkLayerAddress: v.nullable(hexTextSchema),
});

/** Fields of leases and look-up answers that identify a client and show where it was attached. */
export const evidenceFields = {
  clientId: v.nullable(v.pipe(v.string(), v.description("Option 61 in hexadecimal, as received."))),
  duid: v.nullable(v.pipe(v.string(), v.description("The DUID in option 61, in hexadecimal (RFC 4361)."))),
  duidText: v.nullable(v.pipe(v.string(), v.description("The DUID with the name of its type."))),
  iaid: v.nullable(v.pipe(v.number(), v.integer(), v.description("The IAID in option 61."))),
  source: v.nullable(v.pipe(v.string(), v.description("IPv6 source address of the last REQUEST."))),
  softwire: v.nullable(v.pipe(v.string(), v.description("Softwire source address (RFC 8539)."))),
  site: v.nullable(v.pipe(v.string(), v.description("Customer site, whose leases `siteLeasesMax` limits."))),
  relayPath: v.pipe(
    v.array(relayLevelSchema),
    v.description("Relay path of the last REQUEST, outermost first. The first is the Apportion relay."),
  ),
  firstRelayPath: v.nullable(
    v.pipe(
      v.array(relayLevelSchema),
      v.description("The same for the REQUEST that began this tenure; null if it is not known."),
    ),
  ),
} as const;

type Evidence = v.InferOutput<v.StrictObjectSchema<typeof evidenceFields, undefined>>;

/** The octets that the store keeps about a subscriber. */
interface EvidenceOctets {
  readonly clientId: Uint8Array | null;
  readonly source: Uint8Array | null;
  readonly softwire: Uint8Array | null;
  readonly site: string | null;
  readonly relayPath: Uint8Array | null;
  readonly firstRelayPath: Uint8Array | null;
}

/** Formats evidence as text. Octets that cannot be decoded are shown in hexadecimal or omitted, not rejected. */
export function showEvidence(octets: EvidenceOctets): Evidence {
  const { clientId, source, softwire, site, relayPath, firstRelayPath } = octets;
  const identifier = tryDecode(decodeClientIdentifier, clientId ?? undefined);
  const { duid, iaid } = identifier?.kind === "rfc4361" ? identifier : { duid: null, iaid: null };
  return {
    clientId: clientId === null ? null : encodeHex(clientId),
    duid: duid === null ? null : encodeHex(duid),
    duidText: duid === null ? null : formatDuid(duid),
    iaid,
    source: source === null ? null : formatIPv6(source),
    softwire: softwire === null ? null : formatIPv6(softwire),
    site,
    relayPath: showPath(relayPath),
    firstRelayPath: firstRelayPath === null ? null : showPath(firstRelayPath),
  };
}

function showPath(record: Uint8Array | null): Evidence["relayPath"] {
  return (tryDecode(decodeRelayPathRecord, record ?? undefined) ?? []).map(showLevel);
}

function showLevel({ linkAddress, peerAddress, options }: RelayLevel): Evidence["relayPath"][number] {
  const option = (code: number) => findOption6(options, code);
  const text = (octets: Uint8Array | undefined) => (octets === undefined ? null : showOctets(octets));
  const remoteId = tryDecode(decodeRemoteId, option(OptionCode6.remoteId));
  const linkLayer = option(OptionCode6.clientLinkLayerAddress);
  return {
    linkAddress: formatIPv6(linkAddress),
    peerAddress: formatIPv6(peerAddress),
    interfaceId: text(option(OptionCode6.interfaceId)),
    remoteId:
      remoteId === undefined
        ? null
        : { enterpriseNumber: remoteId.enterprise, value: showOctets(remoteId.remoteId) },
    subscriberId: text(option(OptionCode6.subscriberId)),
    linkLayerAddress: linkLayer === undefined ? null : encodeHex(linkLayer),
  };
}
