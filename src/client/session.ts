/**
 * The exchanges of a client: obtain a lease, extend it, end it (RFC 2131 §4.4, RFC 7618 §7).
 *
 * ```ts
 * import { obtainLease } from "./session.ts";
 *
 * const outcome = await obtainLease(session, { hint: {}, softwire: undefined });
 * if (outcome.kind === "lease") outcome.lease.address;
 * ```
 *
 * @module
 */
import { MessageType6 } from "../wire/dhcpv6/codes.ts";
import { encodeRelayMessage } from "../wire/dhcpv6/relay.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import { OptionCode } from "../wire/dhcpv4/codes.ts";
import { chooseOffer } from "./answer.ts";
import type { Answer, IgnoreReason, ServerLease, Parameters } from "./answer.ts";
import { exchange } from "./exchange.ts";
import type { Link } from "./link.ts";
import {
  encodeDecline,
  encodeDiscover,
  encodeInform,
  encodeInitReboot,
  encodeRebinding,
  encodeRelease,
  encodeRenewing,
  encodeSelecting,
} from "./query.ts";
import type { ClientProfile, Hint, LeasedPair, ServerPair } from "./query.ts";
import type { Timing } from "../timing.ts";

/** A client with its link, identity and timing. */
export interface Session {
  readonly link: Link;
  readonly profile: ClientProfile;
  /** The RELAY-FORW level to send queries in, as if the client were also a relay; undefined sends bare queries. */
  readonly relay: RelayLevel | undefined;
  readonly timing: Timing;
  /** Milliseconds before the first retransmission; RFC 2131 §4.1 recommends 4000. */
  readonly firstDelayMs: number;
  /** Time to give up, in milliseconds on the clock of `timing`. */
  readonly deadlineMs: number;
  /** Milliseconds to wait for more offers after the first. */
  readonly gatherMs: number;
  /** Which of several offers to take (R7618-5-05). */
  readonly prefers: "full" | "shared";
  /** Ignore an OFFER without option 90 (RFC 8539 §7.1). */
  readonly needsBorderRelay: boolean;
}

/** How many queries were sent, how many datagrams were ignored, and the last socket error. */
export interface Trace {
  readonly sent: number;
  readonly ignored: ReadonlyMap<IgnoreReason, number>;
  readonly error: Error | undefined;
}

/** Result of a message that expects an answer. */
export type Outcome =
  | {
      readonly kind: "lease";
      readonly lease: ServerLease;
      readonly parameters: Parameters;
      readonly trace: Trace;
    }
  | {
      readonly kind: "parameters";
      readonly serverIdentifier: number;
      readonly parameters: Parameters;
      readonly trace: Trace;
    }
  | {
      readonly kind: "refused";
      readonly serverIdentifier: number;
      readonly message: string | undefined;
      readonly trace: Trace;
    }
  | { readonly kind: "no-answer"; readonly awaited: "offer" | "ack"; readonly trace: Trace };

/** The REQUESTs of a client that has a lease, named after its state (RFC 2131 §4.3.2). */
export type Extension = "init-reboot" | "renewing" | "rebinding";

const extensionEncoders = {
  "init-reboot": encodeInitReboot,
  renewing: encodeRenewing,
  rebinding: encodeRebinding,
} as const satisfies Record<Extension, typeof encodeRenewing>;

/**
 * Obtains a lease: DISCOVER, OFFER, REQUEST, ACK.
 *
 * @param session The client.
 * @param wishes.hint Address and port set that the DISCOVER asks for.
 * @param wishes.softwire Option 109 of the REQUEST.
 */
export async function obtainLease(
  session: Session,
  wishes: { readonly hint: Hint; readonly softwire: Uint8Array | undefined },
): Promise<Outcome> {
  const xid = randomXid(session.timing);
  const discover = encodeDiscover(session.profile, { xid, hint: wishes.hint });
  const offered = await runExchange(session, discover, { xid, kinds: ["offer"], gatherMs: session.gatherMs });
  const [first, ...others] = offered.answers.filter((answer) => answer.kind === "offer");
  if (first === undefined) return { kind: "no-answer", awaited: "offer", trace: offered.trace };
  const offer = chooseOffer([first, ...others], session.prefers);
  // The REQUEST of state SELECTING uses the xid of the OFFER (RFC 2131 table 5).
  const request = encodeSelecting(session.profile, offer.lease, { xid, softwire: wishes.softwire });
  const outcome = await requestLease(session, request, xid);
  const trace = joinTraces(offered.trace, outcome.trace);
  if (outcome.kind !== "lease") return { ...outcome, trace };
  return { ...outcome, parameters: withOffered(outcome.parameters, offer.parameters), trace };
}

