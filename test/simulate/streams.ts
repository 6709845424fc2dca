/**
 * Sequences of random numbers. Each part of a run has its own, so that a part that is taken away changes no other.
 *
 * @module
 */

/** Numbers of the sequences of one seed. Of several databases, hosts or clients, each adds its own number. */
export const streams = {
  scenario: 1,
  network: 3,
  kills: 4,
  pauses: 5,
  partitions: 6,
  outages: 7,
  operator: 8,
  operations: 9,
  databases: 10,
  tokenUses: 18,
  tokenHolders: 19,
  evidence: 20,
  polls: 21,
  clockSteps: 22,
  crashes: 23,
  secrets: 24,
  allocators: 100,
  relays: 200,
  clients: 1000,
} as const;
