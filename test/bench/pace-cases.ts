// A case of the pace benchmark and its size in; what the endpoint saw of it, beside the bars that it must reach, out.
import { setTimeout as sleep } from "node:timers/promises";
import { between, largestWindow, shareUsed, span } from "./arrivals.ts";
import { type Bar, count } from "./figures.ts";
import { makeRow } from "./rows.ts";
import { type Arrival, openStage, type Stage, type Summary } from "./stage.ts";

export const CASES = ["rate", "fair", "rest", "outage", "tokens", "auto"] as const;
export type Case = (typeof CASES)[number];

export interface Task {
  /** What it needs on disk is made in here. */
  readonly folder: string;
  readonly seconds: number;
  /** Of `rate`: requests per second, and worker processes, the run's own among them. */
  readonly rates: readonly number[];
  readonly workers: readonly number[];
  /** A file of so many rows, from row number `from` on. */
  file(rows: number, from?: number): Promise<string>;
}

export const measure: Readonly<Record<Case, (task: Task) => Promise<Bar[]>>> = {
  rate: (task) => inTurn(task.rates.flatMap((rate) => task.workers.map((n) => () => measureRate(task, rate, n)))),
  fair: (task) => inTurn([1, WORKERS].map((workers) => () => measureFair(task, workers))),
  rest: (task) => inTurn([500, null].map((rate) => () => measureRest(task, rate))),
  outage: (task) => inTurn((["503", "refuse"] as const).map((as) => () => measureOutage(task, as))),
  tokens: measureTokens,
  auto: measureAuto,
};

async function inTurn(cases: readonly (() => Promise<Bar[]>)[]): Promise<Bar[]> {
  const bars: Bar[] = [];
  for (const one of cases) bars.push(...(await one()));
  return bars;
}

const WORKERS = 4;
/** What a second may hold beside its rate: an arrival at either end of it. */
const most = (rate: number) => rate + 1;
const timesOf = (arrivals: readonly Arrival[]) => arrivals.map(({ at }) => at);
const remember = (requests: number) => ["--record-requests", String(requests * 2)];

async function measureRate(task: Task, rate: number, workers: number): Promise<Bar[]> {
  const rows = rate * task.seconds;
  await using stage = await openStage(task.folder, remember(rows));
  await stage.workers(workers - 1);
  allUpdated(await stage.run(await task.file(rows), ["--rate", `${rate}/s`]), rows);
  const times = timesOf(await stage.arrivals());
  // Each logs in when it sends its first row.
  const { logins } = await stage.stats();
  const name = `${rate}/s, ${workers} worker${workers === 1 ? "" : "s"}`;
  const quiet = logins === workers ? "" : ` (only ${logins} of them sent)`;
  const window = atMost(`${name}: requests in the busiest second`, most(rate), largestWindow(times));
  return [
    { ...window, name: window.name + quiet },
    atLeastShare(`${name}: of the rate used`, 0.97, shareUsed(times, rate)),
  ];
}

/** A short run beside a long one, which share the rate of their endpoint; all workers but the runs' own serve both. */
async function measureFair(task: Task, workers: number): Promise<Bar[]> {
  const [rate, shortRows, longRows] = [200, 500, 200 * 60];
  const args = ["--endpoint-rate", `${rate}/s`];
  const short = await task.file(shortRows, longRows);
  const customers = new Set(Array.from({ length: shortRows }, (_, n) => makeRow(longRows + n).customerId));
  const ofShort = (arrivals: readonly Arrival[]) => arrivals.filter((one) => customers.has(one.customerId ?? ""));
  const timed = async (stage: Stage) => {
    const from = Date.now();
    allUpdated(await stage.run(short, args), shortRows);
    const arrivals = ofShort(await stage.arrivals());
    return { arrivals, ms: span(timesOf(arrivals)), first: ((arrivals[0]?.wall ?? 0) - from) / 1_000 };
  };
  let alone: Awaited<ReturnType<typeof timed>>;
  {
    await using stage = await openStage(task.folder, remember(shortRows));
    await stage.workers(workers - 1);
    alone = await timed(stage);
  }
  await using stage = await openStage(task.folder, remember(longRows));
  await stage.workers(workers - 1);
  const long = stage.start(await task.file(longRows), args);
  await stage.until(({ requests }) => requests >= 2 * rate);
  const beside = await timed(stage);
  // Some more of the long run: it must have been there to the end of the short one.
  const { requests } = await stage.stats();
  await stage.until((stats) => stats.requests > requests + rate / 4);
  const all = await stage.arrivals();
  await long.stop();
  const ratio = beside.ms / alone.ms;
  const name = `${shortRows} rows beside a long run, ${rate}/s for both, ${workers === 1 ? "one worker" : `${workers} workers`} each`;
  const started = `first request after ${beside.first.toFixed(1)} s, alone after ${alone.first.toFixed(1)} s`;
  return [
    {
      name: `${name}: times as long as alone`,
      ...{ needed: "≤ 2.3", reached: `${ratio.toFixed(2)} (${started})`, met: ratio <= 2.3 },
    },
    atMost(`${name}: requests in the busiest second`, most(rate), largestWindow(timesOf(all))),
  ];
}

