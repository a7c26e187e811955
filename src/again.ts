// A file that a job has run before in; whether it is applied anew, because something else was sent since, out.
import { statSync } from "node:fs";
import type { RedisHome } from "./queue/embedded.ts";
import { endpointFingerprint } from "./queue/epoch.ts";
import { lastRun } from "./queue/last-sender.ts";
import { isOver } from "./queue/open-run.ts";
import type { Settings } from "./settings/settings.ts";
import { ledgerPath } from "./settle/ledger-file.ts";
import { readOrigin } from "./settle/origin.ts";
import { peekRun } from "./settle/peek.ts";
import { findRun, firstRun, listRuns, type RunFolder, runFolder } from "./settle/run-folder.ts";

export interface Returning extends Pick<Settings, "dataDir" | "baseUrl" | "login" | "changedOnly"> {
  readonly job: string;
}

/**
 * Where the job has sent another file since the newest run of this one, what that changed is to be changed back.
 * @param id of the file's runs
 */
export async function judgeReturn(of: Returning, id: string, home: RedisHome): Promise<"anew" | false> {
  const newest = findRun(of.dataDir, id, false);
  const state = peekRun(newest.dir, (ledger) => ledger.meta("state"));
  if (state === null) return false;
  const redis = home.connect("last-run");
  const last = await lastRun(redis, { job: of.job, endpoint: endpointFingerprint(of) });
  redis.disconnect();
  if (last !== null) return last === newest.run ? false : "anew";
  // Redis does not know: one that is not over goes on, and what costs no call is compared once more.
  if (!isOver(state)) return false;
  return of.changedOnly || wasFollowed(of, newest) ? "anew" : false;
}

/** Whether this data folder has a run of the job that is newer, and no retry of this one. */
function wasFollowed({ dataDir, job, baseUrl }: Returning, { run, dir }: RunFolder): boolean {
  const changed = (folder: string) => statSync(ledgerPath(folder), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const since = changed(dir);
  return listRuns(dataDir).some((other) => {
    const folder = runFolder(dataDir, other);
    if (firstRun(other) === run || changed(folder) < since) return false;
    const origin = peekRun(folder, readOrigin);
    return origin?.job === job && origin.baseUrl === baseUrl;
  });
}
