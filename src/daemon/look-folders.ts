// The folders that a job watches in; what would keep a file from going its way through them, out. Nothing is made or moved.

import type { Stats } from "node:fs";
import { access, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { UpdraftError } from "../errors.ts";
import type { Watch } from "../plan/job.ts";
import { codeOf, OTHERS, unusable } from "./watch-folders.ts";

/**
 * What prepareFolders would make is looked for where it would be made.
 * @throws UpdraftError `watch-folder-missing`, `watch-folder-unusable`, `watch-folders-apart`
 */
export async function lookAtFolders(watch: Watch): Promise<void> {
  const { inbox } = watch;
  const { dev } = await lookAt(inbox, inbox).catch((cause: unknown) => {
    if (codeOf(cause) === "ENOENT") throw new UpdraftError("watch-folder-missing", { folder: inbox }, { cause });
    throw cause;
  });
  for (const name of OTHERS) {
    const found = await lookAround(watch[name], watch[name]);
    // Reports are copied where they cannot be linked.
    if (found.dev !== dev && name !== "outbox")
      throw new UpdraftError("watch-folders-apart", { folder: watch[name], inbox });
  }
}

/** At the folder, or at the one that it would be made in. */
async function lookAround(place: string, folder: string): Promise<Stats> {
  try {
    return await lookAt(place, folder);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    return lookAround(dirname(place), folder);
  }
}

/** Throws ENOENT as it comes. */
async function lookAt(place: string, folder: string): Promise<Stats> {
  try {
    const found = await stat(place);
    // With what is in it named, a file says of itself that it is no folder.
    await access(`${place}/.`, constants.R_OK | constants.W_OK | constants.X_OK);
    return found;
  } catch (error) {
    if (codeOf(error) === "ENOENT") throw error;
    throw unusable(folder, error);
  }
}

/** The same errors, with the job that they are of. */
export async function ofJob(job: string, looking: Promise<void>): Promise<void> {
  try {
    await looking;
  } catch (error) {
    if (!(error instanceof UpdraftError)) throw error;
    const { message: why, next } = error;
    throw new UpdraftError("job-watch-folder", { job, why, next }, { cause: error });
  }
}
