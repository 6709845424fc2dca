/**
 * A UDP socket that a test uses from another namespace: `remote-socket.ts ADDRESS PORT [GROUP%INTERFACE]`.
 *
 * Each input line `HEX PORT ADDRESS` is sent. The first output line is `ready PORT`; then each received datagram is
 * printed as a line `HEX PORT ADDRESS`.
 */
import { createSocket } from "node:dgram";
import { createInterface } from "node:readline";
import { decodeHex, encodeHex } from "../../../src/wire/hex.ts";

const [address, port, group] = process.argv.slice(2) as [string, string, string?];
const socket = createSocket({ type: "udp6", ipv6Only: true });
socket.on("message", (octets, source) => {
  process.stdout.write(`${encodeHex(octets)} ${source.port} ${source.address}\n`);
});
socket.bind(Number(port), address, () => {
  if (group !== undefined) socket.addMembership(group.split("%", 1)[0]!, `::%${group.split("%")[1]}`);
  const zone = address.split("%")[1];
  if (zone !== undefined) socket.setMulticastInterface(`::%${zone}`);
  process.stdout.write(`ready ${socket.address().port}\n`);
});
createInterface(process.stdin).on("line", (line) => {
  const [hex, toPort, to] = line.split(" ") as [string, string, string];
  socket.send(decodeHex(hex), Number(toPort), to);
});
