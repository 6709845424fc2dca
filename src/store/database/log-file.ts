/**
 * The write-ahead log of a database, read beside SQLite. SQLite keeps in memory where the log ends. So if another
 * process cuts the log off, or overwrites it with an older copy, SQLite continues behind the missing part, and a restart
 * finds none of what follows.
 *
 * The log is a header and frames of one page each. Both have the salts of their generation: when the log begins again,
 * the first salt is one more. Each frame has a checksum of everything before it.
 *
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";

const headerOctets = 32;
const frameHeaderOctets = 24;

/** SQLite allows no larger page. A longer one in a header is damage, and no buffer is allocated for it. */
const pageOctetsMax = 65_536;

/** The log begins with one of two numbers: 0x377f0682, or 0x377f0683 with checksums of big-endian words. */
const magic = 0x377f0682;

/** A frame that the log had. */
interface Frame {
  /** From 1. */
  readonly number: number;
  readonly octets: Buffer;
}

/** One log, open for reading. */
export class LogFile {
  readonly #file: number;
  readonly #header = Buffer.alloc(headerOctets);
  readonly #frameHeader = Buffer.alloc(frameHeaderOctets);
  /** The newest frame as of the last commit. */
  #last: Frame | undefined;

  constructor(path: string) {
    this.#file = openSync(path, "r");
  }

  /** SQLite holds no lock on the log, so closing it here releases none. */
  close(): void {
    closeSync(this.#file);
  }

  /**
   * Whether frames of earlier commits are missing. Other processes may empty the log and begin it again, so a log
   * without octets is whole, unless this process has just written to it.
   *
   * @param wrote This process has just committed. Its newest frame is remembered for the next look.
   */
  isBroken(wrote: boolean): boolean {
    const octets = this.#readHeader();
    if (octets === 0) {
      this.#last = undefined;
      return wrote;
    }
    if (!this.#isHeader(octets)) return wrote || this.#last !== undefined;
    if (this.#last !== undefined && this.#lacks(this.#last)) return true;
    if (wrote) this.#last = this.#findLast();
    return false;
  }

  /** Whether a frame is missing that SQLite has not given up by beginning the log again. */
  #lacks(last: Frame): boolean {
    const salts = saltsOf(last.octets);
    if (this.#hasSalts(salts)) return !this.#hasFrame(last) && !this.#isValidTo(last.number, salts);
    // The header is of another generation. If SQLite has written further frames of this one, the header is a copy.
    const isLater = ((this.#header.readUInt32BE(16) - salts.readUInt32BE(0)) | 0) > 0;
    return !isLater && this.#isOf(last.number + 1, salts);
  }

  /** Whether a frame is as it was. Its page counts: of a log that was cut and has grown again, only that may differ. */
  #hasFrame({ number, octets }: Frame): boolean {
    return this.#read(number)?.equals(octets) ?? false;
  }

  /**
   * Whether all checksums are right as far as a frame. A frame may be overwritten although nothing is lost: a process
   * that was killed while it committed has left it, and the next commit takes its place.
   */
  #isValidTo(last: number, salts: Buffer): boolean {
    const isBigEndian = this.#header.readUInt32BE(0) !== magic;
    let sums: Sums = [this.#header.readUInt32BE(24), this.#header.readUInt32BE(28)];
    for (let number = 1; number <= last; number += 1) {
      const frame = this.#read(number);
      if (frame !== undefined && salts.equals(saltsOf(frame))) {
        sums = addTo(
          addTo(sums, frame.subarray(0, 8), isBigEndian),
          frame.subarray(frameHeaderOctets),
          isBigEndian,
        );
        if (sums[0] === frame.readUInt32BE(16) && sums[1] === frame.readUInt32BE(20)) continue;
      }
      // Another process may have begun the log again meanwhile.
      this.#readHeader();
      return !this.#hasSalts(salts);
    }
    return true;
  }

  /** Finds the last frame of this generation. What follows are frames of an earlier one, or nothing. */
  #findLast(): Frame | undefined {
    const salts = Buffer.from(this.#header.subarray(16, 24));
    const known =
      this.#last !== undefined && this.#hasSalts(saltsOf(this.#last.octets)) ? this.#last.number : 0;
    let [step, low] = [1, known];
    while (this.#isOf(low + step, salts)) {
      low += step;
      step *= 2;
    }
    while ((step = Math.floor(step / 2)) >= 1) if (this.#isOf(low + step, salts)) low += step;
    const octets = low === 0 ? undefined : this.#read(low);
    return octets && { number: low, octets };
  }

  /** Whether a frame has these salts. */
  #isOf(number: number, salts: Buffer): boolean {
    const octets = readSync(this.#file, this.#frameHeader, 0, frameHeaderOctets, this.#offsetOf(number));
    return octets === frameHeaderOctets && saltsOf(this.#frameHeader).equals(salts);
  }

  /** Reads a frame; undefined if it is not there in full. */
  #read(number: number): Buffer | undefined {
    const frame = Buffer.allocUnsafe(this.#frameOctets);
    const octets = readSync(this.#file, frame, 0, frame.length, this.#offsetOf(number));
    return octets === frame.length ? frame : undefined;
  }

  #readHeader(): number {
    return readSync(this.#file, this.#header, 0, headerOctets, 0);
  }

  #isHeader(octets: number): boolean {
    const pageOctets = this.#header.readUInt32BE(8);
    return (
      octets === headerOctets && (this.#header.readUInt32BE(0) & ~1) === magic && pageOctets <= pageOctetsMax
    );
  }

  #hasSalts(salts: Buffer): boolean {
    return salts.equals(this.#header.subarray(16, 24));
  }

  get #frameOctets(): number {
    return frameHeaderOctets + this.#header.readUInt32BE(8);
  }

  #offsetOf(number: number): number {
    return headerOctets + (number - 1) * this.#frameOctets;
  }
}

function saltsOf(frame: Buffer): Buffer {
  return frame.subarray(8, 16);
}

type Sums = readonly [number, number];

/** Adds octets to a checksum as the file format of SQLite says. */
function addTo([first, second]: Sums, octets: Buffer, isBigEndian: boolean): Sums {
  const wordAt = (at: number) => (isBigEndian ? octets.readUInt32BE(at) : octets.readUInt32LE(at));
  let [a, b] = [first, second];
  for (let at = 0; at < octets.length; at += 8) {
    a = (a + wordAt(at) + b) >>> 0;
    b = (b + wordAt(at + 4) + a) >>> 0;
  }
  return [a, b];
}
