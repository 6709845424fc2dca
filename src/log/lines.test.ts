import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { deno } from "../../test/support/deno.ts";
import { temporaryFolder } from "../../test/support/folder.ts";
import { openLogLines } from "./lines.ts";

const options = { octetsMax: 1000, retryMs: 5, exitWaitMs: 1000 };
const skipped = deno === undefined ? " (skipped: no deno)" : "";
const isTrue = { interval: 5, timeout: 10_000 };

function open(path: string, flags: number | string): number {
  const descriptor = openSync(path, flags);
  onTestFinished(() => {
    closeSync(descriptor);
  });
  return descriptor;
}

test("openLogLines() writes lines to a file, in their order", async () => {
  const file = join(await temporaryFolder(), "log");
  const lines = openLogLines(open(file, "w"), options);
  const written = Array.from({ length: 50 }, (_, line) => `line ${line}\n`);
  for (const line of written) lines.write(line);
  await vi.waitUntil(() => readFileSync(file, "utf8") === written.join(""), isTrue);
  expect(lines.lost()).toBe(0);
});

test("T17 openLogLines() counts each line that a full disk did not take", async () => {
  const lines = openLogLines(open("/dev/full", "w"), options);
  for (let line = 0; line < 10; line++) lines.write(`line ${line}\n`);
  await vi.waitUntil(() => lines.lost() === 10, isTrue);
});

/** A pipe, with both ends open here. */
async function openPipe() {
  const path = join(await temporaryFolder(), "pipe");
  execFileSync("mkfifo", [path]);
  const reading = open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writing = open(path, constants.O_WRONLY);
  const read = (): string => {
    const octets = Buffer.alloc(1024 * 1024);
    try {
      return octets.toString("utf8", 0, readSync(reading, octets));
    } catch {
      return "";
    }
  };
  return { path, writing, read };
}

test("T17 openLogLines() holds no more lines than it may for a pipe that nobody reads, and then says how many are missing", async () => {
  const { path, writing, read } = await openPipe();
  const filling = open(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const lines = openLogLines(writing, options);
  expect(() => {
    for (;;) writeSync(filling, "x".repeat(4096));
  }).toThrow("EAGAIN");
  const line = `${"y".repeat(99)}\n`;
  for (let count = 0; count < 100; count++) lines.write(line);
  // One is being written, nine wait.
  expect(lines.lost()).toBe(90);
  let text = "";
  await vi.waitUntil(() => (text += read()).includes("lost"), isTrue);
  expect(text.replaceAll("x", "").split("y\n").length).toBe(11);
  expect(JSON.parse(text.slice(text.indexOf("{")))).toMatchObject({ count: 90, msg: "log lines were lost" });
  lines.write("next\n");
  await vi.waitUntil(() => read() === "next\n", isTrue);
});

test("T17 openLogLines() writes to a socket", async () => {
  const accepted: Socket[] = [];
  const server = createServer((socket) => accepted.push(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const main = JSON.stringify(join(import.meta.dirname, "lines.ts"));
  const script = `import(${main}).then(({ openLogLines }) => openLogLines(2, { octetsMax: 1000, retryMs: 5, exitWaitMs: 1000 }).write("hello\\n"));`;
  // bash connects standard error to the server.
  const child = spawn("bash", [
    "-c",
    `exec ${process.execPath} --import tsx -e '${script}' 2>/dev/tcp/127.0.0.1/${port}`,
  ]);
  await once(child, "exit");
  accepted[0]!.setEncoding("utf8");
  expect(await once(accepted[0]!, "data")).toEqual(["hello\n"]);
});

/** Runs a script with standard error at a file, and returns what is in the file when it has ended. */
async function runScript(script: string): Promise<string> {
  const file = join(await temporaryFolder(), "log");
  const main = JSON.stringify(join(import.meta.dirname, "lines.ts"));
  const source = `import { openLogLines } from ${main}; ${script}`;
  execFileSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", source], {
    stdio: ["ignore", "ignore", open(file, "w")],
  });
  return readFileSync(file, "utf8");
}

test("T17 openLogLines() writes the last lines of a process that ends at once", async () => {
  const script = `
    const lines = openLogLines(2, { octetsMax: 1000, retryMs: 5, exitWaitMs: 1000 });
    for (let line = 0; line < 9; line++) lines.write("line " + line + "\\n");
    process.exit();
  `;
  expect(await runScript(script)).toBe(Array.from({ length: 9 }, (_, line) => `line ${line}\n`).join(""));
});

test("T17 openLogLines() does not wait for a pipe whose other users let writes block", async () => {
  const { path, writing } = await openPipe();
  const filling = open(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const main = JSON.stringify(join(import.meta.dirname, "lines.ts"));
  // A child process that inherits standard error makes it blocking for both.
  const script = `
    import { execFileSync } from "node:child_process";
    import { openLogLines } from ${main};
    const lines = openLogLines(2, { octetsMax: 1000, retryMs: 5, exitWaitMs: 1000 });
    lines.write("begin\\n");
    execFileSync("true", { stdio: "inherit" });
    process.stdin.once("data", () => {
      for (let line = 0; line < 100; line++) lines.write("y".repeat(99) + "\\n");
      process.stdout.write(String(lines.lost()));
      process.exit();
    });
    process.stdout.write("ready ");
  `;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    stdio: ["pipe", "pipe", writing],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exited = once(child, "exit");
  expect(String(((await once(child.stdout!, "data")) as [Buffer])[0])).toBe("ready ");
  expect(() => {
    for (;;) writeSync(filling, "x".repeat(4096));
  }).toThrow("EAGAIN");
  child.stdin!.write("go");
  const [lost] = (await once(child.stdout!, "data")) as [Buffer];
  expect(Number(lost)).toBe(90);
  expect(await exited).toEqual([0, null]);
});

test.skipIf(deno === undefined).each(["/dev/full", "a pipe"])(
  `T17 openLogLines() loses lines on Deno and goes on, with standard error at %s${skipped}`,
  async (where) => {
    const target = where === "a pipe" ? (await openPipe()).writing : open(where, "w");
    const main = JSON.stringify(join(import.meta.dirname, "lines.ts"));
    const script = `
      import { openLogLines } from ${main};
      const lines = openLogLines(2, { octetsMax: 1000, retryMs: 5, exitWaitMs: 1000 });
      const fill = () => {
        lines.write("y".repeat(999) + "\\n");
        if (lines.lost() < 100) return void setImmediate(fill);
        console.log("lost");
        Deno.exit(0);
      };
      fill();
    `;
    const file = join(await temporaryFolder(), "fill.ts");
    await writeFile(file, script);
    const child = spawn(deno!, ["run", "--no-prompt", "--quiet", file], {
      stdio: ["ignore", "pipe", target],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const exited = once(child, "exit");
    expect(String(((await once(child.stdout!, "data")) as [Buffer])[0])).toBe("lost\n");
    expect(await exited).toEqual([0, null]);
  },
);
