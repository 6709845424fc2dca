/**
 * A capture file of bounded size, in Wireshark's native format (draft-ietf-opsawg-pcapng).
 *
 * @module
 */
import { closeSync, existsSync, openSync, readSync, renameSync, statSync, writeSync } from "node:fs";
import { relayCaptureBufferOctets } from "../../src/limits.ts";

/** LINKTYPE_RAW: a packet begins with its IP header. */
const linkTypeRaw = 101;

/** Octets of an Enhanced Packet Block without the packet. */
const packetBlockOctets = 32;

/** Only the owner may read a capture, because it contains customers' traffic. */
const fileMode = 0o600;

/** A capture file. */
export class PcapngFile {
  readonly path: string;
  readonly #interfaces: readonly string[];
  readonly #octetsMax: number;
  #descriptor: number;
  #octets = 0;
  #chunks: Uint8Array[] = [];
  #chunkOctets = 0;

  /**
   * Starts a file. An existing file is renamed to `PATH.1`.
   *
   * @param interfaces Names of the interfaces, which Wireshark shows with the packets.
   * @param octetsMax Maximum octets on disk, both files together. Before `PATH` exceeds half of that, it is renamed to
   *   `PATH.1` and a new file is started.
   * @throws {Error} If the file can't be written.
   */
  constructor(path: string, interfaces: readonly string[], octetsMax: number) {
    this.path = path;
    this.#interfaces = interfaces;
    this.#octetsMax = octetsMax;
    this.#descriptor = this.#begin();
  }

  /**
   * Adds a packet.
   *
   * @param number Index of its interface in `interfaces`.
   * @param packet The packet, beginning with its IP header.
   * @param timeUs Microseconds since 1970.
   * @throws {Error} If the file can't be written.
   */
  write(number: number, packet: Uint8Array, timeUs: number): void {
    const block = encodePacketBlock(number, packet, timeUs);
    if (this.#octets + block.length > this.#octetsMax / 2) this.#rotate();
    this.#add(block);
    if (this.#chunkOctets >= relayCaptureBufferOctets) this.flush();
  }

  /**
   * Writes the buffered blocks to the file.
   *
   * @throws {Error} If the file can't be written.
   */
  flush(): void {
    if (this.#chunkOctets > 0) writeSync(this.#descriptor, Buffer.concat(this.#chunks));
    this.#chunks = [];
    this.#chunkOctets = 0;
  }

  /** Writes the buffered blocks, and closes the file. */
  close(): void {
    try {
      this.flush();
    } finally {
      closeSync(this.#descriptor);
    }
  }

  #begin(): number {
    if (existsSync(this.path)) {
      const former = `${this.path}.1`;
      for (const path of [this.path, former]) if (existsSync(path)) assertCapture(path);
      renameSync(this.path, former);
    }
    const descriptor = openSync(this.path, "wx", fileMode);
    this.#octets = 0;
    this.#add(encodeSectionHeader());
    for (const name of this.#interfaces) this.#add(encodeInterface(name));
    return descriptor;
  }

  #rotate(): void {
    this.flush();
    closeSync(this.#descriptor);
    this.#descriptor = this.#begin();
  }

  #add(block: Uint8Array): void {
    this.#chunks.push(block);
    this.#chunkOctets += block.length;
    this.#octets += block.length;
  }
}

/** Type of the block that each capture begins with. Its octets are the same in either byte order. */
const sectionHeaderType = 0x0a0d0d0a;

/**
 * A mistyped name must not cost another file.
 *
 * @throws {Error} If the file is neither empty nor a capture.
 */
function assertCapture(path: string): void {
  const status = statSync(path);
  if (status.isFile() && status.size === 0) return;
  const start = new Uint8Array(4);
  if (status.isFile()) {
    const descriptor = openSync(path, "r");
    readSync(descriptor, start);
    closeSync(descriptor);
  }
  if (new DataView(start.buffer).getUint32(0) === sectionHeaderType) return;
  throw new Error(`${path}, which is not a capture`);
}

/** Creates a block: type, length, body, length again. With both lengths, a file can be read in either direction. */
function createBlock(type: number, bodyOctets: number) {
  const length = 12 + bodyOctets;
  const octets = new Uint8Array(length);
  const view = new DataView(octets.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  view.setUint32(length - 4, length, true);
  return { octets, view };
}

const padded = (octets: number): number => Math.ceil(octets / 4) * 4;

function encodeSectionHeader(): Uint8Array {
  const { octets, view } = createBlock(sectionHeaderType, 16);
  view.setUint32(8, 0x1a2b3c4d, true); // byte-order magic
  view.setUint16(12, 1, true); // major version
  view.setUint16(14, 0, true); // minor version
  view.setBigInt64(16, -1n, true); // section length: unspecified
  return octets;
}

function encodeInterface(name: string): Uint8Array {
  const text = new TextEncoder().encode(name);
  const { octets, view } = createBlock(1, 8 + 4 + padded(text.length) + 4);
  view.setUint16(8, linkTypeRaw, true);
  view.setUint32(12, 0, true); // snapshot length: no limit
  view.setUint16(16, 2, true); // if_name
  view.setUint16(18, text.length, true);
  octets.set(text, 20); // the rest is padding, and opt_endofopt
  return octets;
}

function encodePacketBlock(number: number, packet: Uint8Array, timeUs: number): Uint8Array {
  const { octets, view } = createBlock(6, packetBlockOctets - 12 + padded(packet.length));
  view.setUint32(8, number, true);
  view.setUint32(12, Math.floor(timeUs / 2 ** 32), true);
  view.setUint32(16, timeUs % 2 ** 32, true);
  view.setUint32(20, packet.length, true); // captured
  view.setUint32(24, packet.length, true); // on the wire
  octets.set(packet, 28);
  return octets;
}
