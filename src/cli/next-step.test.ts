import { expect, test } from "vitest";
import { clientFlagsFor } from "./next-step.ts";

test.each([
  [["[::1]:8547"], ""],
  [["[2001:db8::1]:8547"], " --server 2001:db8::1 --port 8547"],
  [["[2001:db8:1::1]:547"], " --server 2001:db8:1::1 --port 547 --local-port 546"],
  [["[ff02::1:2%v18a]:547"], " --server ff02::1:2 --port 547 --local-port 546 --interface v18a"],
  [["[fe80::1%eth1]:8547"], " --server fe80::1 --port 8547 --interface eth1"],
  [["[::1]:8547", "[ff02::1:2%v18a]:547"], " --local-port 546"],
])("a client of %j needs the flags %j", (listeners, flags) => {
  const endpoints = listeners.map((text) => {
    const [, address, port] = /^\[(.*)\]:(\d+)$/.exec(text)!;
    return { address: address!, port: Number(port) };
  });
  expect(clientFlagsFor(endpoints)).toBe(flags);
});
