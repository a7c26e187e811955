// A watched folder and a way to run a file in; each file in it taken once, when it is complete, and brought to where it belongs, out.

import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";
import type { Watch } from "../plan/job.ts";
import type { RunFolder } from "../settle/run-folder.ts";
import type { Summary } from "../write/summary.ts";
import { adoptLeft, type Claimed, claimFile, markOf, type Note, sightOf } from "./claim.ts";
import { publishNote, publishReports, putIn, type Reason, refuse } from "./deliver.ts";
import { type Fate, fateOf, restAfter } from "./fate.ts";
import { listen } from "./hints.ts";
import { isMeant, MARKER, nthName } from "./names.ts";
import { lookAgain, olderFirst, type Rested, type Sight } from "./ripe.ts";
import { codeOf, makeFolders, prepareFolders, systemFault } from "./watch-folders.ts";

/** Words are missed, files are left by processes that died, network file systems say nothing: looked at anyway. */
const LOOK_MS = 10_000;
/** Looking may cost this share of the time while files are at hand: ten thousand names are not looked through for each of them. */
const LOOK_SHARE = 0.05;
const LOOK_LEAST_MS = 50;
/** A file whose run another process has. */
const WAIT_MS = 10_000;
/** Files looked at together: few enough for any limit of open files. */
const AT_ONCE = 16;

/** In place of a print: somebody took the file away. */
const GONE = "";

/** What people and logs are told. Names of files are as they were dropped, and may hold any character. */
export type Told =
  | { readonly kind: "taken"; readonly file: string; readonly again: boolean }
  /** `summary` null: its run had ended before this process took the file. */
  | {
      readonly kind: "done";
      readonly file: string;
      readonly run: string;
      readonly summary: Summary | null;
      readonly to: string;
    }
  | { readonly kind: "refused"; readonly file: string; readonly reason: Reason; readonly to: string }
  | { readonly kind: "begun"; readonly file: string }
  | {
      readonly kind: "waiting";
      readonly file: string | null;
      readonly message: string;
      readonly ms: number;
      /** What went wrong; null where nothing did, and where its run has told of it. */
      readonly code: string | null;
    }
  /** The folder can be looked after again. */
  | { readonly kind: "back"; readonly file: null; readonly folder: string }
  | { readonly kind: "left"; readonly file: string };

