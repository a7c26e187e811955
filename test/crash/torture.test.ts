// The torture harness in short: two trials of each kind, with a tenth of the rows and half the workers, as a person starts them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import * as z from "zod";
import { KINDS } from "./plan.ts";
import { marked } from "./processes.ts";
import { CACHE } from "./site.ts";

const shape = z.object({
  results: z.array(
    z.looseObject({
      plan: z.looseObject({ kind: z.enum(KINDS) }),
      violations: z.array(z.string()),
      requests: z.number(),
    }),
  ),
});

/** The command as a person gives it; what it makes lies in a folder that ends with the test. */
function torture(...flags: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "updraft-test-"));
  const args = [join(import.meta.dirname, "torture.ts"), ...flags];
  const env = { ...process.env, TMPDIR: folder, NODE_COMPILE_CACHE: CACHE };
  const child = spawn(process.execPath, args, { env, stdio: "pipe" });
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    rmSync(folder, { recursive: true, force: true });
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  const ended = once(child, "close").then(([code]) => ({ code, stdout, stderr }));
  return { folder, child, ended };
}

describe.skipIf(process.platform !== "linux")("npm run torture", () => {
  test("finds nothing in two trials of each kind, and leaves nothing behind", { timeout: 600_000 }, async () => {
    const flags = "--trials 2 --workers 2 --rows 1000 --timeout 2000 --jobs 7 --json";
    const { ended, folder } = torture(...flags.split(" "));
    const { code, stdout, stderr } = await ended;
    expect(code, stderr).toBe(0);
    const { results } = shape.parse(JSON.parse(stdout));
    expect(results.map(({ plan }) => plan.kind).sort()).toEqual([...KINDS, ...KINDS].sort());
    expect(results.flatMap(({ violations }) => violations)).toEqual([]);
    for (const { requests } of results) expect(requests).toBeGreaterThan(1_000);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("ends with all it started at a Ctrl-C", { timeout: 120_000 }, async () => {
    const { ended, folder, child } = torture(..."--kind worker,network --trials 1 --workers 3 --rows 10000".split(" "));
    const trials = () => {
      const [base] = readdirSync(folder);
      return base === undefined ? [] : ["worker-1", "network-1"].map((name) => join(folder, base, name));
    };
    const processes = () => trials().flatMap((trial) => marked(`UPDRAFT_TORTURE=${trial}`));
    await expect.poll(() => processes().length, { timeout: 60_000 }).toBeGreaterThanOrEqual(8);
    const kept = trials();
    child.kill("SIGINT");
    const { code } = await ended;
    expect(code).toBe(130);
    expect(kept.filter((trial) => existsSync(trial))).toEqual([]);
    expect(kept.flatMap((trial) => marked(`UPDRAFT_TORTURE=${trial}`))).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });
});
