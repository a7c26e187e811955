// Runs whose endpoint is out, asks for a rest, or forbids everything: no row pays for it.
import { describe, expect, test } from "vitest";
import { readStatuses } from "../../src/queue/status.ts";
import { useRedis } from "../support/redis.ts";
import { customersAfter, customersOf, makeRows, recordsOf, toCsv, until, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

const stateNow = async () => (await readStatuses(redis.connect()))[0]?.state;

describe("an endpoint that is out", () => {
  test.each(["503", "refuse"] as const)(
    "(%s) makes the run wait and go on by itself; no row fails, though each had one try only",
    async (outageAs) => {
      const simulator = await path.simulate({ latency: 20 });
      const rows = makeRows(400, 400);
      const file = path.file("in.csv", toCsv(rows));
      const running = path.given([file, "--attempts", "1", "--rate", "200/s"]);
      await until(() => simulator.stats().effects > 20);
      simulator.setFaults({ outage: "on", outageAs });
      await until(async () => (await stateNow()) === "waiting");
      simulator.setFaults({ outage: "off" });
      const { code, summary, stderr } = await running;
      expect([code, summary.state, summary.counts.updated]).toEqual([0, "complete", 400]);
      expect(customersOf(simulator)).toEqual(customersAfter(rows));
      // Ten rows until it was clear, as many as were in flight then, and a probe or two.
      expect(simulator.stats().byFault.outage ?? 0).toBeLessThan(100);
      const cause = outageAs === "503" ? "HTTP 503" : "connection (refused|lost)";
      expect(summary.warnings.join("\n")).toMatch(new RegExp(`was out once \\(${cause}\\), .* no try was counted`));
      expect(stderr).toMatch(/is out .*the run waits/);
      expect(stderr).toMatch(/answers again after .*the run goes on/);
      expect(await redis.connect().keys("updraft:*")).toEqual([]);
    },
  );

  test("to updates alone, with every row on its only try at once, is waited for all the same", async () => {
    const simulator = await path.simulate({ share503: 1, maxFaultsPerRow: "none" });
    const file = path.file("in.csv", toCsv(makeRows(40, 40)));
    const running = path.given([file, "--attempts", "1"]);
    await until(async () => (await stateNow()) === "waiting");
    simulator.setFaults({ share503: 0 });
    const { code, summary } = await running;
    expect([code, summary.counts.updated]).toEqual([0, 40]);
  });

  test("for longer than --give-up-after, its login too, ends the run stopped, the rest unsent; the same command goes on", async () => {
    const simulator = await path.simulate({ outage: "on" });
    const rows = makeRows(30, 30);
    const file = path.file("in.csv", toCsv(rows));
    const { code, summary } = await path.given([file, "--give-up-after", "1s"]);
    expect([code, summary.state, summary.counts]).toMatchObject([3, "stopped", { unsent: 30, failed: 0 }]);
    expect(summary.stopped).toMatchObject({ rule: "give-up-after", rows: [] });
    expect(summary.stopped?.message).toMatch(/did not answer for 1\.0 s \(at the login: HTTP 503\)/);
    expect(recordsOf(summary.reports.unsent)).toHaveLength(30);
    simulator.setFaults({ outage: "off" });
    const rest = await path.given([file]);
    expect([rest.code, rest.summary.counts.updated]).toEqual([0, 30]);
  });
});

test("rows refused with Retry-After come after the rest that the endpoint asked for, and none of them has used a try", async () => {
  const simulator = await path.simulate({ share429: 0.03, retryAfter: 1, maxFaultsPerRow: 1, seed: 2, latency: 5 });
  const rows = makeRows(100, 100);
  const { code, summary } = await path.given([path.file("in.csv", toCsv(rows)), "--attempts", "1", "--rate", "200/s"]);
  expect([code, summary.counts.updated]).toEqual([0, 100]);
  expect(summary.requests.sent).toBeGreaterThan(100);
  expect(summary.warnings.join("\n")).toMatch(/asked for a rest \(Retry-After\) (once|\d+ times)/);
  // The rest is to be seen at the endpoint: at 200/s requests are 5 ms apart.
  const arrivals = [...simulator.requests()].map(({ at }) => at);
  const gaps = arrivals.map((at, i) => at - (arrivals[i - 1] ?? at));
  expect(Math.max(...gaps)).toBeGreaterThan(500);
});

test("a login that may update nothing (403) blocks the run, every row unsent; customers that are forbidden fail alone", async () => {
  const simulator = await path.simulate({ refuseShare: 1, refuseAs: "403" });
  const rows = makeRows(60, 60);
  const file = path.file("in.csv", toCsv(rows));
  const { code, summary } = await path.given([file]);
  expect([code, summary.state, summary.counts]).toMatchObject([4, "blocked", { failed: 0, unsent: 60 }]);
  expect(summary.warnings.join("\n")).toContain("forbids this login every update (403)");
  simulator.setFaults({ refuseShare: 0.1 });
  const rest = await path.given([file]);
  const { failed, updated } = rest.summary.counts;
  expect([rest.code, rest.summary.state, failed + updated]).toEqual([1, "complete", 60]);
  expect(failed).toBeGreaterThan(0);
  expect(rest.summary.errors).toMatchObject([{ status: "failed", code: "http-403", count: failed }]);
});
