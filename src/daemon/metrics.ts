// What runs do and rows end as in; the figures of a process as Prometheus reads them, without a customer's data, out.
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { RunObserver } from "../begin.ts";
import type { Clock } from "../clock.ts";
import { isOpen, type TimeWindow } from "../settings/time-window.ts";
import { STATUSES } from "../settle/outcome.ts";
import { STATES, type State } from "../write/summary.ts";

/** Seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** What a run that goes on may be in, and how it may end; `failed`: without a summary. */
const LIVE = ["running", "paused", "waiting", "stopped", "cancelled"] as const;
const ENDS = [...STATES.filter((state) => !["running", "paused", "waiting", "checked"].includes(state)), "failed"];

type Live = Parameters<RunObserver["live"]>[0];

/** A job whose runs are counted. */
export interface Metered {
  readonly name: string;
  readonly window: TimeWindow | null;
  /** Runs that wait for their turn. */
  waiting(): number;
  /** When its schedule is due next, milliseconds since 1970; null where it has none. */
  next(): number | null;
}

export interface RunMeter extends RunObserver {
  /** `failed`: it has no summary. Null: there was no run, as of a file that was run before. Called once. */
  ended(state: State | "failed" | null): void;
}

export interface Metrics {
  /** For one run of a job. */
  meter(job: string): RunMeter;
  text(): Promise<string>;
  readonly contentType: string;
}

/** Every label has its values from lists that are known at the start: nothing grows with files, rows or time. */
export function makeMetrics(jobs: readonly Metered[], clock: Clock): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const going = new Map<string, Set<Live>>(jobs.map(({ name }) => [name, new Set()]));
  const livesOf = (job: string) => [...(going.get(job) ?? [])];

  const rows = new Counter({
    ...{ name: "updraft_rows_total", help: "Rows that ended, by outcome.", labelNames: ["job", "outcome"] as const },
    registers,
  });
  const requests = new Counter({
    name: "updraft_requests_total",
    help: "Requests for updates, counted when their row ends.",
    ...{ labelNames: ["job"] as const, registers },
  });
  const latency = new Histogram({
    name: "updraft_request_duration_seconds",
    help: "How long the last request of each row took.",
    ...{ labelNames: ["job"] as const, buckets: BUCKETS, registers },
  });
  const ends = new Counter({
    ...{ name: "updraft_runs_ended_total", help: "Runs that ended, by state.", labelNames: ["job", "state"] as const },
    registers,
  });
  const lastEnd = new Gauge({
    name: "updraft_last_complete_timestamp_seconds",
    help: "When a run of the job was complete the last time.",
    ...{ labelNames: ["job"] as const, registers },
  });

  /** A gauge that is looked up when it is asked for; null: there is no figure now. */
  function gauge(name: string, help: string, read: (job: Metered) => number | null): void {
    new Gauge({
      ...{ name, help, labelNames: ["job"] as const, registers },
      collect() {
        this.reset();
        for (const job of jobs) {
          const value = read(job);
          if (value !== null) this.set({ job: job.name }, value);
        }
      },
    });
  }
  const sum = (figures: readonly number[]) => figures.reduce((all, one) => all + one, 0);
  const speedOf = ({ name }: Metered) => sum(livesOf(name).map((live) => live.rowsPerSecond));
  gauge("updraft_rows_per_second", "Rows answered per second, over the last seconds.", speedOf);
  gauge(
    "updraft_pace_used_ratio",
    "Share of its rate that a run uses, the largest; absent without a rate.",
    ({ name }) => {
      const used = livesOf(name).flatMap(({ rate, rowsPerSecond }) => (rate === null ? [] : [rowsPerSecond / rate]));
      return used.length === 0 ? null : Math.max(...used);
    },
  );
  gauge("updraft_rows_underway", "Rows queued, in flight or waiting for a retry.", ({ name }) =>
    sum(livesOf(name).map((live) => live.underway)),
  );
  gauge("updraft_window_open", "1 while the job's time window is open, or it has none.", ({ window }) =>
    window === null || isOpen(window, clock.wall()) ? 1 : 0,
  );
  gauge("updraft_runs_waiting", "Runs that wait for their turn or for their window.", (job) => job.waiting());
  gauge("updraft_schedule_next_timestamp_seconds", "When the job's schedule is due next.", (job) => {
    const next = job.next();
    return next === null ? null : next / 1_000;
  });
  new Gauge({
    ...{ name: "updraft_runs", help: "Runs that go on, by state.", labelNames: ["job", "state"] as const, registers },
    collect() {
      for (const { name } of jobs)
        for (const state of LIVE)
          this.set({ job: name, state }, livesOf(name).filter((live) => live.state === state).length);
    },
  });
  // A rate over a counter that appears with its first row misses that row.
  for (const { name: job } of jobs) {
    for (const outcome of STATUSES) rows.inc({ job, outcome }, 0);
    for (const state of ENDS) ends.inc({ job, state }, 0);
    requests.inc({ job }, 0);
  }

  return {
    meter(job) {
      const counts = new Map(STATUSES.map((outcome) => [outcome, rows.labels({ job, outcome })]));
      const [sent, took] = [requests.labels({ job }), latency.labels({ job })];
      let mine: Live | null = null;
      return {
        live(run) {
          mine = run;
          going.get(job)?.add(run);
        },
        answered({ status, attempts, latency: ms }) {
          counts.get(status)?.inc();
          if (attempts === 0) return;
          sent.inc(attempts);
          took.observe(ms / 1_000);
        },
        ended(state) {
          if (mine !== null) going.get(job)?.delete(mine);
          if (state === null) return;
          ends.inc({ job, state });
          if (state === "complete") lastEnd.set({ job }, clock.wall() / 1_000);
        },
      };
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
