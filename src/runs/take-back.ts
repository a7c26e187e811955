// A run whose process died in; what it had left to workers is taken into its ledger, and nothing of it is sent until it is gone on with.
import { existsSync } from "node:fs";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { STILL_MS } from "../queue/epoch.ts";
import { isOver, openKnownRun } from "../queue/open-run.ts";
import { retireLeft } from "../queue/retire.ts";
import { ledgerPath } from "../settle/ledger-file.ts";
import { runFolder } from "../settle/run-folder.ts";
import { timeoutOf } from "./cancel.ts";

export interface TakeBackContext {
  readonly redis: Redis;
  readonly key: Buffer;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Throws `run-held-by` where another process goes on with it, and all of openLedger. */
export async function takeBack({ dataDir, ...context }: TakeBackContext, run: string): Promise<void> {
  const dir = runFolder(dataDir, run);
  if (!existsSync(ledgerPath(dir))) return;
  const opened = await openKnownRun(context.redis, { run, dir }, context.clock);
  try {
    const { ledger, holder } = opened;
    const state = ledger.meta("state");
    // Null: its process died, or its disk was full, before anything of it could be sent.
    if (state === null || isOver(state)) return;
    await retireLeft({ ...context, holder, ledger, patience: timeoutOf(ledger) + STILL_MS, answered: () => {} }, run);
    ledger.write([], [], { retired: ledger.meta("epoch") ?? "0" });
  } finally {
    await opened.close();
  }
}
