// What one window of time has shown of the endpoint, and what was known before, in; how many requests may be in flight next, out.

/** Few enough for any endpoint; a run finds its level from here within seconds. */
const START = 8;
export const MOST = 1_000;
/** From one window to the next there are at most so many times as many requests in flight. */
const GROWTH = 1.2;
/**
 * Another level is better if throughput follows it by this part: 20 % more in flight must bring 4 % more, and 20 % less may
 * cost 4 %. What is in flight beyond that only waits at the endpoint.
 */
const WORTH = 0.2;
const FEWER = 0.8;
/** The least by which more are tried: what a smaller difference brings cannot be told from chance. */
const STEP = 1.025;
/** Latency that is so many times its running mean has risen, unless answers differ so much that chance may do that. */
const RISEN = 1.25;
const CHANCE = 3.5;
/** Faults beyond their usual share of the answers by so much: fewer requests at once. */
const TOO_FAULTY = 0.05;
/** Of a new window in a running mean. */
const NEW = 0.15;
/** And in that of latency, which must not follow one that creeps up. */
const NEW_LATENCY = 0.05;
/** With less of the limit in use (mean over the window) something else is what limits: the pace, the file. */
const REACHED = 0.8;
/** Windows between two trials of levels that failed before: twice as many each time. A failed one may halve the throughput. */
const FIRST_REST = 8;
const LONGEST_REST = 32;
const SHORTEST_MS = 100;
const FEWEST_ANSWERS = 10;
/** A window's latency is known to about this part of itself, however much the answers differ: then chance decides little. */
const ERROR = 0.1;

export interface Window {
  /** Answers that were no faults, to requests that were begun in the window. */
  readonly answers: number;
  readonly faults: number;
  /** Milliseconds: the geometric mean over the answers, which one slow customer moves little. 0 without answers. */
  readonly latency: number;
  /** Standard deviation of the answers' logarithms. */
  readonly spread: number;
  /** Mean number of requests in flight. */
  readonly inFlight: number;
}

export interface Adapt {
  /** Requests that may be in flight now. */
  readonly limit: number;
  /** The best level known; `limit` is another one while that is tried. */
  readonly good: number;
  /** What the good level brings: answers per millisecond. Null while it is not known. */
  readonly rate: number | null;
  /** Running means of the good level. */
  readonly latency: number | null;
  readonly faulty: number;
  readonly spread: number;
  /** The lowest level found not to be worth it; null while none is. */
  readonly ceiling: number | null;
  /** Windows until the next trial, and how many there will be after the next one that fails. */
  readonly left: number;
  readonly rest: number;
  /** Counts trials after a rest. */
  readonly turn: number;
}

export const START_ADAPT: Adapt = {
  ...{ limit: START, good: START, rate: null, latency: null, faulty: 0, spread: 0 },
  ...{ ceiling: null, left: 0, rest: FIRST_REST, turn: 0 },
};

/** Whether a window may end: about every slot has had an answer, also if latency has doubled: an early end would see the fast ones only. */
export function isEnough(now: Adapt, answers: number, elapsed: number): boolean {
  if (answers < FEWEST_ANSWERS || answers < now.limit || answers < (now.spread / ERROR) ** 2) return false;
  return elapsed >= Math.max(SHORTEST_MS, 3 * (now.latency ?? 0));
}

/**
 * Pure. In the spirit of Vector's adaptive request concurrency (grow only where the limit was reached) and Netflix's
 * concurrency-limits (against a running mean that follows the endpoint). Throughput is taken from latency by Little's law:
 * answers counted in a short window would depend on how their bursts fall into it.
 */
export function adapt(before: Adapt, seen: Window): Adapt {
  const faulty = seen.faults / Math.max(1, seen.faults + seen.answers);
  const spread = seen.answers === 0 ? before.spread : mean(before.spread, seen.spread);
  const was = { ...before, faulty: mean(before.faulty, faulty), spread };
  if (faulty > before.faulty + TOO_FAULTY) {
    const limit = fewer(was.limit);
    return { ...was, limit, good: limit, rate: null, left: FIRST_REST, rest: FIRST_REST };
  }
  if (seen.inFlight < REACHED * was.limit || seen.answers === 0) return was;
  const rate = (seen.inFlight / seen.latency) * (1 - faulty);
  if (was.limit !== was.good) return judge(was, rate, seen.latency);
  const known = { ...was, rate: mean(was.rate, rate) };
  // Fewer are tried at once, and kept if that helps: an endpoint that is slower whatever it is sent is no reason to send less.
  if (was.latency !== null && seen.latency > risen(seen) * was.latency)
    return { ...known, limit: fewer(was.good), latency: mean(was.latency, seen.latency) };
  return next({ ...known, latency: mean(was.latency, seen.latency, NEW_LATENCY) });
}

/** The end of a trial: its level is the good one from now on, or the old one is. */
function judge(was: Adapt, rate: number, latency: number): Adapt {
  const { limit, good, ceiling } = was;
  if (rate >= (was.rate ?? 0) * (1 + WORTH * (limit / good - 1))) {
    const open = ceiling !== null && limit >= ceiling ? null : ceiling;
    return next(settle({ ...was, good: limit, rate, latency, ceiling: open, rest: FIRST_REST }));
  }
  const back = limit > good ? { ...was, ceiling: Math.min(limit, ceiling ?? limit) } : was;
  const found = settle({ ...back, limit: good });
  return found.left > 0 ? { ...found, rest: Math.min(2 * found.rest, LONGEST_REST) } : found;
}

/** A rest, once nothing between the good level and the ceiling is left to be tried. */
function settle(now: Adapt): Adapt {
  return { ...now, left: isBetween(now, more(now)) ? 0 : now.rest };
}

/** Stays at the good level, or tries another. */
function next(now: Adapt): Adapt {
  if (now.left > 0) return { ...now, limit: now.good, left: now.left - 1 };
  const { good, turn } = now;
  const up = more(now);
  if (isBetween(now, up)) return { ...now, limit: up };
  // Many more may be worth it by now, fewer bring as much, or a few more.
  const limit = [grown(good), fewer(good), up][turn % 3] ?? good;
  return { ...now, limit, turn: turn + 1 };
}

/** By how many standard errors of a mean of logarithms. */
const risen = ({ spread, answers }: Window) => Math.max(RISEN, Math.exp((CHANCE * spread) / Math.sqrt(answers)));

const isBetween = ({ good, ceiling }: Adapt, level: number) => level > good && (ceiling === null || level < ceiling);

function more({ good, ceiling }: Adapt): number {
  const most = grown(good);
  return ceiling === null ? most : Math.min(most, Math.max(Math.ceil(good * STEP), Math.floor((good + ceiling) / 2)));
}

const grown = (level: number) => Math.min(MOST, Math.max(level + 1, Math.floor(level * GROWTH)));

/** Less by at least one, and back again is no more than the growth of one window. */
const fewer = (level: number) => Math.max(1, Math.min(level - 1, Math.ceil(level * FEWER)));

const mean = (before: number | null, now: number, part = NEW) =>
  before === null ? now : before + part * (now - before);
