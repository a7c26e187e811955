// A site and a plan in; the run under way, disturbed as the kind says and put right again, to its end out.
import { cpSync } from "node:fs";
import { join } from "node:path";
import type { Plan } from "./plan.ts";
import { childOf } from "./processes.ts";
import { startProxy } from "./proxy.ts";
import { type Instant, LOST } from "./resent.ts";
import { type Ended, type Proc, type Site, sleep } from "./site.ts";

export interface Story {
  /** The run that has the last word. */
  readonly ended: Ended;
  readonly dataDir: string;
  readonly instants: readonly Instant[];
  /** When a worker that was paused woke up; null where none was. */
  readonly woke: number | null;
  /** What went otherwise than it should. */
  readonly odd: readonly string[];
  /** In words. */
  readonly told: string;
}

interface Cast {
  readonly run: Proc;
  /** Beside the run's own one. */
  readonly workers: readonly Proc[];
}

/** Starts everything; the workers' ways to Redis may differ. */
function start(site: Site, plan: Plan, redisUrl: (worker: number) => string = () => site.redis.url): Cast {
  const workers = Array.from({ length: plan.workers - 1 }, (_, i) => site.worker(`worker-${i + 1}`, redisUrl(i + 1)));
  return { run: site.run("run"), workers };
}

/** Resolves in the instant that the plan names; false when the run ended before it. */
async function instant(site: Site, plan: Plan, run: Proc): Promise<boolean> {
  if (!(await site.reached(plan.instants[0] ?? 0, run))) return false;
  await sleep(plan.after);
  return !run.over;
}

function story(ended: Ended, told: string, instants: readonly Instant[], rest: Partial<Story> = {}): Story {
  return { dataDir: "data", odd: [], woke: null, ...rest, ended, told, instants };
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
const now = (lost: keyof typeof LOST): Instant => ({ at: Date.now(), ...LOST[lost] });
const nothing = async (run: Proc) => story(await run.ended, "the run ended before", []);

async function coordinator(site: Site, plan: Plan): Promise<Story> {
  let { run } = start(site, plan);
  const instants: Instant[] = [];
  for (const [i, requests] of plan.instants.entries()) {
    if (!(await site.reached(requests, run))) break;
    await sleep(plan.after);
    if (run.over) break;
    run.kill("SIGKILL");
    instants.push(now("nothing"));
    await run.ended;
    await sleep(plan.lasts);
    run = site.run(`run-${i + 2}`);
  }
  return story(await run.ended, `killed ${instants.length} times`, instants);
}

async function worker(site: Site, plan: Plan): Promise<Story> {
  const { run, workers } = start(site, plan);
  if (!(await instant(site, plan, run))) return nothing(run);
  const victim = workers[plan.victim - 1];
  const at = now("worker");
  process.kill(victim?.pid ?? childOf(run.pid), "SIGKILL");
  if (victim) {
    await sleep(plan.lasts);
    site.worker(`${victim.name}-again`);
  }
  return story(await run.ended, `killed ${victim?.name ?? "the run's own worker"}`, [at]);
}

async function redis(site: Site, plan: Plan): Promise<Story> {
  const { run } = start(site, plan);
  if (!(await instant(site, plan, run))) return nothing(run);
  const at = now("nothing");
  await site.redis.kill();
  await sleep(plan.lasts);
  await site.redis.start(false);
  return story(await run.ended, `gone for ${seconds(plan.lasts)}`, [at]);
}

async function redisEmptied(site: Site, plan: Plan): Promise<Story> {
  const { run } = start(site, plan);
  if (!(await instant(site, plan, run))) return nothing(run);
  const at = now("redis");
  if (plan.other) {
    await site.redis.client.flushall();
    return story(await run.ended, "FLUSHALL", [at]);
  }
  await site.redis.kill();
  await sleep(plan.lasts);
  await site.redis.start(true);
  return story(await run.ended, `gone for ${seconds(plan.lasts)}, came back empty`, [at]);
}

async function workerPaused(site: Site, plan: Plan): Promise<Story> {
  const { run, workers } = start(site, plan);
  if (!(await instant(site, plan, run))) return nothing(run);
  const victim = workers[plan.victim - 1];
  const pid = victim?.pid ?? childOf(run.pid);
  const at = now("worker");
  process.kill(pid, "SIGSTOP");
  await sleep(plan.lasts);
  const woke = Date.now();
  process.kill(pid, "SIGCONT");
  const told = `paused ${victim?.name ?? "the run's own worker"} for ${seconds(plan.lasts)}`;
  return story(await run.ended, told, [at], { woke });
}

/**
 * When its hold has ended, a second coordinator is started: with the same ledger, where it is refused; or with a copy of it,
 * as another machine would have one, where it takes over. Then the first one wakes up.
 */
async function coordinatorPaused(site: Site, plan: Plan): Promise<Story> {
  const { run } = start(site, plan);
  if (!(await instant(site, plan, run))) return nothing(run);
  run.kill("SIGSTOP");
  const instants = [now("nothing")];
  await sleep(plan.lasts);
  while ((await site.redis.client.keys("updraft:holder:*")).length > 0) await sleep(20);
  const dataDir = plan.other ? "data-2" : "data";
  if (plan.other) cpSync(join(site.folder, "data"), join(site.folder, dataDir), { recursive: true });
  const second = site.run("run-2", dataDir);
  const wake = async () => {
    run.kill("SIGCONT");
    instants.push(now("nothing"));
  };
  if (!plan.other) {
    const { code, stderr } = await second.ended;
    await wake();
    const odd = code === 2 && stderr.includes("held") ? [] : [`the second run was not refused: exit code ${code}`];
    return story(await run.ended, "a second one was refused", instants, { odd });
  }
  // In the instant of the takeover, while the other one is at work, or when that has ended.
  await Promise.race([second.ended, sleep(plan.victim * 1_000 + plan.after * 50)]);
  await wake();
  const [first, other] = await Promise.all([run.ended, second.ended]);
  if (other.code === 2) return story(first, "woke up before the takeover", instants);
  const odd = first.code === 5 ? [] : [`the one that was taken over ended with exit code ${first.code}, not 5`];
  return story(other, "taken over", instants, { odd, dataDir });
}

async function network(site: Site, plan: Plan): Promise<Story> {
  const proxy = await startProxy(join(site.folder, "proxy"), site.redis.socket);
  try {
    const victim = Math.max(1, plan.victim);
    const { run } = start(site, plan, (worker) => (worker === victim ? proxy.url : site.redis.url));
    if (!(await instant(site, plan, run))) return await nothing(run);
    const at = now("worker's way");
    await proxy.cut(plan.other);
    await sleep(plan.lasts);
    await proxy.restore();
    const told = `worker-${victim} cut off ${plan.other ? "silently " : ""}for ${seconds(plan.lasts)}`;
    const ended = await run.ended;
    await site.end();
    return story(ended, told, [at]);
  } finally {
    await proxy.close();
  }
}

export const DISTURB: Readonly<Record<Plan["kind"], (site: Site, plan: Plan) => Promise<Story>>> = {
  coordinator,
  worker,
  redis,
  "redis-emptied": redisEmptied,
  "worker-paused": workerPaused,
  "coordinator-paused": coordinatorPaused,
  network,
};
