/**
 * A relay as a service in this process, with its log in a mailbox, and the peers of the relay.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { onTestFinished } from "vitest";
import type * as v from "valibot";
import { parseRelaySettings } from "../../relay/config/config.ts";
import type { RelayConfig, schema } from "../../relay/config/config.ts";
import { startDaemon } from "../../relay/service/daemon.ts";
import type { Secrets } from "../../relay/config/secrets.ts";
import { decodeRelayPath } from "../../src/wire/dhcpv6/relay.ts";
import { Mailbox } from "./mailbox.ts";
import { mirror, startScriptedAllocator } from "./scripted-allocator.ts";
import type { Post, ScriptedAllocator } from "./scripted-allocator.ts";
import { openUdpPeer } from "./udp-peer.ts";

/** Settings as an operator writes them. */
export type RelaySettingsInput = v.InferInput<typeof schema>;

/** A log line. */
export type LogLine = Readonly<Record<string, unknown>>;

export const token = "0123456789abcdef";

/** Starts an allocator, which is closed after the test. */
export async function stageAllocator(
  ...options: Parameters<typeof startScriptedAllocator>
): Promise<ScriptedAllocator> {
  const allocator = await startScriptedAllocator(...options);
  onTestFinished(() => allocator.close());
  return allocator;
}

/** Opens a client's socket, which is closed after the test. */
export async function stagePeer() {
  const peer = await openUdpPeer();
  onTestFinished(() => {
    peer.close();
  });
  return peer;
}

/** @returns A UDP port that is free now. */
export async function freePort(): Promise<number> {
  const peer = await openUdpPeer();
  peer.close();
  return peer.port;
}

/** Creates a folder, which is removed after the test. */
export function stageFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "apportion-relay-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

/** Parses settings as from a file. By default there is one listener, on a free port. */
export function configOf(input: RelaySettingsInput, secrets: Partial<Secrets> = {}): RelayConfig {
  const settings = parseRelaySettings({ listeners: [{ address: "::1", port: 0 }], ...input });
  return { ...settings, secrets: { token, ...secrets } };
}

/** Starts a service whose settings the test can change. */
export async function stageDaemon(config: RelayConfig) {
  const lines = new Mailbox<LogLine>();
  const allLines: string[] = [];
  const log = pino(
    { base: null, timestamp: false },
    {
      write: (line) => {
        allLines.push(line);
        lines.put(JSON.parse(line) as LogLine);
      },
    },
  );
  const state: { config: RelayConfig | Error } = { config };
  const readConfig = () => {
    if (state.config instanceof Error) throw state.config;
    return state.config;
  };
  const daemon = await startDaemon(readConfig, log, undefined);
  onTestFinished(() => daemon.close());
  /** Waits for a line with this message, and skips the lines before it. */
  const logged = async (message: string): Promise<LogLine> => {
    for (;;) {
      const line = await lines.next();
      if (line.msg === message) return line;
    }
  };
  const reload = async (next: RelayConfig | Error): Promise<void> => {
    state.config = next;
    await daemon.reload();
  };
  return { daemon, logged, allLines, reload };
}

/** @returns The ports of the listeners in a log line. */
export function portsOf(line: LogLine): number[] {
  return (line.listeners as string[]).map((endpoint) => Number(/]:(\d+)$/.exec(endpoint)![1]));
}

/** Encodes a query that contains a number. */
export const query = (id: number): Uint8Array =>
  Uint8Array.of(
    ...[20, 0, 0, 0], // DHCPV4-QUERY
    ...[0, 87, 0, 2, id >> 8, id & 255], // option 87
  );

export const reply = (message: Uint8Array): Uint8Array => message.with(0, 21);

export const idOf = (message: Uint8Array): number => message[8]! * 256 + message[9]!;

/** @returns The numbers in the queries of a POST. */
export const idsOf = (post: Post): number[] =>
  post.frames.map((frame) => idOf(decodeRelayPath(frame).message));

/** Answers every query of a POST. */
export function answerAll(post: Post): void {
  post.answer(post.frames.map((frame) => mirror(frame, reply)));
}

/** Answers every POST from now on. */
export function answerAlways({ posts }: ScriptedAllocator): void {
  void (async () => {
    for (;;) answerAll(await posts.next());
  })();
}
