/**
 * A recording: bodies of POSTs to `/v1/relay` with the clock at each, what was answered, and the leases and ended tenures
 * afterwards.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";

/** One POST. */
export interface RecordedPost {
  /** The clock of the database, in milliseconds of Unix time. */
  readonly atMs: number;
  /** Milliseconds since the oldest message reached its relay. */
  readonly ageMs: number;
  /** Frames, in base64. */
  readonly body: string;
  /** Frames in the order of their octets, in base64. */
  readonly answers: string;
}

/** A recording. */
export interface Recording {
  readonly posts: readonly RecordedPost[];
  /** Rows as JSON, binary columns in hexadecimal. */
  readonly leases: readonly string[];
  readonly history: readonly string[];
}

const path = join(import.meta.dirname, "recording.json.gz");

/** @returns The recording of the repository. */
export function readRecording(): Recording {
  return JSON.parse(gunzipSync(readFileSync(path)).toString("utf8")) as Recording;
}

/** Replaces the recording of the repository. */
export function writeRecording(recording: Recording): void {
  writeFileSync(path, gzipSync(JSON.stringify(recording), { level: 9 }));
}
