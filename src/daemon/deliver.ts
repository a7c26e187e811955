// A file, or a folder of reports, and where it belongs in; it is there whole, under a name that nothing had, out.
import { copyFile, link, lstat, mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { nthName } from "./names.ts";
import { codeOf, hiddenName } from "./watch-folders.ts";

/** What file systems without hard links say: those of memory cards and of some network shares. */
const NO_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"]);
const TAKEN = new Set(["EEXIST", "ENOTEMPTY", "ENOTDIR"]);

/** Moves a file without ever overwriting one; null where none of the names is free. A move that was cut short is ended. */
export async function putIn(
  source: string,
  folder: string,
  name: (n: number) => string,
  most = Number.POSITIVE_INFINITY,
): Promise<string | null> {
  for (let n = 1; n <= most; n++) {
    const to = join(folder, name(n));
    if (!(await linkOrReserve(source, to))) continue;
    // Where it was linked this ends it; where the name was only reserved it takes the place of what is empty.
    if (await isSame(source, to)) await rm(source, { force: true });
    else await rename(source, to);
    return to;
  }
  return null;
}

/** Whether the name is this file's now. */
async function linkOrReserve(source: string, to: string): Promise<boolean> {
  try {
    await link(source, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return isSame(source, to);
    if (!NO_LINKS.has(codeOf(error))) throw error;
  }
  try {
    await (await open(to, "wx", 0o600)).close();
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

async function isSame(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([lstat(one, { bigint: true }), lstat(other, { bigint: true })]);
  return a.dev === b.dev && a.ino === b.ino;
}

/** Why a file was refused, beside it. */
export interface Reason {
  readonly code: string;
  readonly message: string;
  readonly next: string;
  /** ISO 8601. */
  readonly when: string;
  /** The file as it was dropped. */
  readonly file: string;
  readonly run: string | null;
}

const REASON = ".reason.json";

/** Moves a file to where the refused ones are, with its reason; returns its new path. @param id names this taking of the file */
export async function refuse(source: string, folder: string, reason: Reason, id: string): Promise<string> {
  const draft = join(folder, hiddenName(id));
  // A process that died here with the same file has left its own.
  await rm(draft, { force: true });
  await writeFile(draft, `${JSON.stringify(reason, null, 2)}\n`, { flag: "wx", mode: 0o600, flush: true });
  for (let n = 1; ; n++) {
    const name = nthName(reason.file, n, REASON.length);
    const told = join(folder, name + REASON);
    const to = join(folder, name);
    // A process that died here before has left the reason, or both: of this file, if it is the same.
    const again = (await exists(to)) && (await isSame(source, to));
    if (!again && ((await exists(to)) || !(await linkOrReserve(draft, told)))) continue;
    await rename(draft, told);
    // rename() does nothing where both names are one file already.
    await rm(draft, { force: true });
    const moved = await putIn(source, folder, () => name, 1);
    if (moved !== null) return moved;
    // Somebody put a file there in this instant.
    await rename(told, draft);
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Of a run: what stands in its folder and is not the run's own. */
const isReport = (name: string) => !/^ledger\.|\.partial$/.test(name);
const ofRun = z.object({ run: z.string() });

/** Puts the reports of a run into a folder of the file's name; those that an earlier spell of it left there are replaced. */
export async function publishReports(
  from: string,
  outbox: string,
  file: string,
  run: string,
  id: string,
): Promise<string> {
  const draft = await makeDraft(outbox, id);
  for (const name of (await readdir(from)).filter(isReport)) await linkOrCopy(join(from, name), join(draft, name));
  return publish(draft, outbox, file, async (folder) => (await said(folder, "summary.json", ofRun))?.run === run);
}

const NOTE = "refused.json";
const ofTaking = z.object({ taking: z.string() });

/** Puts one note there instead; one that this taking of the file left there is replaced. */
export async function publishNote(note: Reason, outbox: string, file: string, id: string): Promise<string> {
  const draft = await makeDraft(outbox, id);
  await writeFile(join(draft, NOTE), `${JSON.stringify({ ...note, taking: id }, null, 2)}\n`, { mode: 0o600 });
  return publish(draft, outbox, file, async (folder) => (await said(folder, NOTE, ofTaking))?.taking === id);
}

async function makeDraft(outbox: string, id: string): Promise<string> {
  const draft = join(outbox, hiddenName(id));
  for (const left of [draft, olderThan(draft)]) await rm(left, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  return draft;
}

/** Where reports go that a draft replaces. */
const olderThan = (draft: string) => `${draft}-old`;

/** Whole or not at all: a folder takes its name when all is in it. */
async function publish(
  draft: string,
  outbox: string,
  file: string,
  isOlder: (folder: string) => Promise<boolean>,
): Promise<string> {
  for (let n = 1; ; n++) {
    const to = join(outbox, nthName(file, n));
    try {
      await rename(draft, to);
      return to;
    } catch (error) {
      if (!TAKEN.has(codeOf(error))) throw error;
    }
    if (!(await isOlder(to))) continue;
    const old = olderThan(draft);
    await rename(to, old);
    await rename(draft, to);
    await rm(old, { recursive: true, force: true });
    return to;
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    // Reports are put in place whole and never changed there, so that one file can be in both folders.
    await link(from, to);
  } catch (error) {
    if (!NO_LINKS.has(codeOf(error))) throw error;
    await copyFile(from, to);
  }
}

async function said<T>(folder: string, name: string, shape: z.ZodType<T>): Promise<T | null> {
  try {
    return shape.parse(JSON.parse(await readFile(join(folder, name), "utf8")));
  } catch {
    return null;
  }
}
