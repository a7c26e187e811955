// A way to start a worker process in; one process that many runs use as if each had it alone, out.
import type { SpawnedWorker } from "./spawn.ts";

export interface SharedWorker {
  /** For one run: it ends with the run only where `stop` is aborted, as when all of them are to end. */
  lend(stop: AbortSignal): SpawnedWorker;
  /** Lets it end what is in flight; resolves when it is gone. May be called twice. */
  end(): Promise<void>;
}

/** All runs have the same settings and the same key; `launch` is called again where a run had to kill the process. */
export function shareWorker(launch: () => SpawnedWorker): SharedWorker {
  let worker = launch();
  let started = false;
  return {
    lend: (stop) => ({
      start({ settings, key }) {
        if (!started) worker.start({ settings, key, run: null });
        started = true;
      },
      async stop() {
        if (stop.aborted) await worker.stop();
      },
      kill() {
        worker.kill();
        if (stop.aborted) return;
        worker = launch();
        started = false;
      },
    }),
    end: () => worker.stop(),
  };
}
