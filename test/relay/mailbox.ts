/**
 * A queue of events for which a test waits, one by one.
 *
 * @module
 */

/** A first-in, first-out queue with an asynchronous read. */
export class Mailbox<T> {
  readonly #waiting: ((item: T) => void)[] = [];
  readonly #items: T[] = [];

  /** Adds an item. */
  put(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#items.push(item);
    else waiting(item);
  }

  /** Resolves with the next item, as soon as there is one. */
  async next(): Promise<T> {
    return this.#items.length > 0
      ? this.#items.shift()!
      : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Number of unread items. */
  get size(): number {
    return this.#items.length;
  }
}
