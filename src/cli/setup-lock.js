// A path in, the right to be the only set-up in this clone out: two terminals may start on a fresh clone at the same instant.

import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stopHere } from "./setup-run.js";

const BEAT_MS = 1_000;
const POLL_MS = 100;
/** A holder whose process cannot be asked for (another machine or container on one disk) is dead after this many silent polls. */
const SILENT_POLLS = 300;

/**
 * Waits for the lock and returns the function that gives it back. The lock is a folder with its owner's name inside; it
 * appears complete, by one rename, and its owner touches it every second.
 */
export async function holdSetupLock(lock, say) {
  const own = `${lock}-${process.pid}`;
  const owner = JSON.stringify({ pid: process.pid, host: hostname() });
  let seen = "";
  let silent = 0;
  let told = false;
  while (true) {
    stopHere();
    if (take(lock, own, owner)) break;
    const state = look(lock) ?? { owner: "", beat: "none" };
    silent = state.beat === seen ? silent + 1 : 0;
    seen = state.beat;
    if (isGone(state.owner) || silent >= SILENT_POLLS) {
      breakLock(lock, own, state.owner);
      continue;
    }
    if (!told) say("waiting for another set-up in this folder to end");
    told = true;
    await sleep(POLL_MS);
  }
  const beat = setInterval(() => touch(lock), BEAT_MS);
  return () => {
    clearInterval(beat);
    if (look(lock)?.owner !== owner) return;
    // Away in one step: emptied in place, it could be taken by a waiting one before it is deleted.
    renameSync(lock, own);
    rmSync(own, { recursive: true, force: true });
  };
}

function take(lock, own, owner) {
  rmSync(own, { recursive: true, force: true });
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, "owner"), owner);
  try {
    // Renaming onto a folder that is not empty fails: this is the one atomic step.
    renameSync(own, lock);
    return true;
  } catch (error) {
    rmSync(own, { recursive: true, force: true });
    if (["ENOTEMPTY", "EEXIST", "EPERM"].includes(error.code)) return false;
    throw error;
  }
}

/** Who holds it and when it was last touched; null when it is gone meanwhile. */
function look(lock) {
  try {
    const file = join(lock, "owner");
    return { owner: readFileSync(file, "utf8"), beat: String(statSync(file).mtimeMs) };
  } catch {
    return null;
  }
}

function isGone(owner) {
  try {
    const { pid, host } = JSON.parse(owner);
    if (host !== hostname()) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // No owner inside: one that is just going away, or a folder from elsewhere; the silent polls decide.
    return error.code === "ESRCH";
  }
}

/** Moves a dead owner's lock aside and deletes it; what turns out to be another's, taken in this very moment, is put back. */
function breakLock(lock, own, deadOwner) {
  const aside = `${own}-broken`;
  try {
    renameSync(lock, aside);
    if (look(aside)?.owner !== deadOwner) renameSync(aside, lock);
  } catch {
    // Another one broke it first, or has taken it: the next round sees which.
  }
  rmSync(aside, { recursive: true, force: true });
}

function touch(lock) {
  try {
    const now = new Date();
    utimesSync(join(lock, "owner"), now, now);
  } catch {
    // The folder was deleted by hand: nothing to keep alive.
  }
}
