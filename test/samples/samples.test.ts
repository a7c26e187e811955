// Every file that people are given to try in; run against the simulator, its reports as they are kept beside this test, out.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { usePipeline } from "../pipeline/support.ts";
import { useRedis } from "../support/redis.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const SAMPLES = join(ROOT, "samples");

const redis = useRedis();
const path = usePipeline(() => redis.url);

/** Times differ from run to run. */
const timeless = (text: string) => text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "<time>");

/** `nightly-sync-2.csv` is of the night after `nightly-sync.csv`; null for a file that comes after none. */
const beforeOf = (name: string) => (/-2\.\w+$/.test(name) ? name.replace(/-2(?=\.\w+$)/, "") : null);

/** That of a job has its name; its hours and its pace are not those of a test. */
function flagsOf(name: string): readonly string[] {
  const job = basename(beforeOf(name) ?? name, extname(name));
  if (!existsSync(join(ROOT, "jobs", `${job}.ts`))) return [];
  return ["--job", job, "--window", "none", "--rate", "none"];
}

describe("samples", () => {
  test.each(readdirSync(SAMPLES))(
    "%s gives the reports that are kept here (vitest -u writes them anew)",
    async (name) => {
      const simulator = await path.simulate();
      const before = beforeOf(name);
      if (before !== null) await path.given([join(SAMPLES, before), ...flagsOf(before)]);
      const { requests, effects } = simulator.stats();
      const { code, summary } = await path.given([join(SAMPLES, name), ...flagsOf(name)]);
      expect(summary).toMatchObject({ state: "complete", balanced: true });
      const sent = summary.counts.updated;
      expect(simulator.stats()).toMatchObject({ requests: requests + sent, effects: effects + sent });
      expect(code).toBe(summary.counts.rejected > 0 ? 1 : 0);
      const { counts, errors, warnings } = summary;
      const kept = (what: string) => join(import.meta.dirname, `${name}.${what}`);
      await expect(`${JSON.stringify({ counts, errors, warnings }, null, 2)}\n`).toMatchFileSnapshot(
        kept("summary.json"),
      );
      for (const report of ["success", "errors"] as const) {
        const text = readFileSync(summary.reports[report] ?? "", "utf8");
        await expect(timeless(text)).toMatchFileSnapshot(kept(`${report}${extname(name)}`));
      }
    },
  );

  test("are what the jobs of the clone are for; these make of their own examples what they should", async () => {
    const { jobs, errors } = JSON.parse((await path.ask(["jobs", "check", "--json"])).stdout);
    const names = ["address-corrections", "nightly-sync", "partner-upload"];
    const asExpected = expect.objectContaining({ differences: [] });
    expect(jobs).toMatchObject(names.map((name) => ({ name, examples: expect.any(Array) })));
    for (const { examples } of jobs) for (const example of examples) expect(example).toEqual(asExpected);
    for (const name of names) expect(readdirSync(SAMPLES)).toContain(`${name}.csv`);
    expect(errors).toEqual([]);
  });

  test("of a job, corrected in errors.csv, are run as that file with the same job", async () => {
    const simulator = await path.simulate();
    const sample = join(SAMPLES, "address-corrections.csv");
    const { summary } = await path.given([sample, ...flagsOf("address-corrections.csv")]);
    const text = readFileSync(summary.reports.errors ?? "", "utf8");
    const corrected = text
      .replace("O7302", "83702")
      .replace("New Yorck", "New York")
      .replace("Unit 7,,ri", "Unit 7,Warwick,ri");
    const again = await path.given([path.file("errors.csv", corrected), ...flagsOf("address-corrections.csv")]);
    expect([again.summary.state, again.summary.counts]).toMatchObject(["complete", { updated: 3, rejected: 3 }]);
    expect(simulator.stats().effects).toBe(summary.counts.updated + 3);
  });
});
