// A run that nobody goes on with in; what its workers knew is taken, the rest ends unsent, and its last summary, out.
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import * as z from "zod";
import { systemClock as clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";
import type { Progress } from "../events.ts";
import type { Input } from "../input.ts";
import { epochsOf, forgetPace, readEpoch, STILL_MS } from "../queue/epoch.ts";
import { leaveRows } from "../queue/leave.ts";
import type { OpenedRun } from "../queue/open-run.ts";
import { retireLeft } from "../queue/retire.ts";
import { keyFingerprint } from "../queue/seal.ts";
import type { Ledger } from "../settle/ledger.ts";
import type { Origin } from "../settle/origin.ts";
import { conclude, startReport } from "../write/conclude.ts";
import type { Summary } from "../write/summary.ts";

export interface CancelHooks {
  readonly log: Logger;
  progress(progress: Progress): void;
  notice(line: string): void;
}

/** What `run` noted of its own settings; `timeout` in milliseconds. */
const noted = z.object({
  rate: z.number().nullable(),
  concurrency: z.union([z.number(), z.literal("auto")]),
  attempts: z.number(),
  timeoutMs: z.number(),
});

export interface Cancelling {
  readonly redis: Redis;
  readonly key: Buffer;
  readonly opened: OpenedRun;
  readonly input: Input;
  readonly origin: Origin;
  /** The CSV reports begin with a byte order mark. */
  readonly excel: boolean;
  /** The folder of jobs that was named. */
  readonly jobs: string | null;
  readonly start: number;
}

function settingsOf(ledger: Ledger): z.output<typeof noted> {
  return noted.parse(JSON.parse(ledger.meta("settings") ?? ""));
}

/** How long a request of the run may take, in milliseconds. */
export function timeoutOf(ledger: Ledger): number {
  return settingsOf(ledger).timeoutMs;
}

/** Ends a run whose ledger and hold are this process's. */
export async function endCancelled(given: Cancelling, { log, progress }: CancelHooks): Promise<Summary> {
  const { redis, key, opened, input, origin, excel, jobs, start } = given;
  const began = clock.now();
  const { run, ledger } = opened;
  // Its outcomes that are still in Redis would be lost, and every open row be in doubt.
  for (const number of await epochsOf(redis, run)) {
    const record = await readEpoch(redis, `${run}-${number}`);
    if (record !== null && record.key !== keyFingerprint(key))
      throw new UpdraftError("sealed-with-another-key", { what: `run ${run}` });
  }
  // Noted first: after a crash in its midst the run must not go on.
  ledger.write([], [], { cancel: ledger.meta("cancel") ?? String(start) });
  await ledger.sync();
  const settings = settingsOf(ledger);
  const patience = settings.timeoutMs + STILL_MS;
  await retireLeft({ redis, holder: opened.holder, key, ledger, clock, log, patience, answered: () => {} }, run);
  await forgetPace(redis, opened.holder);
  const reporting = startReport({ ...opened, ...input, excel, clock, progress }, () => 1);
  try {
    const read = await leaveRows(input.reader, input.plan, ledger, origin.limit, true, clock);
    const how = {
      read,
      finished: false,
      blocked: null,
      stopped: null,
      notes: [],
      cancelled: true,
      answeredBefore: opened.answered,
    };
    const ended = { ...opened, ...input, ...origin, ...how, settings, jobs, start, began, clock, progress };
    return await conclude(ended, reporting);
  } catch (error) {
    reporting.follow.fail(error);
    await reporting.written.catch(() => {});
    throw error;
  }
}