/** One moment of 429 with `Retry-After: 2`, in the middle of a run. */
async function measureRest(task: Task, rate: number | null): Promise<Bar[]> {
  const rows = rate === null ? 10_000 : rate * 5;
  // So that it is not the machine that keeps the endpoint waiting: 1,600 requests per second are possible.
  const few = ["--concurrency", "8"];
  await using stage = await openStage(task.folder, [...remember(rows), "--latency", "20"]);
  await stage.workers(WORKERS - 1, few);
  const pace = rate === null ? [] : ["--rate", `${rate}/s`];
  const running = stage.run(await task.file(rows), ["--attempts", "1", ...few, ...pace]);
  await stage.until(({ requests }) => requests >= 1.5 * (rate ?? 1_000));
  await stage.faults({ share429: 1, retryAfter: 2 });
  await stage.until(({ byStatus }) => (byStatus[429] ?? 0) > 0);
  await stage.faults({ share429: 0 });
  const { counts } = await running;
  const arrivals = await stage.arrivals();
  const answered = arrivals.flatMap(({ ending, endedAt }) => (ending === 429 && endedAt !== null ? [endedAt] : []));
  const times = timesOf(arrivals);
  // Each of these answers asks for two seconds.
  const [from, to] = [Math.min(...answered), Math.max(...answered) + 2_000];
  const later = times.filter((at) => at > to);
  const [again = Number.NaN] = later;
  const name = `Retry-After: 2, ${WORKERS} workers, ${rate === null ? "no rate" : `${rate}/s`}`;
  const resumed = `the next ${((again - from) / 1_000).toFixed(2)} s after it`;
  const quiet = atMost(`${name}: requests from 150 ms after it to its end`, 0, between(times, from + 150, to));
  const first = between(times, again - 1, again + 999);
  return [
    { ...quiet, reached: `${quiet.reached} (${answered.length} answers 429, ${resumed})` },
    atMost(`${name}: rows that lost a try by it`, 0, counts.failed + counts.unknown + counts.unsent),
    ...(rate === null ? [] : [atMost(`${name}: requests in the first second afterwards`, most(rate), first)]),
  ];
}

/** The interval of the probes by then: every second one doubles them, from one second up to a minute. */
const PROBE_S = 32;
const LONGEST_PROBE_S = 60;

/** With one try per row, so that any try that an outage costs ends a row. */
async function measureOutage(task: Task, as: "503" | "refuse"): Promise<Bar[]> {
  const rate = 500;
  const seconds = task.seconds * 2;
  const rows = Math.round((rate * seconds * 2) / 3);
  await using stage = await openStage(task.folder, remember(rows));
  const running = stage.run(await task.file(rows), ["--attempts", "1", "--rate", `${rate}/s`]);
  await stage.until(({ requests }) => requests >= rate * 2);
  await stage.faults({ outage: `0-${seconds}`, outageAs: as });
  const from = Date.now();
  const { counts } = await running;
  const back = from + seconds * 1_000;
  // A run that the outage ended early leaves nobody to ask.
  await sleep(Math.max(0, back + 500 - Date.now()));
  const arrivals = await stage.arrivals();
  const probes = arrivals.filter(({ wall, fault }) => fault === "outage" && wall > from + 2_000);
  const answered = arrivals.filter(({ wall, ending }) => wall > back && ending === 200);
  // Of a port that nobody listens on the endpoint knows no probes.
  const interval = as === "refuse" ? PROBE_S : secondsBetween(probes.at(-1), answered[0]);
  // Not the probe that found it back: the tenth row from there.
  const again = ((answered[9]?.wall ?? Number.NaN) - back) / 1_000;
  const limit = Math.max(5, Math.min(interval, LONGEST_PROBE_S));
  const name = `${seconds} s of ${as === "503" ? "503" : "refused connections"} in ${count(rows)} rows at ${rate}/s`;
  return [
    atMost(`${name}: rows not updated, of one try each`, 0, rows - counts.updated),
    ...(as === "503" ? [atMost(`${name}: requests after its first 2 s`, 12, probes.length)] : []),
    {
      name: `${name}: sending again after`,
      ...{ needed: `≤ ${limit.toFixed(1)} s`, reached: `${again.toFixed(1)} s`, met: again <= limit },
    },
    atMost(`${name}: requests in the busiest second`, most(rate), largestWindow(timesOf(arrivals))),
  ];
}

