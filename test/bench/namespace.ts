/**
 * Runs the bench in a network namespace of its own, so that a peer can have its usual ports.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";

/** Set in the process that runs in the namespace. */
const mark = "APPORTION_BENCH_NAMESPACE";

/** The receive buffer of sockets that set none, in octets. Only the machine's own namespace has it. */
const bufferSetting = "/proc/sys/net/core/rmem_default";

/** What the process in the namespace asks for: to set this many octets. The answer is what they were before. */
interface BufferRequest {
  readonly octets: number;
}

/** @returns Whether this process runs in a namespace of its own. */
export function isInNamespace(): boolean {
  return process.env[mark] !== undefined;
}

/**
 * Runs this program with its arguments once more, in a new namespace, until it ends.
 *
 * @param signal Ends it.
 * @returns Its exit code.
 */
export async function runInNamespace(signal: AbortSignal): Promise<number> {
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn("unshare", ["--net", "--", ...command], {
    env: { ...process.env, [mark]: "1" },
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  const before = readBuffer();
  child.on("message", ({ octets }: BufferRequest) => {
    const was = readBuffer();
    writeFileSync(bufferSetting, String(octets));
    child.send({ octets: was } satisfies BufferRequest);
  });
  signal.addEventListener("abort", () => child.kill("SIGTERM"), { once: true });
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, endedBy) => {
        resolve(code ?? 128 + constants.signals[endedBy ?? "SIGKILL"]);
      });
    });
  } finally {
    if (readBuffer() !== before) writeFileSync(bufferSetting, String(before));
  }
}

function readBuffer(): number {
  return Number(readFileSync(bufferSetting, "utf8"));
}

/**
 * Sets the receive buffer of sockets that set none, for the whole machine, while something runs.
 *
 * @param octets The buffer.
 * @param run Opens sockets.
 * @returns The result, and the buffer that was set before.
 */
export async function withReceiveBuffer<T>(
  octets: number,
  run: () => Promise<T>,
): Promise<{ readonly result: T; readonly octetsBefore: number }> {
  const octetsBefore = await setBuffer(octets);
  try {
    return { result: await run(), octetsBefore };
  } finally {
    await setBuffer(octetsBefore);
  }
}

function setBuffer(octets: number): Promise<number> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) {
      reject(new Error("Cannot set the receive buffer: found no process outside of the namespace"));
      return;
    }
    process.once("message", (answer: BufferRequest) => {
      resolve(answer.octets);
    });
    process.send({ octets } satisfies BufferRequest);
  });
}
