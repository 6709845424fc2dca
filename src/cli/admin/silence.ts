/**
 * How long a command waits for a server that says nothing.
 *
 * @module
 */

/** Ends a call when its server stays silent. */
export interface Silence {
  /** Aborts the call. */
  readonly signal: AbortSignal;
  /** Restarts the timeout: the server has sent something, or the command asks for more. */
  readonly heard: () => void;
  /** Stops the timeout: the command expects nothing from the server for now. */
  readonly pause: () => void;
  /** Ends the call, and discards the rest of the answer. An open connection would keep the process running. */
  readonly end: () => void;
}

/**
 * Starts the timeout.
 *
 * @param silenceMs Longest time between two signs of life, in milliseconds.
 * @param onSilence Returns the error of the calls that are aborted.
 */
export function watchSilence(silenceMs: number, onSilence: () => Error): Silence {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const pause = (): void => {
    clearTimeout(timer);
  };
  const heard = (): void => {
    pause();
    timer = setTimeout(() => {
      controller.abort(onSilence());
    }, silenceMs);
  };
  const end = (): void => {
    pause();
    controller.abort();
  };
  heard();
  return { signal: controller.signal, heard, pause, end };
}
