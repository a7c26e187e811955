// A file that is written in its own way, told once; its rows sent, and all that reads it again later, out.
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { makeRows, summaryOf, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

const quoted = (text: string) => `'${text.replaceAll("'", "\\'")}'`;

/** Without a header, separated by ||, quoted with ', a comment above and a footnote below. */
function odd(count: number): string {
  const rows = makeRows(count, count).map(({ customerId, firstName, lastName }) =>
    [customerId, `'it\\'s ${firstName}'`, quoted(lastName ?? "")].join("||"),
  );
  return ["# made today", ...rows, "", "Sum: all"].join("\n");
}

const TOLD = ["--delimiter", "||", "--quote", "'", "--escape", "\\", "--comment", "#", "--no-header"];
const NAMED = [...TOLD, "--columns", "customerId,firstName,lastName"];

describe("a dialect that was told", () => {
  test("is how run, verify and retry read the file, told by flags once", async () => {
    const simulator = await path.simulate({ codeShare: 0.5, maxFaultsPerRow: "none", seed: 11 });
    const file = path.file("odd.txt", odd(40));
    const { summary } = await path.given([file, ...NAMED]);
    expect(summary.read).toBe(40);
    expect(summary.counts.failed).toBeGreaterThan(0);
    expect([...simulator.requests()].length).toBe(40);

    const { code, stdout } = await path.ask(["verify", summary.run]);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/40 rows[\s\S]*They agree/) });
    simulator.setFaults({ codeShare: 0 });
    const retried = summaryOf(await path.ask(["retry", summary.run, "--json"]));
    expect(retried.summary.counts).toMatchObject({ updated: 40, failed: 0 });
    const again = await path.ask(["run", file, ...NAMED, "--yes"]);
    expect(again.stderr).toContain("this file was run already");
  });

  test("makes another run of the same file than another one", async () => {
    await path.simulate();
    const file = path.file("odd.txt", odd(3));
    const one = await path.given([file, ...NAMED]);
    const how = path.file("how.json", JSON.stringify({ delimiter: "||", quote: null, comment: "#" }));
    const other = await path.given([file, "--dialect", how, ...NAMED.slice(-3)]);
    expect(other.summary.run).not.toBe(one.summary.run);
  });

  test("is what a job says, and its flags go before that", async () => {
    const job = path.file(
      "odd.ts",
      `export default { name: "odd", dialect: { delimiter: "||", quote: "'", escape: "\\\\", comment: "#",
        headerLines: 0, columns: ["customerId", "firstName", "lastName"] } };`,
    );
    const file = path.file("odd.txt", odd(5));
    const jobs = ["--job", "odd", "--jobs", dirname(job)];
    const checked = await path.ask(["check", file, ...jobs]);
    expect(checked.stdout).toContain("cells are separated by || and quoted with '");
    expect(checked.stdout).toContain("1 comment line (line 1) left out");
    expect(checked.stdout).toMatch(/line \d+ behind the table left out: a footnote/);
    const refused = await path.ask(["check", file, ...jobs, "--columns", "customerId,firstName"]);
    expect(refused.stderr).toContain("odd.txt: expected a name for each of its columns, got 2 for 3");
  });
});
