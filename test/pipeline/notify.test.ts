// Real runs that tell of themselves, with real processes: what is told, and that nothing of a customer is in it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readStatuses } from "../../src/queue/status.ts";
import { useRedis } from "../support/redis.ts";
import { useWebhooks } from "../support/webhook.ts";
import { makeRows, summaryOf, toCsv, until, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);
const hook = useWebhooks();

const stateNow = async () => (await readStatuses(redis.connect()))[0]?.state;
const SECRET = { UPDRAFT_NOTIFY_SECRET: "a secret of some length" };

test("a run that waits, goes on and is complete tells three times, signed, and of no customer", async () => {
  const simulator = await path.simulate({ latency: 20 });
  const { url, requests, taken } = await hook();
  const rows = makeRows(300, 300);
  const file = path.file("in.csv", toCsv([...rows, { ...rows[0], customerId: "" }]));
  const told = join(path.cli.folder, "told");
  const script = JSON.stringify(["sh", "-c", 'cat >> "$0"', told]);
  const args = ["--notify", url, "--notify-command", script, "--rate", "200/s"];
  const running = path.start(["run", file, "--json", ...args], SECRET);
  await until(() => simulator.stats().effects > 20);
  simulator.setFaults({ outage: "0-2", outageAs: "503" });
  await until(async () => (await stateNow()) === "waiting");
  const { code, summary, stdout, stderr } = summaryOf(await running.ended);
  expect([code, summary.counts.updated, summary.counts.rejected]).toEqual([1, 300, 1]);
  const about = { run: summary.run, job: null, file: "in.csv", endpoint: new URL(simulator.url).host };
  expect(taken()).toMatchObject([
    { ...about, sequence: 1, event: "waiting", state: "waiting", summary: null },
    { ...about, sequence: 2, event: "recovered", state: "running" },
    { event: "ended", state: "complete", counts: summary.counts, summary: join(summary.reports.dir, "summary.json") },
  ]);
  for (const { headers } of requests) expect(headers["x-updraft-signature"]).toMatch(/^t=\d+,v1=[0-9a-f]{64}$/);
  expect(summary.warnings.filter((line) => line.includes("notice"))).toEqual([]);
  const bodies = readFileSync(told, "utf8");
  expect(
    bodies
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).event),
  ).toEqual(["waiting", "recovered", "ended"]);

  const cells = new Set(rows.flatMap((row) => Object.values(row)).filter((cell) => cell.length > 5));
  const said = bodies + requests.map(({ body }) => body).join("\n");
  expect([...cells].filter((cell) => said.includes(cell))).toEqual([]);
  expect(stdout + stderr).not.toMatch(/hooks\/updraft|a secret of some length/);
});

test("a run whose webhook is down is the run it would be, and says so in its log and its summary", async () => {
  const simulator = await path.simulate({ login: "another" });
  const file = path.file("in.csv", toCsv(makeRows(5, 5)));
  const { url, taken } = await hook([500]);
  const blocked = await path.given([file, "--notify", url]);
  expect([blocked.code, blocked.summary.state, blocked.summary.counts.unsent]).toEqual([4, "blocked", 5]);
  const line = `the webhook at ${new URL(url).host} did not take 1 notice (HTTP 500)`;
  expect(blocked.summary.warnings.at(-1)).toBe(line);
  const kept = JSON.parse(readFileSync(join(blocked.summary.reports.dir, "summary.json"), "utf8"));
  expect(kept.warnings.at(-1)).toBe(line);
  expect(readFileSync(join(path.cli.folder, "within.log"), "utf8")).toContain('"msg":"notice not delivered"');
  expect(taken()).toEqual([]);

  // It goes on, by the same command, and now there is somebody to tell.
  await simulator.stop();
  await path.simulate();
  const open = await hook();
  const again = await path.given([path.file("in.csv", toCsv(makeRows(5, 5))), "--notify", open.url]);
  expect([again.code, again.summary.state]).toEqual([0, "complete"]);
  expect(open.taken()).toMatchObject([{ event: "ended", state: "complete", run: again.summary.run }]);
});

test("a run that is cancelled tells so when it has ended; --notify none tells nobody", async () => {
  const simulator = await path.simulate({ latency: 20 });
  const { url, requests, taken } = await hook();
  const file = path.file("in.csv", toCsv(makeRows(200, 200)));
  const running = path.start(["run", file, "--json", "--rate", "50/s"], { UPDRAFT_NOTIFY: url });
  await until(() => simulator.stats().effects > 5);
  const [status] = await readStatuses(redis.connect());
  await path.ask(["cancel", status?.run ?? ""]);
  const { code, summary } = summaryOf(await running.ended);
  expect([code, summary.state]).toEqual([3, "cancelled"]);
  expect(taken()).toMatchObject([{ event: "ended", state: "cancelled", counts: summary.counts }]);
  await path.given([file, "--again", "--limit", "1", "--notify", "none"], { UPDRAFT_NOTIFY: url });
  expect(requests).toHaveLength(1);

  // Nobody goes on with this one: the command ends it itself.
  await simulator.stop();
  await path.simulate({ login: "another" });
  const { summary: left } = await path.given([file]);
  await path.ask(["cancel", left.run], { UPDRAFT_NOTIFY: url });
  expect(taken()[1]).toMatchObject({ event: "ended", state: "cancelled", run: left.run });
});
