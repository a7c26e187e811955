// A run of a job in; what the endpoint has accepted of that job before, as far as that is known for sure, and who has sent last, out.
import { systemClock as clock } from "./clock.ts";
import { condor as contract } from "./endpoint/condor.ts";
import { makeParts } from "./plan/parts.ts";
import { endpointFingerprint } from "./queue/epoch.ts";
import { makeLastSender } from "./queue/last-sender.ts";
import { type TakeBackContext, takeBack } from "./runs/take-back.ts";
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
  const about = { dataDir, job, endpoint: endpointFingerprint(settings), key, parts: makeParts(contract) };
  return openAccepted({ ...about, recheckAfter, compare: changedOnly && !full, clock }, changedOnly || full);
}

/**
 * Before anything is sent: whatever else sends of the job, or has sent since, leaves no more known than is so. Returns what is
 * to be done when no worker has anything of the run any more. Throws as takeBack does.
 */
export async function enterAccepted(
  context: TakeBackContext,
  notice: (line: string) => void,
  { job, settings }: SentBy,
  run: string,
  accepted: Accepted | null,
): Promise<() => Promise<void>> {
  const sender = makeLastSender(context.redis, { job, endpoint: endpointFingerprint(settings) }, accepted);
  if (await sender.begin(run))
    notice(`job ${job} was last run from another data folder: what was accepted before is not known here`);
  for (const left of accepted?.enter(run) ?? []) {
    notice(`run ${left} of this job was killed: taking back what it left to workers`);
    await takeBack(context, left);
    accepted?.leave(left);
  }
  return async () => {
    await sender.end();
    accepted?.leave(run);
  };
}
