/**
 * A process of a campaign: runs the seeds that it is given.
 *
 * @module
 */
import { reportSeed } from "./campaign.ts";
import { MemoryWatch } from "./memory-watch.ts";
import { replaceOutside } from "./outside.ts";
import { DatabaseFolder } from "./template.ts";

replaceOutside();
const folder = new DatabaseFolder();
const memoryWatch = new MemoryWatch();
await folder.prepare();
process.on("message", (order: "end" | { readonly seed: number; readonly exchanges: number }) => {
  if (order === "end") {
    folder.close();
    process.disconnect();
    return;
  }
  void reportSeed(order.seed, order.exchanges, folder, memoryWatch).then((report) => process.send?.(report));
});
process.send?.("ready");
