import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../src/clock.ts";
import { UpdraftError } from "../src/errors.ts";
import type { Memory } from "../src/notices.ts";
import { makeNotifier } from "../src/notify.ts";
import { makeSummary, type Summary, writeSummary } from "../src/write/summary.ts";
import { useWebhooks } from "./support/webhook.ts";
import { summaryInput } from "./write/support.ts";

const hook = useWebhooks();
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "updraft-notify-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Waits take a tenth. */
const fast = { ...systemClock, sleep: (ms: number, stop?: AbortSignal) => systemClock.sleep(ms / 10, stop) };
/** Nobody's patience ends because the machine of the test is busy. */
const patient = { ...systemClock, sleep: (ms: number, stop?: AbortSignal) => systemClock.sleep(ms * 20, stop) };
const SUBJECT = { run: "1f0c", job: "nightly-sync", file: "customers.csv", baseUrl: "https://api.example.com/v1" };
const FIGURES = { read: 7, counts: { updated: 5, unchanged: 0, rejected: 1, failed: 0, unknown: 0, unsent: 0 } };

function notifier(
  notifyWebhook: string | null,
  notifyCommand: readonly string[] | null = null,
  clock = patient,
  stop = new AbortController().signal,
) {
  const lines: string[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(line) });
  const made = makeNotifier({ notifyWebhook, notifyCommand, notifySecret: null }, clock, log, stop);
  const begin = (subject = SUBJECT, figures = FIGURES, memory = forgetful()) => made.begin(subject, figures, memory);
  return { ...made, begin, lines };
}

/** Outlives the notifiers of a run. */
function forgetful(told: string | null = null): Memory {
  const kept = { told };
  return {
    read: () => kept.told,
    write(state) {
      kept.told = state;
    },
  };
}

async function ended(): Promise<Summary> {
  const summary = makeSummary(summaryInput({ reports: { dir, files: { success: null, errors: null, unsent: null } } }));
  await writeSummary(dir, summary);
  return summary;
}
const written = () => JSON.parse(readFileSync(join(dir, "summary.json"), "utf8"));

describe("a run that is told of", () => {
  test("is told of when it waits, goes on and ends: with its state, its figures, and in the end its summary", async () => {
    const { url, taken } = await hook();
    const { begin, look, ended: end } = notifier(url);
    begin(SUBJECT, FIGURES);
    for (const state of ["running", "waiting", "waiting", "running"] as const) look(state, FIGURES);
    const summary = await ended();
    expect(await end(summary)).toBe(summary);
    const all = taken();
    expect(all).toMatchObject([
      { version: 1, sequence: 1, event: "waiting", state: "waiting", ...FIGURES, summary: null },
      { sequence: 2, event: "recovered", state: "running" },
      { sequence: 3, event: "ended", state: summary.state, read: summary.read, summary: join(dir, "summary.json") },
    ]);
    for (const notice of all) {
      const about = { run: "1f0c", job: "nightly-sync", file: "customers.csv", endpoint: "api.example.com" };
      expect(notice).toMatchObject({ ...about, reason: null });
      expect(Object.keys(notice).toSorted()).toEqual(
        [
          ...["at", "counts", "endpoint", "event", "file", "id", "job", "read", "reason", "run", "sequence"],
          ...["since", "state", "summary", "version"],
        ].toSorted(),
      );
    }
    expect(new Set(all.map(({ id }) => id)).size).toBe(3);
  });

  test("without a webhook and a command is told to nobody, and a file that cannot be run is no run", async () => {
    const silent = notifier(null);
    silent.begin(SUBJECT, FIGURES);
    silent.look("waiting", FIGURES);
    const summary = await ended();
    expect(await silent.ended(summary)).toBe(summary);
    const { url, requests } = await hook();
    await notifier(url).failed(new UpdraftError("file-missing", { file: "x", cwd: "/" }));
    expect(requests).toEqual([]);
  });

  test("is told of once while it is refused, however often it is tried, and of its recovery, as soon as a row is answered", async () => {
    const { url, taken } = await hook();
    const memory = forgetful();
    const blocked = { ...(await ended()), state: "blocked" as const };
    for (let spell = 0; spell < 3; spell++) {
      const { begin, look, ended: end } = notifier(url);
      begin(SUBJECT, FIGURES, memory);
      look("running", FIGURES);
      await end(blocked);
    }
    const { begin, look, ended: end } = notifier(url);
    begin(SUBJECT, FIGURES, memory);
    look("running", FIGURES);
    look("running", { read: 9, counts: { ...FIGURES.counts, updated: 7 } });
    look("running", { read: 9, counts: { ...FIGURES.counts, updated: 8 } });
    await end(blocked);
    expect(taken().map(({ event, state }) => [event, state])).toEqual([
      ["ended", "blocked"],
      ["recovered", "running"],
      ["ended", "blocked"],
    ]);
  });

  test("that an error ended is told of with the error's code, not its words", async () => {
    const { url, taken } = await hook();
    const { begin, failed } = notifier(url);
    begin(SUBJECT, FIGURES);
    await failed(new UpdraftError("disk-full", { dir: "/var/lib/updraft" }));
    expect(taken()).toMatchObject([
      { event: "ended", state: "interrupted", reason: "disk-full", ...FIGURES, summary: null },
    ]);
    const other = notifier(url);
    other.begin(SUBJECT, FIGURES);
    await other.failed(new TypeError("Åsa"));
    expect(taken()[1]).toMatchObject({ reason: "unexpected" });
    expect(JSON.stringify(taken())).not.toContain("Åsa");
  });

  test("is told of by a command too, each on its own: what one does not take, the other does", async () => {
    const { url } = await hook([404]);
    const out = join(dir, "told");
    const { begin, look, ended: end } = notifier(url, ["sh", "-c", 'cat >> "$0"', out]);
    begin(SUBJECT, FIGURES);
    look("waiting", FIGURES);
    await end(await ended());
    const told = readFileSync(out, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).event);
    expect(told).toEqual(["waiting", "ended"]);
  });
});

