// The folders of a watched folder in; all of them there and fit for it, or the reason why one is not, out.

import { randomBytes } from "node:crypto";
import { mkdir, realpath, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UpdraftError } from "../errors.ts";
import type { Watch } from "../plan/job.ts";

export const OTHERS = ["working", "outbox", "archive", "refused"] as const;

/** Where the other folders are unless they are named: beside the inbox. */
export function besides(inbox: string): Pick<Watch, (typeof OTHERS)[number]> {
  const at = (name: string) => join(dirname(inbox), name);
  return { working: at("working"), outbox: at("outbox"), archive: at("archive"), refused: at("refused") };
}

/** A name that no file has which is taken: what is half made has it. */
export const hiddenName = (id: string) => `.updraft-${id}`;

/**
 * Makes what is missing but the inbox, and tries whether a file can go its way: a folder that cannot be written to, or is on
 * another file system, is found before the first file is in its way.
 * @throws UpdraftError `watch-folder-missing`, `watch-folder-unusable`, `watch-folders-apart`, `watch-folders-same`
 */
export async function prepareFolders(watch: Watch): Promise<void> {
  const { inbox } = watch;
  const found = await stat(inbox).catch((cause: unknown) => {
    if (codeOf(cause) === "ENOENT") throw new UpdraftError("watch-folder-missing", { folder: inbox }, { cause });
    throw unusable(inbox, cause);
  });
  if (!found.isDirectory())
    throw new UpdraftError("watch-folder-unusable", { folder: inbox, reason: wordsOf("ENOTDIR") });
  await makeFolders(watch);
  await refuseSame(watch);
  await tryWay(watch);
}

/** All but the inbox. Throws `watch-folder-unusable`. */
export async function makeFolders(watch: Watch): Promise<void> {
  for (const name of OTHERS) {
    await make(watch[name]).catch((cause: unknown) => {
      throw unusable(watch[name], cause);
    });
  }
}

/** As mkdir() does with `recursive`, which never ends where a folder is there and nothing can be made in it, as in /proc. */
async function make(folder: string): Promise<void> {
  if ((await stat(folder).catch(() => null))?.isDirectory()) return;
  const parent = dirname(folder);
  if ((await stat(parent).catch(() => null)) === null) await make(parent);
  // What was dropped is a customer's: nobody else may look at it where we keep it.
  await mkdir(folder, { mode: 0o700 }).catch(async (error: unknown) => {
    // Another process was quicker.
    if (!(await stat(folder).catch(() => null))?.isDirectory()) throw error;
  });
}

async function refuseSame(watch: Watch): Promise<void> {
  const known = new Map<string, string>();
  for (const folder of [watch.inbox, ...OTHERS.map((name) => watch[name])]) {
    const real = await realpath(folder);
    const other = known.get(real);
    if (other !== undefined) throw new UpdraftError("watch-folders-same", { one: other, other: folder });
    known.set(real, folder);
  }
}

/** The way of a file, with one of no content: from the inbox through all folders that files are moved to. */
async function tryWay({ inbox, working, outbox, archive, refused }: Watch): Promise<void> {
  const name = hiddenName(randomBytes(8).toString("hex"));
  let at = join(inbox, name);
  await writeFile(at, "", { flag: "wx", mode: 0o600 }).catch((cause: unknown) => {
    throw unusable(inbox, cause);
  });
  try {
    for (const folder of [working, archive, refused]) {
      const to = join(folder, name);
      await rename(at, to).catch((cause: unknown) => {
        if (codeOf(cause) === "EXDEV") throw new UpdraftError("watch-folders-apart", { folder, inbox }, { cause });
        throw unusable(folder, cause);
      });
      at = to;
    }
  } finally {
    await rm(at, { force: true });
  }
  await mkdir(join(outbox, name)).catch((cause: unknown) => {
    throw unusable(outbox, cause);
  });
  await rmdir(join(outbox, name));
}

export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown cause";
}

/** What the operating system said; null for an error of another kind. */
export function systemFault(error: unknown): string | null {
  if (!(error instanceof Error && "code" in error && "syscall" in error)) return null;
  const at = "dest" in error ? error.dest : "path" in error ? error.path : null;
  return `${error.code} from ${error.syscall}${typeof at === "string" ? ` at ${at}` : ""}`;
}

const WORDS: Readonly<Record<string, string>> = {
  EACCES: "one that this user may not use",
  EEXIST: "a file",
  ENOTDIR: "a file",
  EPERM: "one that this user may not use",
  EROFS: "a file system that is read-only",
};

/** "a file (ENOTDIR)". */
function wordsOf(code: string): string {
  return `${WORDS[code] ?? "an error of the system"} (${code})`;
}

export function unusable(folder: string, cause: unknown): UpdraftError {
  return new UpdraftError("watch-folder-unusable", { folder, reason: wordsOf(codeOf(cause)) }, { cause });
}
