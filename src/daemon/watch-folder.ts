// One folder and the settings of `run` in; its files run by one worker process and one Redis until it is stopped, a line for each, out.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import type { Logger } from "pino";
import { systemClock as clock } from "../clock.ts";
import { condor as contract } from "../endpoint/condor.ts";
import { runFile } from "../pipeline.ts";
import type { Watch } from "../plan/job.ts";
import { makePlan } from "../plan/make-plan.ts";
import type { MappingSettings } from "../plan/plan.ts";
import { openRedis } from "../queue/embedded.ts";
import { endpointFingerprint } from "../queue/epoch.ts";
import { shareWorker } from "../send/share.ts";
import type { SpawnedWorker } from "../send/spawn.ts";
import { runFolder } from "../settle/run-folder.ts";
import { watchInbox } from "./inbox.ts";
import type { JobRequest } from "./runner.ts";
import { makeHerald } from "./standing.ts";
import { lineOf, passOn } from "./told.ts";
import { prepareFolders } from "./watch-folders.ts";

export interface WatchRequest {
  readonly watch: Watch;
  readonly request: JobRequest;
  /** Started ahead, while this process read its libraries; ended with it. */
  readonly worker: SpawnedWorker;
  spawn(): SpawnedWorker;
  readonly log: Logger;
  /** One line for each thing that becomes of a file. */
  tell(line: string): void;
  notice(line: string): void;
}

/** Throws as watchInbox and openRedis do, and what is wrong with the mapping whatever the file. */
export async function watchFolder(watching: WatchRequest, stop: AbortSignal): Promise<void> {
  const { watch, request, log, tell, notice } = watching;
  await using closing = new AsyncDisposableStack();
  let first: SpawnedWorker | null = watching.worker;
  const launch = () => {
    const launched = first ?? watching.spawn();
    first = null;
    return launched;
  };
  const worker = closing.adopt(shareWorker(launch), (shared) => shared.end());
  refuseMapping(request.mapping);
  const redis = closing.adopt(await openRedis({ ...request.settings, clock }), (home) => home.close());
  // Other folders may be watched with this data folder, and without a job: what was told of theirs is not over when a run begins here.
  const place = createHash("sha256").update(watch.inbox).digest("hex").slice(0, 12);
  const name = `watch-${request.job}-${endpointFingerprint(request.settings)}-${place}`;
  const herald = closing.adopt(makeHerald({ ...request, name, clock, log }), (made) => made.end());
  // Whoever sits before it sees that it waits; a folder that cannot be watched is told first.
  await prepareFolders(watch);
  notice(`watching ${watch.inbox}; reports go to ${watch.outbox}`);
  await watchInbox(
    {
      watch,
      run: (file, began) =>
        runFile(
          { ...request, file, limit: null, again: false },
          {
            ...{ log, notice, redis, began, worker: worker.lend(stop), progress() {} },
            confirm: async () => {},
            confirmRest: async () => true,
          },
          stop,
        ),
      isHere: ({ run }) => existsSync(runFolder(request.settings.dataDir, run)),
      told(what) {
        passOn(what, herald);
        const line = lineOf(what);
        if (line !== null) tell(line);
      },
      clock,
      log,
    },
    stop,
  );
}

/** What is wrong with it for every file alike must not be found with the first one: all would be refused for it. */
function refuseMapping({ set }: MappingSettings): void {
  const today = new Date(clock.wall()).toISOString().slice(0, 10);
  const settings = { set, ignoreColumns: [] };
  makePlan({ columns: ["customerId"], format: "csv", settings, contract, today, fileName: "" });
}
