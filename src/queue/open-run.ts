// A run's id in; its folder, its ledger and the right to coordinate it out: one process at a time, over all machines.
import type { Redis } from "ioredis";
import type { Clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";
import { type Ledger, openLedger } from "../settle/ledger.ts";
import { findRun, type RunFolder } from "../settle/run-folder.ts";
import { type Holder, holdRun } from "./holder.ts";

export interface OpenedRun {
  readonly run: string;
  readonly dir: string;
  readonly ledger: Ledger;
  readonly holder: Holder;
  /** Rows that an earlier spell answered. */
  readonly answered: number;
  /** Closes the ledger and lets go of the run. */
  close(): Promise<void>;
}

/**
 * The unfinished run of this file, or a new one; with `anew` a new one in any case.
 * @throws UpdraftError `run-finished` when it ended and `again` is not asked for, `run-held-by`, and all of openLedger
 */
export async function openRun(
  redis: Redis,
  dataDir: string,
  id: string,
  again: boolean | "anew",
  clock: Clock,
): Promise<OpenedRun> {
  const latest = await hold(redis, findRun(dataDir, id, false), clock);
  const state = latest.ledger.meta("state");
  if (!isOver(state) && again !== "anew") return checked(latest);
  const end = latest.ledger.meta("end") ?? "";
  await latest.close();
  if (isOver(state) && !again) throw new UpdraftError("run-finished", { run: latest.run, state, end, dir: latest.dir });
  return hold(redis, findRun(dataDir, id, true), clock);
}

/** The run of this folder, to be ended; whether it is over already is for the caller to see. Throws as openRun does. */
export async function openKnownRun(redis: Redis, folder: RunFolder, clock: Clock): Promise<OpenedRun> {
  return checked(await hold(redis, folder, clock, { make: false }));
}

/** Nothing is sent for it any more. */
export function isOver(state: string | null | undefined): state is "complete" | "cancelled" {
  return state === "complete" || state === "cancelled";
}

/** A damaged ledger would have rows sent again, or answered for by what nobody wrote. */
async function checked(opened: OpenedRun): Promise<OpenedRun> {
  try {
    await opened.ledger.check();
    return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function hold(redis: Redis, { run, dir }: RunFolder, clock: Clock, how = { make: true }): Promise<OpenedRun> {
  // The lease knows who holds the run; the ledger's lock also keeps off a process that uses another Redis.
  const holder = await holdRun(redis, run, clock);
  try {
    const ledger = openLedger(dir, how);
    return {
      run,
      dir,
      ledger,
      holder,
      answered: ledger.size(),
      async close() {
        ledger.close();
        await holder.release();
      },
    };
  } catch (error) {
    await holder.release();
    throw error;
  }
}
