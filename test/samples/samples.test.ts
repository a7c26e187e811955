// Every file that people are given to try in; run against the simulator, its reports as they are kept beside this test, out.
import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { usePipeline } from "../pipeline/support.ts";
import { useRedis } from "../support/redis.ts";

const SAMPLES = join(import.meta.dirname, "..", "..", "samples");

const redis = useRedis();
const path = usePipeline(() => redis.url);

/** Times differ from run to run. */
const timeless = (text: string) => text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "<time>");

describe("samples", () => {
  test.each(readdirSync(SAMPLES))(
    "%s gives the reports that are kept here (vitest -u writes them anew)",
    async (name) => {
      const simulator = await path.simulate();
      const { code, summary } = await path.run([join(SAMPLES, name)]);
      expect(summary).toMatchObject({ state: "complete", balanced: true });
      expect(simulator.stats()).toMatchObject({ requests: summary.counts.updated, effects: summary.counts.updated });
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
});
