import { describe, expect, it } from "vitest";
import { loadSettings } from "../../src/config.ts";
import { shareWorker } from "../../src/send/share.ts";
import type { ChildOrder, SpawnedWorker } from "../../src/send/spawn.ts";

const env = {
  CONNECTFI_BASE_URL: "http://127.0.0.1:9",
  CONNECTFI_LOGIN: "a",
  CONNECTFI_PASSWORD: "b",
  HOME: "/nowhere",
};
const settings = loadSettings({ flags: {}, env, cwd: "/" });
const order = (run: string): ChildOrder => ({ settings, key: "00", run });

/** Workers that only note what they are told. */
function launcher() {
  const told: string[][] = [];
  const launch = (): SpawnedWorker => {
    const mine: string[] = [];
    told.push(mine);
    return {
      start: ({ run }) => void mine.push(`start ${run}`),
      stop: async () => void mine.push("stop"),
      kill: () => void mine.push("kill"),
    };
  };
  return { told, launch };
}

describe("shareWorker", () => {
  it("starts one worker, for every run, and ends it with none of them", async () => {
    const { told, launch } = launcher();
    const shared = shareWorker(launch);
    const { signal } = new AbortController();
    for (const run of ["r1", "r2"]) {
      const worker = shared.lend(signal);
      worker.start(order(run));
      await worker.stop();
    }
    expect(told).toEqual([["start null"]]);
    await shared.end();
    expect(told).toEqual([["start null", "stop"]]);
  });

  it("ends it with the run that is going on when all is to end: both wait for the same requests", async () => {
    const { told, launch } = launcher();
    const stop = new AbortController();
    const worker = shareWorker(launch).lend(stop.signal);
    worker.start(order("r1"));
    stop.abort();
    await worker.stop();
    expect(told).toEqual([["start null", "stop"]]);
  });

  it("has another one for the next run where a run had to kill it", () => {
    const { told, launch } = launcher();
    const shared = shareWorker(launch);
    const { signal } = new AbortController();
    const first = shared.lend(signal);
    first.start(order("r1"));
    first.kill();
    shared.lend(signal).start(order("r2"));
    expect(told).toEqual([["start null", "kill"], ["start null"]]);
  });
});