describe("a notice that is not taken", () => {
  test("is a warning in the log and in the summary, which names the host alone; the run ends as it would", async () => {
    const { url } = await hook([404]);
    const { begin, look, ended: end, lines } = notifier(url, ["sh", "-c", "exit 7"]);
    begin(SUBJECT, FIGURES);
    look("waiting", FIGURES);
    const before = await ended();
    const after = await end(before);
    const { host } = new URL(url);
    expect(after).toEqual({
      ...before,
      warnings: [
        ...before.warnings,
        `the webhook at ${host} did not take 2 notices (HTTP 404)`,
        "the command sh did not take 2 notices (it ended with 7)",
      ],
    });
    expect(written()).toEqual(JSON.parse(JSON.stringify(after)));
    expect(lines.filter((line) => line.includes('"msg":"notice not delivered"'))).toHaveLength(4);
    expect(lines.join("") + JSON.stringify(after)).not.toContain("/hooks/");
  });

  test("does not keep a run whose webhook hangs for longer than ten seconds, and the end is told beside what hangs", async () => {
    const { url, requests } = await hook([null]);
    const { begin, look, ended: end } = notifier(url, null, fast);
    begin(SUBJECT, FIGURES);
    for (const state of ["waiting", "running"] as const) look(state, FIGURES);
    const from = performance.now();
    const { warnings } = await end(await ended());
    // 10 s on a clock that is ten times as fast; the first request alone might take 5 s.
    expect(performance.now() - from).toBeLessThan(4_000);
    expect(warnings.at(-1)).toMatch(/did not take 3 notices \(/);
    expect(requests.map(({ body }) => JSON.parse(body).event)).toEqual(["waiting", "ended"]);
  });

  test("gives up a webhook that hangs three seconds after its process is told to end", async () => {
    const { url, requests } = await hook([null]);
    const sleep = (ms: number, over?: AbortSignal) => (ms === 3_000 ? Promise.resolve() : systemClock.sleep(ms, over));
    for (const when of ["while it waits", "before"]) {
      const stop = new AbortController();
      const patience = AbortSignal.timeout(4_000);
      const { begin, ended: end } = notifier(url, null, { ...systemClock, sleep }, stop.signal);
      begin(SUBJECT, FIGURES);
      if (when === "before") stop.abort();
      const ending = end(await ended());
      if (when !== "before") await expect.poll(() => requests.length).toBeGreaterThan(0);
      stop.abort();
      expect((await ending).warnings.at(-1)).toMatch(/did not take 1 notice/);
      expect(patience.aborted).toBe(false);
    }
  });

  test("leaves the run as it was where even the summary cannot be written again", async () => {
    const { url } = await hook([404]);
    const { begin, ended: end, lines } = notifier(url);
    begin(SUBJECT, FIGURES);
    const summary = { ...(await ended()), reports: { ...(await ended()).reports, dir: join(dir, "summary.json") } };
    expect((await end(summary)).warnings.at(-1)).toContain("did not take 1 notice (HTTP 404)");
    expect(lines.join("")).toContain("summary not written again");
  });
});
