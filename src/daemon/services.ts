// Things that begin and end in; one that begins them in order and ends them in reverse, each of them alike, out.
import type { Clock } from "../clock.ts";

/** How a service is told to end. */
export interface Signals {
  /** Aborted first: take nothing new, bring to an end what is under way. */
  readonly soft: AbortSignal;
  /** Aborted at the deadline: break off what is left. */
  readonly hard: AbortSignal;
}

export interface Service {
  readonly name: string;
  /** Resolves when it is ready; rejects when it cannot be. Does nothing once it was stopped. May be called twice. */
  start(): Promise<void>;
  /**
   * Resolves when all of it has ended, however it did. May be called twice, and before it was started: it is not started then.
   * @param hard aborted when there is no more time
   */
  stop(hard: AbortSignal): Promise<void>;
  /** Rejects when it failed after it was ready; never resolves. */
  readonly failed: Promise<never>;
}

/** @param work calls `ready` when others may rely on it, and returns when `soft` was aborted and what it had has ended */
export function makeService(name: string, work: (signals: Signals, ready: () => void) => Promise<void>): Service {
  const [soft, hard] = [new AbortController(), new AbortController()];
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  let started: Promise<void> | null = null;
  let ended: Promise<void> = Promise.resolve();

  function start(): Promise<void> {
    const ready = Promise.withResolvers<void>();
    let isReady = false;
    const working = work({ soft: soft.signal, hard: hard.signal }, () => {
      isReady = true;
      ready.resolve();
    });
    ended = working.then(
      // One that had nothing to do is ready all the same.
      () => ready.resolve(),
      (error: unknown) => (isReady ? failure.reject(error) : ready.reject(error)),
    );
    return ready.promise;
  }

  return {
    name,
    failed: failure.promise,
    start() {
      if (soft.signal.aborted) return Promise.resolve();
      started ??= start();
      return started;
    },
    stop(deadline) {
      soft.abort();
      const cut = () => hard.abort();
      if (deadline.aborted) cut();
      else deadline.addEventListener("abort", cut, { once: true });
      return ended.finally(() => deadline.removeEventListener("abort", cut));
    },
  };
}

/** Starts each when the one before it is ready, and stops them one after the other, the last one first. */
export function inOrder(name: string, services: readonly Service[]): Service {
  return makeService(name, async ({ soft, hard }, ready) => {
    const begun: Service[] = [];
    try {
      for (const service of services) {
        if (soft.aborted) return;
        begun.push(service);
        await service.start();
      }
      ready();
      await Promise.race([aborted(soft), ...services.map(({ failed }) => failed)]);
    } finally {
      for (const service of begun.reverse()) await service.stop(hard);
    }
  });
}

/** Resolves when everything has ended, or `ms` and a last moment after `hard` have passed: false then. */
export async function stopWithin(service: Service, ms: number, lastMs: number, clock: Clock): Promise<boolean> {
  const [hard, done] = [new AbortController(), new AbortController()];
  const stopped = service.stop(hard.signal).then(() => done.abort());
  stopped.catch(() => {});
  await clock.sleep(ms, done.signal);
  hard.abort();
  await clock.sleep(lastMs, done.signal);
  return done.signal.aborted;
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
