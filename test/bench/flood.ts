/**
 * Sends queries at a fixed rate, whether or not they are answered, and counts the answers.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { readUint32, writeUint16, writeUint32 } from "../../src/wire/octets.ts";

/** Counts of a flood, or of a part of it. */
export interface FloodCounts {
  readonly sent: number;
  /** Answers that arrived within the deadline. */
  readonly inTime: number;
  readonly late: number;
}

/** Length of a query in octets: that of a DHCPV4-QUERY with a typical DISCOVER. */
const queryOctets = 350;

/** Offset of the query's number: the start of the data of option 87. */
const numberAt = 8;

/** Number of latest queries whose send times are kept. */
const remembered = 2 ** 22;

/** Upper bound of datagrams sent in one turn of the event loop, so that answers are read in between. */
const burst = 64;

/**
 * Upper bound of overdue datagrams that a delayed generator still sends. The rest is skipped and not counted as sent,
 * because a burst larger than the receive buffer would measure the kernel.
 */
const behindMax = 2048;

/** Sends queries and counts answers. */
export class Flood {
  readonly #sockets: readonly Socket[];
  readonly #deadlineMs: number;
  readonly #sentAtMs = new Float64Array(remembered);
  #sent = 0;
  #inTime = 0;
  #late = 0;

  private constructor(sockets: readonly Socket[], deadlineMs: number) {
    this.#sockets = sockets;
    this.#deadlineMs = deadlineMs;
    for (const socket of sockets) {
      socket.on("message", (answer) => {
        this.#count(answer);
      });
    }
  }

  /** Opens sockets that are connected to a port of ::1. */
  static async open(port: number, sockets: number, deadlineMs: number): Promise<Flood> {
    const opened = Array.from({ length: sockets }, () => createSocket({ type: "udp6" }));
    for (const socket of opened) {
      await new Promise<void>((resolve) => {
        socket.connect(port, "::1", resolve);
      });
      socket.setRecvBufferSize(4 * 1024 * 1024);
    }
    return new Flood(opened, deadlineMs);
  }

  /** Counts since the flood was opened. */
  get counts(): FloodCounts {
    return { sent: this.#sent, inTime: this.#inTime, late: this.#late };
  }

  /** Sends `rate` queries a second for `seconds`, or fewer if this process cannot keep up. Returns the counts. */
  async run(rate: number, seconds: number): Promise<FloodCounts> {
    const before = this.counts;
    const beganMs = performance.now();
    for (let done = 0; ;) {
      const elapsedMs = performance.now() - beganMs;
      if (elapsedMs >= seconds * 1000) break;
      const behind = Math.floor((elapsedMs / 1000) * rate) - done;
      const due = Math.min(behind, burst);
      for (let each = 0; each < due; each++) this.#send();
      done += due + Math.max(behind - behindMax, 0);
      await new Promise(due < burst ? (resolve) => setTimeout(resolve, 1) : setImmediate);
    }
    const { sent, inTime, late } = this.counts;
    return { sent: sent - before.sent, inTime: inTime - before.inTime, late: late - before.late };
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }

  #send(): void {
    const number = this.#sent++;
    const query = new Uint8Array(queryOctets);
    query[0] = 20;
    writeUint16(query, 4, 87);
    writeUint16(query, 6, queryOctets - numberAt);
    writeUint32(query, numberAt, number);
    this.#sentAtMs[number % remembered] = performance.now();
    this.#sockets[number % this.#sockets.length]!.send(query);
  }

  #count(answer: Uint8Array): void {
    const waitedMs = performance.now() - this.#sentAtMs[readUint32(answer, numberAt) % remembered]!;
    if (waitedMs <= this.#deadlineMs) this.#inTime++;
    else this.#late++;
  }
}
