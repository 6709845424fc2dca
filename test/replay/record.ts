/**
 * Makes a recording: clients of every domain of the fuzzer's world lease, renew, give up, repeat themselves and speak
 * for each other, at times that let offers, leases and quarantines end.
 *
 * @module
 */
import { MessageType6, OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { encodeRelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import { encodeFrames } from "../../src/wire/frames.ts";
import { encodeDiscover, softwireOptionRequest } from "../../src/client/query.ts";
import type { ClientProfile, ServerPair } from "../../src/client/query.ts";
import { clientMessage, places } from "../fuzz/seeds.ts";
import { worldBegins } from "../fuzz/world.ts";
import { unwrap } from "../support/allocator.ts";
import { clientProfile, fullProfile, pairOf } from "../support/clients.ts";
import { Random } from "../support/random.ts";
import { ReplayedAllocator } from "./replay.ts";
import type { Replayed } from "./replay.ts";

const seed = 17;
const clientsCount = 160;
const postsCount = 120;
/** Messages of one POST. */
const batches = [1, 2, 8, 32, 96];
/** Milliseconds between two POSTs. */
const pauses = [3, 40, 900, 4000, 31_000];

interface RecordedClient {
  readonly profile: ClientProfile;
  readonly place: (typeof places)[number];
  held: ServerPair | undefined;
}

function clientOf(number: number, random: Random): RecordedClient {
  const fields = { optionRequest: number % 2 === 0 ? softwireOptionRequest : [] };
  const profile = number % 6 === 0 ? fullProfile(number) : clientProfile(number, fields);
  return { profile, place: random.pick(places), held: undefined };
}

/** What a client says next. Usually it is about its own pair, sometimes about that of another client. */
function messageOf(random: Random, client: RecordedClient, others: readonly RecordedClient[]): Uint8Array {
  const held = random.oneIn(12) ? random.pick(others).held : client.held;
  const hint = { xid: random.next(), hint: {} };
  return held === undefined
    ? encodeDiscover(client.profile, hint)
    : clientMessage(random, client.profile, held);
}

/** The name that our relay gives to a message is its number in the POST. */
function frameOf({ place }: RecordedClient, octets: Uint8Array, number: number): Uint8Array {
  const options = [{ code: OptionCode6.interfaceId, data: Uint8Array.of(number >> 8, number & 255) }];
  return encodeRelayMessage(MessageType6.relayForward, { hopCount: 0, ...place, options }, octets);
}

/** @returns A new recording. */
export async function record(): Promise<Replayed> {
  const random = new Random(seed);
  const clients = Array.from({ length: clientsCount }, (_, number) => clientOf(number, random));
  const allocator = await ReplayedAllocator.open();
  let atMs = worldBegins * 1000;
  for (let post = 0; post < postsCount; post++) {
    atMs += random.pick(pauses);
    const senders: RecordedClient[] = [];
    const messages: Uint8Array[] = [];
    for (let left = random.pick(batches); left > 0; left--) {
      const isRepeat = messages.length > 0 && random.oneIn(10);
      const client = isRepeat ? senders.at(-1)! : random.pick(clients);
      messages.push(isRepeat ? messages.at(-1)! : messageOf(random, client, clients));
      senders.push(client);
    }
    const frames = messages.map((octets, number) => frameOf(senders[number]!, octets, number));
    const body = Buffer.from(encodeFrames(frames)).toString("base64");
    for (const frame of await allocator.post({ atMs, ageMs: random.pick([0, 0, 5, 2000]), body })) {
      const answer = unwrap(frame);
      const [high, low] = answer.envelope.options[0]!.data as unknown as [number, number];
      const sender = senders[high * 256 + low]!;
      if (answer.type === "nak") sender.held = undefined;
      else if (answer.message.yiaddr !== 0) sender.held = pairOf(answer);
    }
  }
  return allocator.end();
}
