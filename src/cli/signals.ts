// Ctrl-C and SIGTERM in; a soft stop at the first and an end at once at the second, out.
import { EXIT } from "../errors.ts";

export interface Stop {
  /** Aborted by the first signal: what is in flight ends, what is known is written. */
  readonly soft: AbortSignal;
  /** Aborted by the second signal, in the instant before the process exits. */
  readonly hard: AbortSignal;
  /** As if a signal had come. */
  request(): void;
  /** Gives the signals back to the system. May be called twice. */
  release(): void;
}

/** `stopping` is called at the first signal, with words for people. */
export function onStop(stopping: (line: string) => void): Stop {
  const soft = new AbortController();
  const hard = new AbortController();
  const request = () => {
    if (soft.signal.aborted) {
      hard.abort();
      process.exit(EXIT.interrupted);
    }
    // First the abort: a screen that cannot be written must not keep the run going.
    soft.abort();
    stopping("stopping: requests in flight end and their outcomes are written; once more to stop at once");
  };
  process.on("SIGINT", request).on("SIGTERM", request);
  return {
    soft: soft.signal,
    hard: hard.signal,
    request,
    release: () => void process.off("SIGINT", request).off("SIGTERM", request),
  };
}
