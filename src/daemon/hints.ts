// A folder in; a word whenever something in it may have changed, out. Words may be missed, and say nothing certain.

import { basename } from "node:path";
import { watch } from "chokidar";
import type { Watch } from "../plan/job.ts";
import { isMeant } from "./names.ts";

/** A folder that cannot tell of changes is looked at this often, its files one by one. */
const POLL_MS = 1_000;

/** Returns how it is ended. What goes wrong is no more than words that do not come. */
export function listen({ inbox, poll }: Watch, changed: () => void): () => Promise<void> {
  const watcher = watch(inbox, {
    depth: 0,
    // What comes while it begins to listen is told with what was there.
    ignoreInitial: false,
    followSymlinks: false,
    ignorePermissionErrors: true,
    // It would hold back a file that takes the name of one that was just taken.
    atomic: false,
    backend: poll ? "polling" : "auto",
    pollingInterval: POLL_MS,
    pollingBinaryInterval: POLL_MS,
    ignored: (path) => path !== inbox && !isMeant(basename(path), false),
  });
  // What was taken away is nothing to do.
  watcher.on("add", changed).on("change", changed).on("error", changed);
  return () => watcher.close();
}
