/**
 * `npm run bench:worker`: measures the CPU time of workerd for one POST to the Worker. Cloudflare limits this time; its
 * free plan allows 10 ms.
 *
 * The bundle is the one that `wrangler deploy` would upload. It runs in its own workerd, with a real libSQL server.
 * POSTs are sent one at a time, so that all CPU time of the process belongs to them.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { parseDeclaration } from "../../src/declaration/declaration.ts";
import { prepareDatabase } from "../support/database.ts";
import { askBy, postTo } from "../support/allocator.ts";
import { clientProfile, says } from "../support/clients.ts";
import { startSqld } from "../support/sqld.ts";
import { startWorkerd } from "../support/workerd.ts";
import { benchDeclaration } from "./declaration.ts";
import { describeMachine } from "./report.ts";
import { readUsage } from "./usage.ts";

function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("Expected a positive whole number.");
  return Number(text);
}

const { batch, posts, warmUp } = new Command("bench:worker")
  .option("--batch <frames>", "messages in one POST", positive, 32)
  .option("--posts <count>", "measured POSTs of each kind", positive, 1000)
  .option("--warm-up <count>", "POSTs of each kind before the measurement", positive, 200)
  .parse()
  .opts<{ batch: number; posts: number; warmUp: number }>();

/** Measured POSTs of one kind. */
interface Cost {
  readonly postMs: number[];
  cpuSeconds: number;
}

const createCost = (): Cost => ({ postMs: [], cpuSeconds: 0 });

const folder = await mkdtemp(join(tmpdir(), "apportion-bench-"));
const closers: (() => Promise<void>)[] = [];
try {
  const clients = batch * (posts + warmUp);
  const sqld = await startSqld({ folder: join(folder, "sqld") });
  closers.push(() => sqld.kill());
  const declaration = parseDeclaration(benchDeclaration(clients, true), "bench");
  (await prepareDatabase({ url: sqld.url }, declaration)).close();
  const relayToken = randomBytes(32).toString("base64url");
  const worker = await startWorkerd(folder, {
    APPORTION_DATABASE_URL: sqld.url,
    APPORTION_RELAY_TOKEN: relayToken,
  });
  closers.push(worker.close);
  const ask = askBy(postTo(worker.url, relayToken));
  const clientsOf = (post: number) =>
    Array.from({ length: batch }, (_, index) => clientProfile(post * batch + index));

  const kinds = { discover: createCost(), request: createCost(), renew: createCost() };
  const timed = async <T>(
    kind: keyof typeof kinds,
    isMeasured: boolean,
    run: () => Promise<T>,
  ): Promise<T> => {
    const [begin, before] = [performance.now(), readUsage(worker.pid).cpuSeconds];
    const result = await run();
    if (!isMeasured) return result;
    kinds[kind].postMs.push(performance.now() - begin);
    kinds[kind].cpuSeconds += readUsage(worker.pid).cpuSeconds - before;
    return result;
  };
  for (let post = 0; post < warmUp + posts; post++) {
    const isMeasured = post >= warmUp;
    const profiles = clientsOf(post);
    const offers = await timed("discover", isMeasured, () =>
      ask(...profiles.map((each) => says.discover(each))),
    );
    const acks = await timed("request", isMeasured, () =>
      ask(...profiles.map((each, index) => says.selecting(each, offers[index]!))),
    );
    await timed("renew", isMeasured, () =>
      ask(...profiles.map((each, index) => says.renew(each, acks[index]!))),
    );
  }
  const machine = describeMachine();
  process.stdout.write(`${["npm run bench:worker --", ...process.argv.slice(2)].join(" ")}\n`);
  process.stdout.write(
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}\n`,
  );
  process.stdout.write(`${posts} POSTs of ${batch} messages of each kind, after ${warmUp} for warm-up\n`);
  for (const [kind, { postMs, cpuSeconds }] of Object.entries(kinds)) {
    const sorted = postMs.sort((a, b) => a - b);
    const p50 = sorted[Math.floor(sorted.length / 2)]!;
    process.stdout.write(
      `${kind.padEnd(9)} ${((cpuSeconds * 1000) / posts).toFixed(2)} ms CPU a POST, answered in ${p50.toFixed(1)} ms (median)\n`,
    );
  }
} finally {
  for (const close of closers.reverse()) await close();
  await rm(folder, { recursive: true, force: true });
}
