import { createHash } from "node:crypto";
import { DatabaseFolder } from "./template.ts";
import { scenarioOf } from "./scenario.ts";
import { Simulation } from "./simulation.ts";
const digest = (_a: unknown, data: Uint8Array) =>
  Promise.resolve(new Uint8Array(createHash("sha256").update(data).digest()).buffer);
Object.defineProperty(crypto.subtle, "digest", { value: digest });
const [seed, seeds, exchanges, trace] = process.argv.slice(2).map(Number);
const folder = new DatabaseFolder();
await folder.prepare();
let total = 0, grants = 0; const t = process.cpuUsage();
const sums = new Map<string, number>();
for (let s = seed!; s < seed! + seeds!; s++) {
  const events: string[] = [];
  const scenario = scenarioOf(s);
  const sim = new Simulation(scenario, { exchanges: exchanges!, onEvent: (at, text) => { events.push(`${at.toFixed(1)} ${text}`); } }, folder);
  const c0 = process.cpuUsage();
  try {
    const r = await sim.run();
    total += r.exchanges; grants += r.grants;
    for (const [k, v] of r.faults) sums.set(k, (sums.get(k) ?? 0) + v);
    if (process.env.ALWAYS) console.log(events.join("\n")); const c1 = process.cpuUsage(c0); const ms = (c1.user + c1.system) / 1000;
    console.log(s, r.hash.slice(0, 12), `${r.exchanges} ex ${r.grants} gr ${(r.virtualMs / 1000).toFixed(0)} s virtual ${r.steps} steps ${ms.toFixed(0)} ms ${(r.exchanges / ms * 1000).toFixed(0)}/s`, `steps/ex ${(r.steps/r.exchanges).toFixed(1)} commits ${r.commits}`);
  } catch (e) {
    console.log(s, "FAIL", String((e as Error).message).slice(0, 1500), (e as Error).name === "Violation" ? "" : (e as Error).stack);
    if (trace) {  console.log(JSON.stringify(scenario)); console.log(events.slice(-trace).join("\n")); }
  }
}
console.log(total, grants, `${(total / ((u => (u.user + u.system) / 1e6)(process.cpuUsage(t)))).toFixed(0)} exchanges/s`, Object.fromEntries(sums));
folder.close();
