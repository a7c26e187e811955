// Figures for Prometheus: of rows, requests, runs and windows, with labels that are known at the start.
import { describe, expect, test } from "vitest";
import type { RunObserver } from "../../src/begin.ts";
import { makeMetrics } from "../../src/daemon/metrics.ts";
import { makeFakeClock, outcome } from "../queue/support.ts";

type Live = Parameters<RunObserver["live"]>[0];

function begin() {
  const clock = makeFakeClock();
  const window = { from: "12:00", to: "13:00", timeZone: "UTC" };
  const jobs = [
    { name: "nightly", window, waiting: () => 2, next: () => 1_769_900_000_000 },
    { name: "upload", window: null, waiting: () => 0, next: () => null },
  ];
  const metrics = makeMetrics(jobs, clock);
  const lines = async (start: string) => (await metrics.text()).split("\n").filter((line) => line.startsWith(start));
  return { clock, metrics, lines };
}

const live = (given: Partial<Live> = {}): Live => ({
  state: "running",
  rate: 50,
  rowsPerSecond: 40,
  underway: 7,
  ...given,
});

describe("makeMetrics", () => {
  test("counts rows by outcome, their requests, and how long the last of each took", async () => {
    const { metrics, lines } = begin();
    const meter = metrics.meter("nightly");
    for (let row = 1; row <= 3; row++) meter.answered(outcome(row, { latency: 20, attempts: row }));
    meter.answered(outcome(4, { status: "rejected", attempts: 0, latency: 0 }));
    expect(await lines("updraft_rows_total")).toEqual(
      expect.arrayContaining([
        'updraft_rows_total{job="nightly",outcome="updated"} 3',
        'updraft_rows_total{job="nightly",outcome="rejected"} 1',
        'updraft_rows_total{job="upload",outcome="updated"} 0',
      ]),
    );
    expect(await lines('updraft_requests_total{job="nightly"}')).toEqual(['updraft_requests_total{job="nightly"} 6']);
    expect(await lines("updraft_request_duration_seconds_bucket")).toEqual(
      expect.arrayContaining([
        'updraft_request_duration_seconds_bucket{le="0.01",job="nightly"} 0',
        'updraft_request_duration_seconds_bucket{le="0.025",job="nightly"} 3',
      ]),
    );
  });

  test("tells the states of runs, their pace and their rows while they go on, and how they ended", async () => {
    const { clock, metrics, lines } = begin();
    const [one, other] = [metrics.meter("nightly"), metrics.meter("nightly")];
    one.live(live());
    other.live(live({ state: "paused", rate: null, rowsPerSecond: 0, underway: 1 }));
    const nightly = async (name: string) =>
      (await lines(`updraft_${name}{job="nightly"`)).map((line) => line.split(" ")[1]);
    expect(await lines('updraft_runs{job="nightly"')).toEqual(
      expect.arrayContaining([
        'updraft_runs{job="nightly",state="running"} 1',
        'updraft_runs{job="nightly",state="paused"} 1',
        'updraft_runs{job="nightly",state="waiting"} 0',
      ]),
    );
    expect(await nightly("rows_per_second")).toEqual(["40"]);
    expect(await nightly("pace_used_ratio")).toEqual(["0.8"]);
    expect(await nightly("rows_underway")).toEqual(["8"]);
    expect(await nightly("runs_waiting")).toEqual(["2"]);
    expect(await nightly("schedule_next_timestamp_seconds")).toEqual(["1769900000"]);
    expect(await lines('updraft_pace_used_ratio{job="upload"')).toEqual([]);
    one.ended("complete");
    other.ended("stopped");
    expect(await lines('updraft_runs{job="nightly",state="running"}')).toEqual([
      'updraft_runs{job="nightly",state="running"} 0',
    ]);
    expect(await lines('updraft_runs_ended_total{job="nightly"')).toEqual(
      expect.arrayContaining([
        'updraft_runs_ended_total{job="nightly",state="complete"} 1',
        'updraft_runs_ended_total{job="nightly",state="stopped"} 1',
        'updraft_runs_ended_total{job="nightly",state="failed"} 0',
      ]),
    );
    expect(await nightly("last_complete_timestamp_seconds")).toEqual([String(clock.wall() / 1_000)]);
  });

  test("tells whether the window of each job is open", async () => {
    const { clock, lines } = begin();
    const open = () => lines("updraft_window_open{");
    expect(await open()).toEqual(['updraft_window_open{job="nightly"} 1', 'updraft_window_open{job="upload"} 1']);
    await clock.advance(3_600_000);
    expect(await open()).toEqual(['updraft_window_open{job="nightly"} 0', 'updraft_window_open{job="upload"} 1']);
  });

  test("grows with nothing that runs do", async () => {
    const { metrics } = begin();
    const size = async () => (await metrics.text()).split("\n").length;
    const first = metrics.meter("nightly");
    first.live(live());
    first.answered(outcome(1));
    first.ended("complete");
    const before = await size();
    for (let i = 0; i < 100; i++) {
      const meter = metrics.meter("nightly");
      meter.live(live());
      meter.answered(outcome(i, { status: "failed", cause: { code: `code-${i}` } }));
      meter.ended("failed");
    }
    expect(await size()).toBe(before);
  });
});