/** RFC 8539 §5: the border relay comes with the OFFER, and the ACK need not repeat it. */
function withOffered(acked: Parameters, offered: Parameters): Parameters {
  return {
    ...acked,
    borderRelays: acked.borderRelays.length > 0 ? acked.borderRelays : offered.borderRelays,
    bindPrefix: acked.bindPrefix ?? offered.bindPrefix,
  };
}

/**
 * Asks the server to extend a lease, or to confirm it after a reboot.
 *
 * @param session The client.
 * @param extension The client's state, which determines the form of the REQUEST.
 * @param parts.pair The leased address and port set.
 * @param parts.softwire Option 109, which every REQUEST that extends a lease repeats (R8539-7.2-01).
 */
export function extendLease(
  session: Session,
  extension: Extension,
  parts: { readonly pair: LeasedPair; readonly softwire: Uint8Array | undefined },
): Promise<Outcome> {
  const xid = randomXid(session.timing);
  const request = extensionEncoders[extension](session.profile, parts.pair, {
    xid,
    softwire: parts.softwire,
  });
  return requestLease(session, request, xid);
}

/**
 * Requests parameters without a lease (INFORM).
 *
 * @param session The client.
 * @param parts.address The address that the client already has.
 * @param parts.knowsServer Sets the U flag (RFC 7341 §8).
 */
export async function requestParameters(
  session: Session,
  parts: { readonly address: number; readonly knowsServer: boolean },
): Promise<Outcome> {
  const xid = randomXid(session.timing);
  const inform = encodeInform(session.profile, { xid, ...parts });
  const { answers, trace } = await runExchange(session, inform, { xid, kinds: ["parameters"], gatherMs: 0 });
  const [answer] = answers;
  return answer?.kind === "parameters" ? { ...answer, trace } : { kind: "no-answer", awaited: "ack", trace };
}

/** Releases a lease. A RELEASE is not answered, so it is sent once (RFC 2131 §4.4.6). */
export function releaseLease(session: Session, pair: ServerPair): Promise<void> {
  const xid = randomXid(session.timing);
  return session.link.sendLast(wrapQuery(session, encodeRelease(session.profile, pair, { xid })));
}

/** Declines a lease that the client cannot use. A DECLINE is not answered, so it is sent once. */
export function declineLease(session: Session, pair: ServerPair): Promise<void> {
  const xid = randomXid(session.timing);
  return session.link.sendLast(wrapQuery(session, encodeDecline(session.profile, pair, { xid })));
}

async function requestLease(session: Session, request: Uint8Array, xid: number): Promise<Outcome> {
  const { answers, trace } = await runExchange(session, request, { xid, kinds: ["ack", "nak"], gatherMs: 0 });
  const [answer] = answers;
  switch (answer?.kind) {
    case "ack":
      return { kind: "lease", lease: answer.lease, parameters: answer.parameters, trace };
    case "nak":
      return {
        kind: "refused",
        serverIdentifier: answer.serverIdentifier,
        message: answer.message,
        trace,
      };
    default:
      return { kind: "no-answer", awaited: "ack", trace };
  }
}

interface TracedAnswers {
  readonly answers: readonly Answer[];
  readonly trace: Trace;
}

async function runExchange(
  session: Session,
  query: Uint8Array,
  { xid, kinds, gatherMs }: { xid: number; kinds: readonly Answer["kind"][]; gatherMs: number },
): Promise<TracedAnswers> {
  const { profile, relay, needsBorderRelay } = session;
  const expected = {
    xid,
    clientIdentifier: profile.clientIdentifier,
    sharesPorts: profile.parameterRequestList.includes(OptionCode.portParams),
    kinds,
    relay,
    needsBorderRelay,
  };
  const { answers, ...trace } = await exchange(session.link, wrapQuery(session, query), expected, {
    timing: session.timing,
    firstDelayMs: session.firstDelayMs,
    deadlineMs: session.deadlineMs,
    gatherMs,
  });
  return { answers, trace };
}

function wrapQuery({ relay }: Session, query: Uint8Array): Uint8Array {
  return relay === undefined ? query : encodeRelayMessage(MessageType6.relayForward, relay, query);
}

function joinTraces(a: Trace, b: Trace): Trace {
  const ignored = new Map(a.ignored);
  for (const [reason, count] of b.ignored) ignored.set(reason, (ignored.get(reason) ?? 0) + count);
  return { sent: a.sent + b.sent, ignored, error: b.error ?? a.error };
}

/** @returns A transaction identifier: unsigned 32 bits. */
function randomXid({ random }: Timing): number {
  return Math.floor(random() * 2 ** 32);
}
