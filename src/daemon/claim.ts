// A complete file of an inbox in; the same file where no other process takes it, out: by one rename, and a lock that dies with its process.

import { createHash, randomBytes } from "node:crypto";
import { type BigIntStats, readFileSync, writeFileSync } from "node:fs";
import { lstat, mkdir, readdir, realpath, rename, rm, rmdir } from "node:fs/promises";
import { join, relative } from "node:path";
import * as z from "zod";
import type { Clock } from "../clock.ts";
import type { Watch } from "../plan/job.ts";
import { type Release, tryLock } from "../queue/file-lock.ts";
import { putIn } from "./deliver.ts";
import { MARKER } from "./names.ts";
import type { Sight } from "./ripe.ts";
import { codeOf } from "./watch-folders.ts";

/** A file that this process has, alone: in a folder of its own, so that files of one name can be there at once. */
export interface Claimed {
  /** Names this taking of the file. */
  readonly id: string;
  readonly name: string;
  readonly path: string;
  /** What is known of its run: null before it began. */
  readonly note: Note | null;
  /** Notes that its run began, with what the file was then. It survives the machine. */
  begin(note: Note): void;
  /** The file has been moved away: nothing of it is left here. */
  end(): Promise<void>;
  /** Leaves it where it is, for whoever comes next. */
  release(): void;
}

/** `dir` is the run's folder, where its ledger is. */
const noteShape = z.object({ run: z.string(), dir: z.string(), print: z.string() });
export type Note = z.infer<typeof noteShape>;

const LOCK = ".lock";
const NOTE = ".run";
/** A folder without a file is of a process that is just taking one, or of one that died then: told apart by its age. */
const ABANDONED_MS = 3_600_000;

/** What is in an inbox, or in a folder of `working`, as one look finds it; null for what is no regular file, or gone. */
export async function sightOf(path: string, name: string, marked: boolean | null): Promise<Sight | null> {
  const found = await lstat(path, { bigint: true }).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  });
  if (found === null || !found.isFile()) return null;
  return { path, name, print: printOf(found), size: Number(found.size), mtime: Number(found.mtimeMs), marked };
}

/**
 * Names an inbox in its `working`, which others may have, too: by its place, seen from there. Its inode would be another when
 * somebody makes the folder anew, or brings all of it back from a copy, and could be that of another inbox by then.
 */
export async function markOf({ inbox, working }: Watch): Promise<string> {
  const place = relative(await realpath(working), await realpath(inbox));
  return createHash("sha256").update(place).digest("hex").slice(0, 12);
}

function printOf({ ino, size, mtimeNs }: BigIntStats): string {
  return `${ino} ${size} ${mtimeNs}`;
}

/**
 * Null where another process was quicker, or it is not there any more. Throws what the file system says where it cannot be moved.
 * @param mark of its inbox: other inboxes may have the same `working`
 */
export async function claimFile(watch: Watch, mark: string, sight: Sight): Promise<Claimed | null> {
  const { name } = sight;
  const { dir, id, release } = await makeDesk(watch.working, mark);
  const path = join(dir, name);
  const marker = name + MARKER;
  let failure: unknown = null;
  try {
    // The marker first: one that stayed behind would say of the next file of this name that it is complete.
    if (watch.done) await rename(join(watch.inbox, marker), join(dir, marker));
    await rename(sight.path, path);
  } catch (error) {
    failure = error;
  }
  // Whatever was said: a network file system whose answer is lost asks again, and finds no file where it has just moved it from.
  const moved = await lstat(path).catch(() => null);
  if (moved?.isFile()) return claimed(dir, id, name, release, watch.done);
  // Somebody may have put a link in its place in this instant.
  if (moved !== null) await putIn(path, watch.inbox, () => name, 1).catch(() => null);
  if (watch.done) await putMarkerBack(watch, dir, marker);
  release();
  await clear(dir, []);
  if (failure === null || codeOf(failure) === "ENOENT") return null;
  throw failure;
}

