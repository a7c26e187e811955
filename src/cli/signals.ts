// Ctrl-C and SIGTERM in; a soft stop at the first, and an end at once where a person insists, out.
import { EXIT } from "../errors.ts";

export interface Stop {
  /** Aborted by the first signal: what is in flight ends, what is known is written. */
  readonly soft: AbortSignal;
  /** Aborted by a Ctrl-C after that, in the instant before the process exits. */
  readonly hard: AbortSignal;
  /** As if SIGTERM had come. */
  request(): void;
  /** Gives the signals back to the system. May be called twice. */
  release(): void;
}

/** `stopping` is called at the first signal, with words for people. */
export function onStop(stopping: (line: string) => void): Stop {
  const soft = new AbortController();
  const hard = new AbortController();
  const stop = () => {
    if (soft.signal.aborted) return;
    // First the abort: a screen that cannot be written must not keep the run going.
    soft.abort();
    stopping("stopping: requests in flight end and their outcomes are written; Ctrl-C stops at once");
  };
  const interrupt = () => {
    if (!soft.signal.aborted) return stop();
    hard.abort();
    process.exit(EXIT.interrupted);
  };
  // Who sends SIGTERM may send it again; what cannot wait sends SIGKILL.
  process.on("SIGINT", interrupt).on("SIGTERM", stop);
  return {
    soft: soft.signal,
    hard: hard.signal,
    request: stop,
    release: () => void process.off("SIGINT", interrupt).off("SIGTERM", stop),
  };
}
