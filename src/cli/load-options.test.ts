import { Command } from "commander";
import { expect, test } from "vitest";
import { addLoadOptions, loadOptionsOf, preparationOf } from "./load-options.ts";
import type { LoadFlags } from "./load-options.ts";

function flagsOf(line: string): LoadFlags {
  return addLoadOptions(new Command()).parse(line.split(" "), { from: "user" }).opts();
}

test("the leases that are renewed are made at the rate of the load, once each and without its losses", () => {
  const flags = flagsOf("--mode renew --rate 10 --for 5s --loss 20");
  expect(loadOptionsOf(flags)).toMatchObject({ perSecond: 10, beginsForMs: 5000, lossRatio: 0.2 });
  expect(preparationOf(flags)).toMatchObject({ perSecond: 10, beginsForMs: undefined, lossRatio: 0 });
});

test("an avalanche of renewals has no avalanche before it", () => {
  const flags = flagsOf("--mode renew --avalanche --clients 5000");
  expect([loadOptionsOf(flags).inFlight, preparationOf(flags).inFlight]).toEqual([5000, 256]);
});
