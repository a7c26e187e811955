// A run that may send only what has changed in; what its endpoint has accepted before, as far as that is known for sure, out.
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { systemClock as clock } from "./clock.ts";
import { condor as contract } from "./endpoint/condor.ts";
import { makeParts } from "./plan/parts.ts";
import type { RedisHome } from "./queue/embedded.ts";
import { endpointFingerprint } from "./queue/epoch.ts";
import { lastRun, makeLastSender, type Sending } from "./queue/last-sender.ts";
import { isOver } from "./queue/open-run.ts";
import { takeBack } from "./runs/take-back.ts";
import type { Settings } from "./settings/settings.ts";
import { type Accepted, openAccepted } from "./settle/accepted.ts";

export interface SentBy {
  readonly job: string;
  readonly settings: Settings;
  /** What has not changed is sent, too. */
  readonly full?: boolean;
}

/** Null where nothing is compared, and never was: where it is kept, every run of the job keeps it, or the next one would compare with what is old. */
export function acceptedBy({ job, settings, full = false }: SentBy, key: Buffer): Accepted | null {
  const { dataDir, changedOnly, recheckAfter } = settings;
  const about = { dataDir, job, endpoint: fingerprintOf(settings), key, parts: makeParts(contract) };
  return openAccepted({ ...about, recheckAfter, compare: changedOnly && !full, clock }, changedOnly || full);
}

export interface EnterContext {
  readonly redis: Redis;
  readonly key: Buffer;
  readonly log: Logger;
  notice(line: string): void;
}

/**
 * Before anything is sent: whatever else sends of the job, or has sent since, leaves no more known than is so. Returns what is
 * to be done when no worker has anything of the run any more. Throws as takeBack does.
 */
export async function enterAccepted(
  { redis, key, log, notice }: EnterContext,
  about: SentBy,
  run: string,
  accepted: Accepted,
): Promise<() => Promise<void>> {
  const { job, settings } = about;
  const sender = makeLastSender(redis, sendingOf(about), accepted);
  if (await sender.begin(run))
    notice(`job ${job} was last run from another data folder: what was accepted before is not known here`);
  for (const left of accepted.enter(run)) {
    notice(`run ${left} of this job was killed: taking back what it left to workers`);
    await takeBack({ redis, key, dataDir: settings.dataDir, clock, log }, left);
    accepted.leave(left);
  }
  return async () => {
    await sender.end();
    accepted.leave(run);
  };
}

/**
 * Where the job has sent another file since the newest run of this one, what that changed is to be changed back.
 * @param state of that run; null where there is none
 */
export async function afterOthers(
  about: SentBy,
  newest: string,
  state: string | null,
  home: RedisHome,
): Promise<"anew" | false> {
  if (state === null) return false;
  const redis = home.connect("last-run");
  const last = await lastRun(redis, sendingOf(about));
  redis.disconnect();
  // Where that is not known, one that is not over goes on.
  return last !== newest && (last !== null || isOver(state)) ? "anew" : false;
}

function sendingOf({ job, settings }: SentBy): Sending {
  return { job, endpoint: fingerprintOf(settings) };
}

function fingerprintOf({ baseUrl, login }: Settings): string {
  return endpointFingerprint(baseUrl, login);
}
