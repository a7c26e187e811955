// The world's time and chance, passed as parameters everywhere else so that decisions can be tested.

export interface Clock {
  /** Monotonic milliseconds, with fractions; the origin has no meaning. */
  now(): number;
  /** Wall clock, milliseconds since 1970; for people and for BullMQ only. */
  wall(): number;
  /** Resolves after `ms`, or at once when the signal aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Uniform in [0, 1). */
  random(): number;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, Math.max(ms, 0));
      signal?.addEventListener("abort", done, { once: true });
    }),
  random: () => Math.random(),
};
