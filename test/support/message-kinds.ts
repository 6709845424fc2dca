/**
 * Messages of a client by their kind, for tests that choose it at random.
 *
 * @module
 */
import {
  encodeDecline,
  encodeDiscover,
  encodeInitReboot,
  encodeRebinding,
  encodeRelease,
  encodeRenewing,
  encodeSelecting,
} from "../../src/client/query.ts";
import type { ClientProfile, ServerPair } from "../../src/client/query.ts";

/** Kinds of messages. `withdraw` is a REQUEST that chose another server, whose identifier is in its pair. */
export type MessageKind =
  "discover" | "select" | "renew" | "rebind" | "reboot" | "release" | "decline" | "withdraw";

/** What a message has besides its pair. */
export interface MessageParts {
  readonly xid: number;
  /** Option 109 of a REQUEST. */
  readonly softwire: Uint8Array | undefined;
  /** Option 80 of a DISCOVER. Default: no. */
  readonly rapidCommit?: boolean;
}

/** @param pair The hint of a DISCOVER. Only a DISCOVER can do without one. */
export function encodeKind(
  what: MessageKind,
  profile: ClientProfile,
  pair: ServerPair | undefined,
  parts: MessageParts,
): Uint8Array {
  const { xid, rapidCommit = false } = parts;
  if (what === "discover" || pair === undefined) {
    return encodeDiscover(profile, { xid, hint: pair ?? {}, rapidCommit });
  }
  switch (what) {
    case "select":
    case "withdraw":
      return encodeSelecting(profile, pair, parts);
    case "renew":
      return encodeRenewing(profile, pair, parts);
    case "rebind":
      return encodeRebinding(profile, pair, parts);
    case "reboot":
      return encodeInitReboot(profile, pair, parts);
    case "release":
      return encodeRelease(profile, pair, parts);
    case "decline":
      return encodeDecline(profile, pair, parts);
  }
}
