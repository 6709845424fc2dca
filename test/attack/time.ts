/**
 * Attacks by time: messages that wait while a process stands still, and a clock that is set.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { MessageType, OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { decodeSeconds } from "../../src/wire/dhcpv4/options/seconds.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import { faketimeLibrary } from "../support/faketime.ts";
import type { Attack } from "./attack.ts";
import { pause, serverIdentifier } from "./field.ts";
import type { DomainInput, Field } from "./field.ts";
import { domainOf, linkOf, pairOnly } from "./parts.ts";

/** Milliseconds for which a process is stopped. */
const pauseMs = 150;

const place = (number: string) => ({ linkAddress: linkOf(number) });

/** A domain with one pair, which another client gets as soon as a lease of it ends. */
const barePair = (number: string, address: string): DomainInput =>
  domainOf(number, { ...pairOnly(`t${number}`, address), quarantineSeconds: 0 });

/**
 * A client leaves while a process is stopped, and comes back by the other path before the process goes on.
 *
 * @returns Whether its pair is still its own: nobody else gets it.
 */
async function overtake(field: Field, number: string, stopped: "relay" | "allocator"): Promise<boolean> {
  const client = field.client(1, place(number));
  const ack = await client.lease();
  const release = client.message(
    MessageType.release,
    {
      unicast: true,
      parameterRequestList: null,
      portParams: ack.portParams,
      header: { ciaddr: parseIPv4(ack.address) },
    },
    [[OptionCode.serverIdentifier, parseIPv4(serverIdentifier)]],
  );
  const goOn = pause(field.paths[0]![stopped]);
  try {
    await field.transmit(release.datagram);
    await field.client(1, place(number), { path: 1 }).lease();
    await delay(pauseMs);
  } finally {
    goOn();
  }
  await field.settle();
  return (await field.client(2, place(number), { path: 1 }).discover()) === undefined;
}

const waitsWhileStopped: Attack = {
  id: "T4",
  tried:
    "a RELEASE waits in a stopped relay, then allocator (SIGSTOP), while its client gets its pair again elsewhere",
  setup: {
    paths: 2,
    domains: [barePair("4", "198.18.4.7"), barePair("4a", "198.18.104.7")],
  },
  run: async (field) => {
    const relay = await overtake(field, "4", "relay");
    const allocator = await overtake(field, "4a", "allocator");
    const tell = (isKept: boolean): string => (isKept ? "lease kept" : "pair given to another");
    return {
      seen: `stopped for ${pauseMs} ms: relay: ${tell(relay)}; allocator: ${tell(allocator)}`,
      held: relay && allocator,
    };
  },
};

/** Steps of the machine's clock in seconds: 2 h and 10 years, either way, and back to the right time. */
const steps = [7200, -7200, 315_360_000, -315_360_000, 0];

const clockSteps: Attack = {
  id: "T9",
  tried: "the clock is set by 2 h and by 10 years, either way, and put right, while the only pair is leased",
  setup: { hasFakeClock: true, domains: [domainOf("9", pairOnly("t9", "198.18.9.7"))] },
  missing: faketimeLibrary === undefined ? "faketime" : undefined,
  run: async (field) => {
    const [holder, other] = [field.client(1, place("9")), field.client(2, place("9"))];
    const lease = await holder.lease();
    let [given, renewed, longest] = [0, 0, 0];
    for (const step of steps) {
      await field.clock!.set(step);
      if ((await other.discover()) !== undefined) given++;
      const ack = await holder.renew(lease);
      if (ack?.type !== "ack") continue;
      renewed++;
      longest = Math.max(longest, decodeSeconds(ack.message.options.get(OptionCode.leaseTime)!));
    }
    const told = field.lines.filter(({ msg }) => String(msg).includes("clock was set")).length;
    await holder.release(lease);
    const released = (await field.admin("GET", "/leases?domain=t9&state=bound")).body.items as unknown[];
    return {
      seen:
        `${steps.length} steps: ${given} times given to another, ${renewed} renewals of at most ${longest} s, ` +
        `${told} log lines; RELEASE ${released.length === 0 ? "obeyed" : "ignored"}`,
      held: given === 0 && renewed === steps.length && longest <= 86_400 && told > 0 && released.length === 0,
    };
  },
};

/** Attacks by time. */
export const timeAttacks: readonly Attack[] = [waitsWhileStopped, clockSteps];
