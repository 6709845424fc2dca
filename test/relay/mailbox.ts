/**
 * Events that a test waits for, one by one, in their order.
 *
 * @module
 */

/** Takes what happens, and gives it to who waits. */
export class Mailbox<T> {
  readonly #waiting: ((item: T) => void)[] = [];
  readonly #items: T[] = [];

  /** Adds what happened. */
  put(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#items.push(item);
    else waiting(item);
  }

  /** Resolves with the next item, when there is one. */
  async next(): Promise<T> {
    return this.#items.length > 0
      ? this.#items.shift()!
      : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Items that no call has taken yet. */
  get size(): number {
    return this.#items.length;
  }
}