/** Takes the folder away, but nothing that may be in it besides: a file that is there after all is found by the next look. */
async function clear(dir: string, others: readonly string[]): Promise<void> {
  for (const name of [NOTE, LOCK, ...others]) await rm(join(dir, name), { force: true });
  await rmdir(dir).catch((error: unknown) => {
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(codeOf(error))) throw error;
  });
}

/** A folder that this process has locked. */
async function makeDesk(working: string, mark: string): Promise<{ dir: string; id: string; release: Release }> {
  for (;;) {
    const id = `${mark}-${randomBytes(8).toString("hex")}`;
    const dir = join(working, id);
    await mkdir(dir, { mode: 0o700 });
    // Null where another process looked into it before it was locked.
    const release = tryLock(join(dir, LOCK), "exclusive");
    if (release !== null) return { dir, id, release };
  }
}

function claimed(dir: string, id: string, name: string, release: Release, marked: boolean): Claimed {
  let note = readNote(dir);
  return {
    id,
    name,
    path: join(dir, name),
    get note() {
      return note;
    },
    begin(begun) {
      writeFileSync(join(dir, NOTE), JSON.stringify(begun), { mode: 0o600, flush: true });
      note = begun;
    },
    async end() {
      release();
      await clear(dir, marked ? [name + MARKER] : []);
    },
    release,
  };
}

/** A process died while it wrote it: nothing had been sent. */
function readNote(dir: string): Note | null {
  try {
    return noteShape.parse(JSON.parse(readFileSync(join(dir, NOTE), "utf8")));
  } catch {
    return null;
  }
}

/**
 * Files in `working` that nobody has: those of processes that are gone. Not those whose run has its ledger elsewhere, on another
 * machine or in another data folder: begun anew here, all of it would be sent again.
 * @param isHere whether the ledger of that run is in the data folder of this process
 */
export async function adoptLeft(
  watch: Watch,
  mark: string,
  mine: ReadonlySet<string>,
  isHere: (note: Note) => boolean,
  clock: Clock,
  complain: (about: string, code: string, message: string) => void,
): Promise<Claimed[]> {
  const found: Claimed[] = [];
  for (const id of await readdir(watch.working)) {
    if (!id.startsWith(`${mark}-`) || mine.has(id)) continue;
    const dir = join(watch.working, id);
    const release = await lockLeft(dir);
    if (release === null) continue;
    const name = await takeStock(watch, dir);
    const note = readNote(dir);
    if (name !== null && note !== null && !isHere(note)) {
      release();
      complain(
        id,
        "ledger-elsewhere",
        `${name} is not gone on with: the ledger of its run ${note.run} is not here (${note.dir}). Start what watched this folder with that data folder, or move ${join(dir, name)} back to ${watch.inbox} to run it anew`,
      );
    } else if (name !== null) found.push(claimed(dir, id, name, release, watch.done));
    else {
      const { mtimeMs } = await lstat(dir).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
      release();
      if (clock.wall() - mtimeMs > ABANDONED_MS) await clear(dir, []);
    }
  }
  return found;
}

/** Null while its process lives, and where it has just been taken away. */
async function lockLeft(dir: string): Promise<Release | null> {
  try {
    return tryLock(join(dir, LOCK), "exclusive");
  } catch (error) {
    if ((await lstat(dir).catch(() => null)) === null) return null;
    throw error;
  }
}

/** The file in the folder. A marker without its file goes back to it: its process died between the two. */
async function takeStock(watch: Watch, dir: string): Promise<string | null> {
  const entries = await readdir(dir).catch((error: unknown) => {
    // Its process has just ended with it.
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  });
  // Of what begins with a dot nothing was dropped: it is ours, or a network file system's.
  const names = entries.filter((name) => !name.startsWith("."));
  const file = names.find(
    (name) => !names.some((other) => name === other + MARKER) && !(watch.done && isLone(name, names)),
  );
  if (file === undefined) for (const marker of names) await putMarkerBack(watch, dir, marker);
  return file ?? null;
}

function isLone(name: string, names: readonly string[]): boolean {
  return names.length === 1 && name.endsWith(MARKER);
}

async function putMarkerBack({ inbox }: Watch, dir: string, marker: string): Promise<void> {
  try {
    await putIn(join(dir, marker), inbox, () => marker, 1);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}