function secondsBetween(before: Arrival | undefined, after: Arrival | undefined): number {
  return before && after ? (after.at - before.at) / 1_000 : 0;
}

/** Tokens that are good for three seconds, with all slots of one process busy. */
async function measureTokens(task: Task): Promise<Bar[]> {
  const [lifetime, latency, slots] = [3, 50, 64];
  const rows = Math.round((task.seconds * slots * 1_000) / latency);
  const options = ["--token-lifetime", String(lifetime), "--latency", String(latency)];
  await using stage = await openStage(task.folder, [...options, ...remember(rows)]);
  const { counts } = await stage.run(await task.file(rows), ["--concurrency", String(slots)]);
  const { logins, maxInFlight } = await stage.stats();
  const seconds = span(timesOf(await stage.arrivals())) / 1_000;
  const name = `tokens of ${lifetime} s, ${slots} requests in flight for ${seconds.toFixed(0)} s`;
  // 12 in 30 s: one for each lifetime, and two more.
  const login = atMost(`${name}: logins`, Math.ceil(seconds / lifetime) + 2, logins);
  return [
    atMost(`${name}: rows not updated`, 0, rows - counts.updated),
    { ...login, reached: `${login.reached} (${maxInFlight} in flight)` },
  ];
}

/** An endpoint that is best with 40 requests in flight, and what finds that out by itself. */
async function measureAuto(task: Task): Promise<Bar[]> {
  const [latency, knee, bound] = [50, 40, 60];
  const seconds = task.seconds / 2;
  const rows = Math.round((seconds + 5) * ((1_000 * knee) / latency) * 1.5);
  const file = await task.file(rows);
  const tried = async (concurrency: string) => {
    const options = ["--latency", String(latency), "--latency-knee", String(knee)];
    await using stage = await openStage(task.folder, [...options, ...remember(rows)]);
    const running = stage.start(file, ["--concurrency", concurrency]);
    await stage.until(({ requests }) => requests > 0);
    await sleep(seconds * 1_000);
    const times = timesOf(await stage.arrivals());
    const { maxInFlight } = await stage.stats();
    await running.stop();
    const [first = 0] = times;
    return { perSecond: between(times, first - 1, first + seconds * 1_000) / seconds, maxInFlight };
  };
  const fixed: (readonly [concurrency: number, perSecond: number])[] = [];
  for (const concurrency of [10, 20, 30, 40, 50, 60]) {
    fixed.push([concurrency, (await tried(String(concurrency))).perSecond]);
  }
  const [best, fastest] = fixed.reduce((one, other) => (other[1] > one[1] ? other : one));
  const auto = await tried("auto");
  const name = `latency of ${latency} ms that doubles beyond ${knee} in flight, --concurrency auto`;
  const share = atLeastShare(`${name}: of the best fixed number's speed`, 0.9, auto.perSecond / fastest);
  const all = fixed.map(([concurrency, perSecond]) => `${concurrency}: ${count(perSecond)}`).join(", ");
  return [
    { ...share, reached: `${share.reached} (${count(auto.perSecond)}/s; best ${best}; ${all})` },
    { ...atMost(`${name}: requests in flight at most`, bound - 1, auto.maxInFlight), needed: `< ${bound}` },
  ];
}

function allUpdated({ counts }: Summary, rows: number): void {
  if (counts.updated !== rows)
    throw new Error(`${counts.updated} of ${rows} rows were updated: the figures say nothing`);
}

function atMost(name: string, limit: number, reached: number): Bar {
  return { name, needed: limit === 0 ? "0" : `≤ ${count(limit)}`, reached: count(reached), met: reached <= limit };
}

function atLeastShare(name: string, limit: number, reached: number): Bar {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  return { name, needed: `≥ ${percent(limit)}`, reached: percent(reached), met: reached >= limit };
}
