/**
 * A capture of both sides of the relay, for Wireshark. One interface has the UDP datagrams, including those to and from
 * DHCPv6 servers; the other has the frames to and from the allocators. Frames travel in HTTP, but the capture writes
 * each as a UDP datagram to port 547, so that Wireshark decodes it as a DHCPv6 message. In these datagrams the relay is
 * 100::547 and the allocators are 100::1, 100::2, … in the order of their first POSTs. These addresses are from the
 * discard-only block (RFC 6666), which real packets do not use.
 *
 * @module
 */
import { UsageError } from "../../src/failure.ts";
import { relayCaptureFlushMs } from "../../src/limits.ts";
import { serverPort } from "../../src/wire/dhcpv6/codes.ts";
import { isGroup } from "../endpoint.ts";
import type { Endpoint } from "../endpoint.ts";
import type { RelayLog, RelayObserver } from "../observer.ts";
import { encodeUdpPacket } from "./packet.ts";
import { PcapngFile } from "./pcapng.ts";

/** Settings of the capture. */
export interface CaptureConfig {
  /** Path of the file. Without it, nothing is captured. */
  readonly file?: string | undefined;
  /** Maximum octets on disk. */
  readonly octets: number;
}

/** Names of the interfaces, in the order of their numbers. */
const interfaces = ["datagrams", "allocators"];
const datagramSide = 0;
const allocatorSide = 1;

const relayEndpoint: Endpoint = { address: "100::547", port: serverPort };

/** A capture that can be started, stopped and moved to another file while the relay runs. */
export class Capture {
  readonly #log: RelayLog;
  readonly #endpoints = new Map<string, Endpoint>();
  #file: PcapngFile | undefined;
  #config: CaptureConfig | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: RelayLog) {
    this.#log = log;
  }

  /** Writes what the relay receives and sends to the capture. */
  readonly observer: RelayObserver = {
    received: (datagram, from, to) => {
      this.#write(datagramSide, from, to, datagram);
    },
    sent: (datagram, from, to) => {
      if (this.#file !== undefined) this.#write(datagramSide, withoutGroup(from), to, datagram);
    },
    posting: (allocator, frames) => {
      if (this.#file === undefined) return;
      for (const frame of frames)
        this.#write(allocatorSide, relayEndpoint, this.#endpointOf(allocator), frame);
    },
    posted: ({ allocator, outcome }) => {
      if (this.#file === undefined || outcome.kind !== "answers") return;
      for (const frame of outcome.frames)
        this.#write(allocatorSide, this.#endpointOf(allocator), relayEndpoint, frame);
    },
  };

  /**
   * Opens the file of other settings, if they differ from the current ones.
   *
   * @returns `commit` switches the capture to the new file; `cancel` closes that file and changes nothing.
   * @throws {Error} If the file can't be written; then nothing has changed.
   */
  prepare(config: CaptureConfig): { readonly commit: () => void; readonly cancel: () => void } {
    const before = this.#config;
    if (config.file === before?.file && config.octets === before?.octets) {
      return { commit: () => undefined, cancel: () => undefined };
    }
    const file = config.file === undefined ? undefined : openCapture(config.file, config.octets);
    return {
      commit: () => {
        this.close();
        this.#file = file;
        this.#config = config;
        if (file !== undefined) this.#timer = setInterval(this.#flush, relayCaptureFlushMs).unref();
      },
      cancel: () => file?.close(),
    };
  }

  /** Stops the capture, and closes its file. */
  close(): void {
    clearInterval(this.#timer);
    const file = this.#file;
    this.#file = undefined;
    this.#config = undefined;
    this.#tryWriting(() => file?.close());
  }

  readonly #flush = (): void => {
    this.#tryWriting(() => this.#file?.flush());
  };

  #write(side: number, from: Endpoint, to: Endpoint, payload: Uint8Array): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#tryWriting(() => {
      file.write(side, encodeUdpPacket(from, to, payload), microseconds());
    });
  }

  /** Stops the capture on a write error, so that a full disk does not stop the relay. */
  #tryWriting(write: () => void): void {
    try {
      write();
    } catch (error) {
      const file = this.#file?.path;
      this.#file = undefined;
      this.#log.warn({ file, error: (error as Error).message }, "capture stopped: cannot write its file");
    }
  }

  #endpointOf(allocator: string): Endpoint {
    const known = this.#endpoints.get(allocator);
    if (known !== undefined) return known;
    const end = { address: `100::${(this.#endpoints.size + 1).toString(16)}`, port: serverPort };
    this.#endpoints.set(allocator, end);
    return end;
  }
}

function openCapture(path: string, octets: number): PcapngFile {
  try {
    return new PcapngFile(path, interfaces, octets);
  } catch (error) {
    const found = `found ${(error as Error).message}`;
    const expected =
      "expected --pcap or capture.file to name a new file, or a capture, that this user may write";
    throw new UsageError(`Cannot capture to ${path}: ${found}, ${expected}`, { cause: error });
  }
}

/** Replaces a group by `::`. A socket bound to a group sends from a link's address, which only the kernel knows. */
function withoutGroup({ address, port }: Endpoint): Endpoint {
  return isGroup(address) ? { address: "::", port } : { address, port };
}

function microseconds(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}
