// A file with columns as people have them, and the job that knows them: checked, run, verified, explained and retried.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { customersOf, recordsOf, summaryOf, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

const JOB = (town: string) => `
import { defineJob } from "updraft";
import { spaces, usState, zip5 } from "updraft/transforms";

export default defineJob({
  name: "corrections",
  columns: { customerId: "Cust ID", addressLine1: ({ Street, Apt }) => Street + " " + Apt, city: "${town}", postalCode: "ZIP" },
  constants: { countryCodeA3: "USA" },
  transforms: { addressLine1: [spaces], stateCode: [usState], postalCode: [zip5] },
  ignoreColumns: ["Street", "Apt"${town === "Town" ? "" : ', "Town"'}],
  attempts: 2,
});
`;
const CSV = `Cust ID,Street,Apt,Town,State,ZIP
c1,1 Main St,Apt 4,Hoboken,New Jersey,7030
c2,2 Main St,,Hoboken,Bavaria,07030
c3,3 Main St,,Hoboken,nj,07030-1234
`;

/** Each in a folder of its own: a process loads a file once. */
function jobs(name: string, text: string): string {
  const folder = join(path.cli.folder, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "corrections.ts"), text);
  return folder;
}

describe("--job", () => {
  test("its mapping, transforms and settings are those of check and run, and are found again for the run", async () => {
    const simulator = await path.simulate({ codeShare: 0 });
    const file = path.file("in.csv", CSV);
    const env = { UPDRAFT_JOBS: jobs("jobs", JOB("Town")), UPDRAFT_ATTEMPTS: "9" };

    const checked = await path.ask(["check", file, "--job", "corrections", "--show-changes"], env);
    expect(checked.stdout).toMatch(/^ZIP +→ postalCode, PRIMARY address +zip5 +9999 {2}99999 {2}99999-9999$/m);
    expect(checked.stdout).not.toContain("Hoboken");
    expect(checked.stdout).toMatch(/updraft run \S+errors\.csv --job corrections --jobs \S+jobs$/m);
    expect(checked.code).toBe(1);

    const { summary } = await path.given([file, "--job", "corrections", "--show-changes"], env);
    expect(summary).toMatchObject({ job: "corrections", state: "complete", settings: { attempts: 2 } });
    expect(summary.counts).toMatchObject({ updated: 2, rejected: 1 });
    const sent = [...customersOf(simulator).values()];
    expect(sent).toMatchObject([
      { customerId: "c1", addresses: [{ addressLine1: "1 Main St Apt 4", stateCode: "NJ", postalCode: "07030" }] },
      { customerId: "c3", addresses: [{ addressLine1: "3 Main St", stateCode: "NJ", postalCode: "07030" }] },
    ]);
    expect(recordsOf(summary.reports.errors)).toMatchObject([
      { "Cust ID": "c2", updraft_column: "State", updraft_code: "transform" },
    ]);
    const changes = recordsOf(join(summary.reports.dir, "changes.csv"));
    expect(
      changes.map(({ updraft_row, updraft_property, updraft_before, updraft_after }) => [
        updraft_row,
        updraft_property,
        updraft_before,
        updraft_after,
      ]),
    ).toEqual([
      ["1", "stateCode", "New Jersey", "NJ"],
      ["1", "postalCode", "7030", "07030"],
      ["3", "stateCode", "nj", "NJ"],
      ["3", "postalCode", "07030-1234", "07030"],
    ]);

    const verified = await path.ask(["verify", summary.run], env);
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining("They agree.")]);
    const explained = await path.ask(["explain", summary.run, "2"], env);
    expect(explained.stdout).toContain('transform "US state" expected a state of the USA');

    const changed = { ...env, UPDRAFT_JOBS: jobs("changed", JOB("City")) };
    for (const command of [
      ["verify", summary.run],
      ["explain", summary.run, "2"],
      ["retry", summary.run],
    ]) {
      const refused = await path.ask(command, changed);
      expect([refused.code, refused.stderr]).toEqual([
        2,
        expect.stringContaining(
          `updraft: job corrections maps columns otherwise than when run ${summary.run} began: columns.city, ignoreColumns\n`,
        ),
      ]);
    }
    const gone = await path.ask(["retry", summary.run], {
      ...env,
      UPDRAFT_JOBS: jobs("none", "export default { name: 'other' };"),
    });
    expect([gone.code, gone.stderr]).toEqual([2, expect.stringContaining('is named "corrections"')]);

    const again = summaryOf(await path.ask(["retry", summary.run, "--only", "rejected", "--json"], env));
    expect(again.summary).toMatchObject({ job: "corrections", retryOf: summary.run, settings: { attempts: 2 } });
    expect(again.summary.counts).toMatchObject({ updated: 2, rejected: 1 });
  });

  test("a run that was interrupted is cancelled with its job's mapping, and its unsent rows are given back by it", async () => {
    const simulator = await path.simulate();
    await simulator.stop();
    const file = path.file("in.csv", CSV);
    const env = { UPDRAFT_JOBS: jobs("jobs", JOB("Town")), UPDRAFT_GIVE_UP_AFTER: "1s" };
    const stopped = await path.given([file, "--job", "corrections"], env);
    expect(stopped.summary.state).toBe("stopped");
    const cancelled = await path.ask(["cancel", stopped.summary.run], env);
    expect(cancelled.stderr + cancelled.stdout).toMatch(
      /updraft run \S+unsent\.csv --job corrections --jobs \S+jobs$/m,
    );
    expect(cancelled.code).toBe(0);
  });
});
