import { expect, test } from "vitest";
import { parseUdp6, readKernelSockets } from "./kernel-sockets.ts";
import { openListener } from "./listener.ts";

/** /proc/net/udp6 of a little-endian machine. */
const udp6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  108: 00000000000000000000000001000000:2163 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 0
 7263: 000002FF000000000000000002000100:0223 00000000000000000000000000000000:0000 07 00000000:00000300 00:00000000 00000000     0        0 4712 2 0000000000000000 17
 7263: 000002FF000000000000000002000100:0223 00000000000000000000000000000000:0000 07 00000000:00000100 00:00000000 00000000     0        0 4713 2 0000000000000000 5
`;

test("parseUdp6() finds our sockets, and sums those that share an address", () => {
  expect(parseUdp6(udp6, new Set(["4711", "4712", "4713"]))).toEqual([
    { endpoint: "[::1]:8547", queuedOctets: 0, dropped: 0 },
    { endpoint: "[ff02::1:2]:547", queuedOctets: 1024, dropped: 22 },
  ]);
  expect(parseUdp6(udp6, new Set(["4712"]))).toMatchObject([{ dropped: 17 }]);
  expect(parseUdp6(udp6, new Set())).toEqual([]);
});

test.runIf(process.platform === "linux")("readKernelSockets() sees a socket of this process", async () => {
  const listener = await openListener({
    address: "::1",
    port: 0,
    receiveBufferOctets: 4096,
    onDatagram: () => undefined,
    onSendFailed: () => undefined,
    onError: () => undefined,
  });
  const endpoint = `[::1]:${listener.port}`;
  expect(readKernelSockets()).toContainEqual({ endpoint, queuedOctets: 0, dropped: 0 });
  await listener.close();
  expect(readKernelSockets().map((socket) => socket.endpoint)).not.toContain(endpoint);
});
