/** `probe.ts INTERFACE PORT`: see capture.ts. */
import { sendProbes } from "./capture.ts";

const [interfaceName, port] = process.argv.slice(2) as [string, string];
sendProbes(interfaceName, Number(port), 20);
