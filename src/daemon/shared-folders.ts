// Jobs with watched folders in; nothing out, or the two names that stand for one folder.
import { UpdraftError } from "../errors.ts";
import type { Job } from "../plan/job.ts";

const FOLDERS = ["inbox", "working", "outbox", "archive", "refused"] as const;

/** Throws `jobs-share-folder`: a file would be run by both, or one's working file taken up by the other. */
export function refuseSharedFolders(jobs: readonly Pick<Job, "name" | "watch">[]): void {
  const known = new Map<string, string>();
  for (const { name, watch } of jobs) {
    if (watch === null) continue;
    for (const key of FOLDERS) {
      const folder = watch[key].replace(/(.)\/+$/, "$1");
      const [one, other] = [known.get(folder), `${key} of job ${name}`];
      if (one !== undefined) throw new UpdraftError("jobs-share-folder", { one, other, folder });
      known.set(folder, other);
    }
  }
}
