/**
 * The relay's side: a real relay for each setting. Datagrams go into its sockets, frames come out of its POSTs and go to
 * DHCPv6 servers, and mutated answers come back, together with good queries that must all be answered.
 *
 * @module
 */
import { FuzzedRelay } from "./fuzzed-relay.ts";
import type { OnOutcome } from "./fuzzed-relay.ts";
import type { Random } from "../support/random.ts";
import type { Down, Up } from "./relay-answers.ts";
import { relaySettings } from "./relay-settings.ts";

/** A relay for each setting. */
export class RelayTarget {
  readonly #relays: readonly FuzzedRelay[];

  private constructor(random: Random, onOutcome: OnOutcome) {
    this.#relays = relaySettings.map((config) => new FuzzedRelay(config, random, onOutcome));
  }

  /** Starts the relays. */
  static async open(random: Random, onOutcome: OnOutcome): Promise<RelayTarget> {
    const target = new RelayTarget(random, onOutcome);
    process.on("unhandledRejection", target.#onRejection);
    for (const relay of target.#relays) await relay.open();
    return target;
  }

  /** The message that was checked when something did not hold. */
  get current(): Up | Down | undefined {
    return this.#relays.find(({ current }) => current !== undefined)?.current;
  }

  /**
   * Gives a message to the relay of its setting.
   *
   * @returns Whether {@link turn} should run before the next message.
   */
  give(message: Up | Down): boolean {
    const relay = this.#relays[message.setting]!;
    if (message.target === "up") relay.receive(message);
    else relay.answer(message);
    return relay.isDue;
  }

  /** Lets all relays send what they have, and answers them. */
  async turn(): Promise<void> {
    for (const relay of this.#relays) await relay.turn();
  }

  async close(): Promise<void> {
    for (const relay of this.#relays) await relay.close();
    process.off("unhandledRejection", this.#onRejection);
  }

  readonly #onRejection = (error: unknown): void => {
    for (const relay of this.#relays) relay.fail(error);
  };
}
