// Plans in; their results out, as they come: several processes at work side by side, because much of a trial is waiting.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import type { Plan } from "./plan.ts";
import { provesNothing, type Result } from "./trial.ts";

/** A trial that proves nothing is repeated, so often in all. */
const ATTEMPTS = 4;
const resultShape = z.custom<Result>((m) => typeof m === "object" && m !== null && "violations" in m);
const JOB = join(import.meta.dirname, "job.ts");

/**
 * Of a trial that is repeated, `onResult` is told each result; all but the last one are void, and nothing of them is kept.
 * Returns when no process of a trial is left, however it ends.
 * @param folder where each trial gets a folder of its own
 */
export async function runTrials(
  plans: readonly Plan[],
  jobs: number,
  folder: string,
  stop: AbortSignal,
  onResult: (result: Result, isVoid: boolean) => void,
): Promise<void> {
  const waiting = plans.values();
  const children: ChildProcess[] = [];

  async function work(): Promise<void> {
    const job = fork(JOB, []);
    children.push(job);
    const gone = once(job, "exit").then(([code, signal]) => {
      throw new Error(`a process of the harness ended (${signal ?? `exit code ${code}`})`);
    });
    gone.catch(() => {});
    // One after the other asks for the next: whoever is free.
    for (const plan of waiting) {
      for (let attempt = 1; !stop.aborted; attempt++) {
        const answer = once(job, "message");
        const place = join(folder, `${plan.kind}-${plan.seed}`);
        job.send({ plan, folder: place });
        const [message] = await Promise.race([answer, gone]);
        const result = resultShape.parse(message);
        const isVoid = provesNothing(result) && attempt < ATTEMPTS;
        onResult(result, isVoid);
        if (!isVoid) break;
        rmSync(place, { recursive: true, force: true, maxRetries: 5 });
      }
    }
  }

  /** A job that is let go kills what it has running, and ends. */
  const letGo = () => Promise.all(children.map(end));
  stop.addEventListener("abort", letGo, { once: true });
  try {
    await Promise.all(Array.from({ length: Math.min(jobs, plans.length) }, work));
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    await letGo();
  }
}

async function end(job: ChildProcess): Promise<void> {
  if (job.connected) job.disconnect();
  if (job.exitCode === null && job.signalCode === null) await once(job, "exit");
}
