/**
 * How long a command waits for a server that says nothing.
 *
 * @module
 */

/** Ends a call when its server stays silent. */
export interface Silence {
  /** Aborts the call. */
  readonly signal: AbortSignal;
  /** Begins the wait anew: the server has sent something, or the reader of the answer wants more. */
  readonly heard: () => void;
  /** Stops waiting for a while: nothing is awaited from the server. */
  readonly pause: () => void;
  /** Ends the call, with what was not read of it. An open connection would keep the process running. */
  readonly end: () => void;
}

/**
 * Begins to wait for a server.
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