export interface InboxContext {
  readonly watch: Watch;
  /**
   * Runs the file at this path; `began` before a row of it is sent. Null where its turn did not come because all is to end.
   * Files are given one after the other, in their order.
   */
  run(path: string, began: (run: RunFolder) => void): Promise<Summary | null>;
  /** Whether the ledger of this run is in the data folder that `run` uses: another's is not gone on with. */
  isHere(note: Note): boolean;
  told(what: Told): void;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Watches until `stop` is aborted and the file in hand has come to its end.
 * @throws UpdraftError as prepareFolders does, and what `run` throws that is not about the file
 */
export async function watchInbox(context: InboxContext, stop: AbortSignal): Promise<void> {
  const { watch, clock, log, told } = context;
  const { inbox, settle } = watch;
  await prepareFolders(watch);
  const mark = await markOf(watch);
  const mine = new Map<string, Claimed>();
  const waits = new Map<string, number>();
  const complained = new Set<string>();
  let seen = new Map<string, Rested>();
  let ripe: Rested[] = [];
  let lookAt = Number.NEGATIVE_INFINITY;
  let earliest = Number.NEGATIVE_INFINITY;
  let rests = 0;
  let woken = new AbortController();

  const endListening = listen(watch, () => {
    lookAt = Math.min(lookAt, earliest);
    woken.abort();
  });

  function complain(about: string, code: string, message: string): void {
    if (complained.has(about)) return;
    complained.add(about);
    told({ kind: "waiting", file: null, code, message, ms: LOOK_MS });
  }

  async function look(): Promise<void> {
    const from = clock.now();
    lookAt = from + LOOK_MS;
    try {
      const dropped = await sightsIn(watch, complain);
      // Somebody tidied up. Not where the inbox is gone as well: a share that is not mounted just now.
      await makeFolders(watch);
      const ids = new Set([...mine.values()].map(({ id }) => id));
      for (const claimed of await adoptLeft(watch, mark, ids, context.isHere, clock, complain))
        mine.set(claimed.path, claimed);
      const found = [...(await sightsOfMine()), ...dropped];
      const now = clock.now();
      const looked = lookAgain(seen, found, now, settle);
      seen = looked.seen;
      // What was taken before comes first, whatever the clocks say: its rows may be half sent.
      ripe = [...looked.ripe].sort((a, b) => Number(mine.has(b.path)) - Number(mine.has(a.path)) || olderFirst(a, b));
      lookAt = Math.min(lookAt, looked.next ?? Number.POSITIVE_INFINITY);
      if (complained.delete(inbox)) told({ kind: "back", file: null, folder: inbox });
    } catch (error) {
      const why = error instanceof UpdraftError ? error.message : systemFault(error);
      if (why === null) throw error;
      const code = codeOf(error) === "ENOENT" ? "watch-folder-missing" : "watch-folder-unusable";
      complain(inbox, code, `the folder ${inbox} cannot be looked after: ${why}`);
      ripe = [];
    }
    const now = clock.now();
    earliest = now + Math.max(LOOK_LEAST_MS, ripe.length > 0 ? (now - from) / LOOK_SHARE : 0);
    lookAt = Math.max(lookAt, earliest);
  }

  async function sightsOfMine(): Promise<Sight[]> {
    const found: Sight[] = [];
    for (const claimed of [...mine.values()]) {
      const sight = await sightOf(claimed.path, claimed.name, null);
      if (sight === null) await settleFate(claimed, { kind: "gone" }, null);
      else found.push(sight);
    }
    return found;
  }

  /** The file is as it was when it became ripe, and this process's; null where it is not. */
  async function take(sight: Rested): Promise<Claimed | null> {
    const known = mine.get(sight.path);
    if (known !== undefined && (waits.get(known.path) ?? 0) > clock.now()) return null;
    try {
      if ((await sightOf(sight.path, sight.name, null))?.print !== sight.print) return null;
      if (known !== undefined) return known;
      const claimed = await claimFile(watch, mark, sight);
      if (claimed === null) return null;
      mine.set(claimed.path, claimed);
      seen.set(claimed.path, { ...sight, path: claimed.path });
      // Who still had it open may have written between the look and the move.
      if ((await sightOf(claimed.path, claimed.name, null))?.print === sight.print) return claimed;
      lookAt = earliest;
      return null;
    } catch (error) {
      const why = error instanceof UpdraftError ? error.message : systemFault(error);
      if (why === null) throw error;
      complain(
        sight.print,
        codeOf(error),
        `${sight.name} cannot be taken: ${why}; check its owner and mode, and those of its folder`,
      );
      return null;
    }
  }

  /** Files and reports that cannot be put in place end nothing: other jobs of this process go on, and so does this one. */
  async function runOne(claimed: Claimed): Promise<void> {
    try {
      await runAndSettle(claimed);
    } catch (error) {
      const why = systemFault(error);
      if (why === null) throw error;
      log.warn({ file: claimed.name, err: error }, "file not brought to its end");
      const message = `it cannot be brought to its end: ${why}`;
      await settleFate(claimed, { kind: "rest", code: codeOf(error), message }, null);
    }
  }

  async function runAndSettle(claimed: Claimed): Promise<void> {
    const { name, path } = claimed;
    let began: string | null = null;
    const now = async () => (await sightOf(path, name, null))?.print ?? GONE;
    const print = claimed.note?.print ?? (await now());
    told({ kind: "taken", file: name, again: claimed.note !== null });
    const running = context.run(path, ({ run, dir }) => {
      began = run;
      if (claimed.note?.run !== run) claimed.begin({ run, dir, print });
      told({ kind: "begun", file: name });
    });
    const how = await running.then(
      (summary) => ({ summary, error: null }),
      (error: unknown) => ({ summary: null, error }),
    );
    const after = await now();
    const changed = after !== print && after !== GONE;
    if (how.error !== null && !(how.error instanceof UpdraftError) && systemFault(how.error) === null)
      log.error({ file: name, err: how.error }, "a file could not be run to its end");
    const run = began ?? claimed.note?.run ?? null;
    const fate = fateOf({ ...how, began: run, changed, ending: stop.aborted }, name);
    log.info({ file: name, fate: fate.kind }, "file ended");
    await settleFate(claimed, fate, how.summary);
  }

  async function isThere({ path, name }: Claimed): Promise<boolean> {
    return (await sightOf(path, name, null)) !== null;
  }

  async function done(claimed: Claimed): Promise<void> {
    mine.delete(claimed.path);
    waits.delete(claimed.path);
    rests = 0;
    await claimed.end();
  }

  async function settleFate(claimed: Claimed, fate: Fate, summary: Summary | null): Promise<void> {
    const { id, name: file, path } = claimed;
    const reasonOf = ({ code, message, next }: UpdraftError, run: string | null): Reason => {
      return { code, message, next, when: new Date(clock.wall()).toISOString(), file, run };
    };
    switch (fate.kind) {
      case "archive": {
        const to = await publishReports(fate.dir, watch.outbox, file, fate.run, id);
        if (await isThere(claimed)) await putIn(path, watch.archive, (n) => nthName(file, n));
        await done(claimed);
        return told({ kind: "done", file, run: fate.run, summary, to });
      }
      case "refuse": {
        const reason = reasonOf(fate.error, fate.run);
        if (fate.dir !== null && fate.run !== null) await publishReports(fate.dir, watch.outbox, file, fate.run, id);
        if (!(await isThere(claimed))) return settleFate(claimed, { kind: "gone" }, null);
        const to = await refuse(path, watch.refused, reason, id);
        await done(claimed);
        return told({ kind: "refused", file, reason, to });
      }
      case "repeated": {
        if (!(await isThere(claimed))) return settleFate(claimed, { kind: "gone" }, null);
        const reason = reasonOf(fate.error, fate.run);
        await publishNote(reason, watch.outbox, file, id);
        const to = await refuse(path, watch.refused, reason, id);
        await done(claimed);
        return told({ kind: "refused", file, reason, to });
      }
      case "gone":
        await done(claimed);
        return told({
          kind: "waiting",
          file,
          code: null,
          message: "somebody took it away from where it was run",
          ms: 0,
        });
      case "settle":
        lookAt = earliest;
        return;
      case "wait":
        waits.set(path, clock.now() + WAIT_MS);
        lookAt = Math.min(lookAt, clock.now() + WAIT_MS);
        return told({ kind: "waiting", file, code: null, message: fate.error.message, ms: WAIT_MS });
      case "rest": {
        const ms = restAfter(rests++);
        told({ kind: "waiting", file, code: fate.code, message: fate.message, ms });
        await clock.sleep(ms, stop);
        lookAt = earliest;
        return;
      }
      case "leave":
        return told({ kind: "left", file });
      default:
        return fate satisfies never;
    }
  }

  try {
    while (!stop.aborted) {
      woken = new AbortController();
      if (clock.now() >= lookAt) await look();
      const next = ripe.shift();
      const claimed = next === undefined ? null : await take(next);
      if (claimed !== null) await runOne(claimed);
      else if (next === undefined) {
        const signal = AbortSignal.any([stop, woken.signal]);
        await clock.sleep(Math.max(lookAt, earliest) - clock.now(), signal);
        // Words come one by one while many files are dropped: what they say is looked at together.
        if (!stop.aborted) await clock.sleep(earliest - clock.now(), stop);
      }
    }
  } finally {
    await endListening();
    for (const claimed of mine.values()) claimed.release();
  }
}

/** What may be taken from the inbox, ripe or not. */
async function sightsIn(
  { inbox, done }: Watch,
  complain: (about: string, code: string, message: string) => void,
): Promise<Sight[]> {
  const entries = await readdir(inbox, { withFileTypes: true });
  // A folder of that name says nothing, and could not be taken away with its file.
  const isMarker = (entry: Dirent) => done && entry.name.endsWith(MARKER) && entry.isFile();
  const markers = new Set(entries.flatMap((entry) => (isMarker(entry) ? [entry.name] : [])));
  const meant = entries.filter((entry) => !entry.isDirectory() && isMeant(entry.name, done));
  const found: Sight[] = [];
  for (let from = 0; from < meant.length; from += AT_ONCE) {
    const some = meant.slice(from, from + AT_ONCE).map(async ({ name }) => {
      const sight = await sightOf(join(inbox, name), name, done ? markers.has(name + MARKER) : null);
      // A name that is not UTF-8 comes with a sign that stands for what could not be read.
      if (sight === null && name.includes("\ufffd"))
        complain(name, "name-not-utf-8", `${name} is not taken: its name is not UTF-8`);
      return sight;
    });
    for (const sight of await Promise.all(some)) if (sight !== null) found.push(sight);
  }
  return found;
}
