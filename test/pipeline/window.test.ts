// A run with a time window, its process told another time of day: nothing is sent outside, and the rest in the next window.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { makeRows, summaryOf, toCsv, until, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

const HOUR = 3_600_000;
const PRELOAD = pathToFileURL(join(import.meta.dirname, "..", "support", "shift-clock.mjs")).href;

/** Hours of the day that begin so much later than now. */
function windowIn(from: number, to: number): string {
  const [first, last] = [from, to].map((hours) => new Date(Date.now() + hours * HOUR).toISOString().slice(11, 16));
  return `${first}-${last} UTC`;
}

describe("run --window", () => {
  test("waits for its window, stops sending at its end and goes on in the next; SIGTERM ends it in between", async () => {
    const simulator = await path.simulate({ latency: 20 });
    const file = path.file("in.csv", toCsv(makeRows(800, 800)));
    const shift = join(path.cli.folder, "shift");
    const env = { NODE_OPTIONS: `--import ${PRELOAD}`, UPDRAFT_TEST_SHIFT: shift };
    const args = [file, "--window", windowIn(2, 4)];
    const running = path.start(["run", ...args, "--json", "--rate", "100/s"], env);
    const jump = (hours: number) => writeFileSync(shift, String(hours * HOUR));
    const status = async () => JSON.parse((await path.ask(["status", path.runs()[0] ?? "", "--json"])).stdout);
    const waits = async () => (await status()).live?.limitedBy === "window";
    await until(() => path.runs().length === 1);
    await until(waits);
    expect(await status()).toMatchObject({ state: "paused" });
    expect((await path.ask(["resume", path.runs()[0] ?? ""])).stdout).toContain("when its window opens");
    expect(simulator.stats().requests).toBe(0);

    jump(3);
    await until(() => simulator.stats().effects > 20);
    jump(5);
    await until(waits);
    await until(() => simulator.stats().inFlight === 0);
    const sent = simulator.stats().requests;
    expect(sent).toBeLessThan(800);
    await until(async () => (await status()).counts.updated === sent);

    running.child.kill("SIGTERM");
    const { code, summary, stderr } = summaryOf(await running.ended);
    expect({ code, state: summary.state }).toEqual({ code: 130, state: "interrupted" });
    expect(summary.warnings.join()).toMatch(/paused 2 times outside of its window/);
    expect(stderr).toMatch(/nothing more is sent until/);
    expect(simulator.stats().requests).toBe(sent);

    jump(27);
    const all = await path.run(args, env);
    expect(all.summary).toMatchObject({ state: "complete", counts: { updated: 800 }, requests: { sent: 800 } });
    expect(all.summary.warnings).toEqual(expect.not.arrayContaining([expect.stringMatching(/window/)]));
  });

  test.each([
    ["01:00-01:00 UTC", /--window: expected .*two different hours/],
    ["01:00-05:00 Mars/Phobos", /--window: expected .*a time zone that exists/],
  ])("refuses %s before anything is read", async (window, said) => {
    const { code, stderr } = await path.ask(["run", join(path.cli.folder, "none.csv"), "--window", window]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(said) });
  });
});
