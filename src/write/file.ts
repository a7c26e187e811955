// Text in pieces in; a whole file under its real name out, or none: written beside it, synced, then renamed.
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { UpdraftError } from "../errors.ts";

/** Large enough that a system call costs nothing per row, small enough to be nothing beside the 250 MB a process may use. */
const FLUSH_CHARACTERS = 256 * 1024;

export interface PartialFile {
  /** Its temporary name, in full. */
  readonly partial: string;
  add(text: string): void;
  /** Characters (UTF-16 units) added so far. */
  added(): number;
  /** Enough has gathered: `flush` before adding much more. */
  full(): boolean;
  /** Resolves once the disk has taken what was added: the backpressure of a report. */
  flush(): Promise<void>;
  /** Flushes, syncs and closes; the file still has its temporary name. */
  finish(): Promise<void>;
  /** Gives the finished file its real name and returns that path. */
  publish(): Promise<string>;
  /** Closes and removes it. May be called at any time, and twice. */
  abandon(): Promise<void>;
}

/** Makes the folder of a report: it holds customer data, so nobody else may look. */
export async function makeFolder(dir: string): Promise<void> {
  await onDisk(dir, () => mkdir(dir, { recursive: true, mode: 0o700 }));
}

/** Throws `disk-full` or `report-unwritable` here and in everything it returns. */
export async function openPartial(dir: string, name: string, ending = ".partial"): Promise<PartialFile> {
  const path = join(dir, name);
  const partial = path + ending;
  // Removed and made anew rather than truncated: what a crash left may have another mode, or be a link.
  const handle = await onDisk(dir, async () => {
    await rm(partial, { force: true });
    return open(partial, "wx", 0o600);
  });
  let pending = "";
  let length = 0;
  let closed = false;

  async function close(): Promise<void> {
    if (closed) return;
    closed = true;
    await handle.close();
  }

  async function flush(): Promise<void> {
    if (pending === "") return;
    const text = pending;
    pending = "";
    await onDisk(dir, () => handle.appendFile(text));
  }

  return {
    partial,
    add(text) {
      pending += text;
      length += text.length;
    },
    added: () => length,
    full: () => pending.length >= FLUSH_CHARACTERS,
    flush,
    async finish() {
      await flush();
      await onDisk(dir, () => handle.sync());
      await close();
    },
    async publish() {
      await onDisk(dir, () => rename(partial, path));
      return path;
    },
    async abandon() {
      await close();
      await rm(partial, { force: true });
    },
  };
}

/** Makes renames last: the names of a folder are synced apart from the contents of its files. */
export async function syncFolder(dir: string): Promise<void> {
  let handle: FileHandle | undefined;
  await onDisk(dir, async () => {
    handle = await open(dir, "r");
    await handle.sync();
  }).finally(() => handle?.close());
}

const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
const UNWRITABLE = new Set(["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST", "EISDIR", "ENAMETOOLONG"]);

async function onDisk<T>(dir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (FULL.has(code)) throw new UpdraftError("disk-full", { dir }, { cause: error });
    if (UNWRITABLE.has(code)) throw new UpdraftError("report-unwritable", { dir, reason: code }, { cause: error });
    throw error;
  }
}
