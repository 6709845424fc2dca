/**
 * When clients act. They act together, every few seconds: many messages in one POST are what is rare otherwise.
 *
 * @module
 */
import type { Random } from "../support/random.ts";

/** Retransmissions wait this long, twice as long each time (RFC 2131 §4.1). */
const firstRetryMs = 4000;
const impatientRetryMs = 250;
const lastRetryMs = 32_000;
/** Those who act together do so within this time. */
const togetherMs = 10;
/** They act at multiples of this time, those in a hurry at full seconds. */
export const gridMsUsual = 5000;

/** @returns Milliseconds from one copy of a message to the next one, before they are rounded. */
export function retryMs(tries: number, isPatient: boolean, random: Random): number {
  const firstMs = isPatient ? firstRetryMs : impatientRetryMs;
  return Math.min(lastRetryMs, firstMs * 2 ** (tries - 1)) * random.between(0.8, 1.2);
}

/** @returns A delay that ends when others act too. */
export function roundUp(delayMs: number, nowMs: number, random: Random): number {
  const gridMs = delayMs < gridMsUsual ? 1000 : gridMsUsual;
  return Math.ceil((nowMs + delayMs) / gridMs) * gridMs - nowMs + random.between(0, togetherMs);
}

/**
 * @param waveSeconds Seconds between two moments at which clients do something on their own.
 * @returns Milliseconds to the next one.
 */
export function toWaveMs(waveSeconds: number, nowMs: number, random: Random): number {
  const waveMs = waveSeconds * 1000;
  const next = (Math.floor(nowMs / waveMs) + 1) * waveMs;
  return next - nowMs + random.between(0, togetherMs);
}
