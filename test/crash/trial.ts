// A plan and a folder in; the trial carried out, and what it found, out.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { type Evidence, findViolations, ROUNDS } from "./check.ts";
import { gather } from "./evidence.ts";
import { findInGap } from "./gap.ts";
import { DISTURB } from "./kinds.ts";
import type { Plan } from "./plan.ts";
import { countResent, resentBound } from "./resent.ts";
import { openSite, type Site } from "./site.ts";

export interface Result {
  readonly plan: Plan;
  readonly violations: readonly string[];
  /** Requests that the disturbance caused to be sent again, and how many it may have. */
  readonly resent: number;
  readonly bound: number;
  readonly requests: number;
  readonly seconds: number;
  /** As in Evidence. */
  readonly stood: number;
  /** What was done, in words. */
  readonly told: string;
}

/**
 * Of a late effect's time this share is left before its quiet period is over. An endpoint that reads a request later than
 * that breaks promises by itself: what is found then proves nothing.
 */
const LEFT = 0.6;

export function provesNothing({ plan, violations, stood }: Result): boolean {
  return violations.length > 0 && ROUNDS * stood > LEFT * plan.timeout;
}

type Delay = ReturnType<typeof monitorEventLoopDelay>;

/** A run that does not end is one of the things that must not happen. */
const LIMIT_MS = 90_000;

/** Never rejects: what goes wrong in the harness itself is a violation, too. What it found is written into the folder. */
export async function runTrial(plan: Plan, folder: string): Promise<Result> {
  const from = performance.now();
  const late = new AbortController();
  const delay = monitorEventLoopDelay({ resolution: 10 });
  let site: Site | null = null;
  let found: Pick<Result, "violations" | "resent" | "bound" | "requests" | "told">;
  try {
    site = await openSite(plan, folder);
    const limit = setTimeout(LIMIT_MS, "late" as const, { signal: late.signal });
    delay.enable();
    const carried = carryOut(site, plan, delay);
    carried.catch(() => {});
    const how = await Promise.race([carried, limit]);
    found = how === "late" ? failed(`not over after ${LIMIT_MS / 1_000} s`) : how;
  } catch (error) {
    found = failed(`the harness failed: ${error instanceof Error ? error.stack : String(error)}`);
  } finally {
    late.abort();
    await site?.close();
  }
  const result = { plan, ...found, stood: stoodStill(delay), seconds: (performance.now() - from) / 1_000 };
  if (found.violations.length > 0) writeFileSync(join(folder, "result.json"), JSON.stringify(result, null, 2));
  return result;
}

async function carryOut(site: Site, plan: Plan, delay: Delay) {
  const story = await DISTURB[plan.kind](site, plan);
  // The last request has been answered.
  delay.disable();
  const codes = await site.end();
  const unwilling = codes.flatMap(([name, code]) => (code === 0 ? [] : [`${name} ended with exit code ${code}`]));
  const evidence: Evidence = await gather(
    site,
    plan,
    { ...story, odd: [...story.odd, ...unwilling] },
    stoodStill(delay),
  );
  const { requests, quiet, instants, lag } = evidence;
  const found = findViolations(evidence);
  const gap = found.length > 0 ? findInGap(evidence) : null;
  const violations = gap ? [] : found;
  const told = gap ? `${story.told}, in the instant of a write: row ${gap.row} was sent late` : story.told;
  if (violations.length > 0) {
    const lines = requests.map((request) => `${JSON.stringify(request)}\n`);
    writeFileSync(join(site.folder, "requests.ndjson"), lines.join(""));
  }
  const [resent, bound] = [countResent(requests, quiet), resentBound(requests, instants, lag)];
  return { violations, resent, bound, requests: requests.length, told };
}

function failed(why: string) {
  return { violations: [why], resent: 0, bound: 0, requests: 0, told: "" };
}

function stoodStill(delay: Delay): number {
  return Math.round(delay.max / 1e6);
}
