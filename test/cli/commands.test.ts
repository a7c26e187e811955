import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import * as z from "zod";
import { type Simulator, startSimulator } from "../../src/endpoint/simulator.ts";
import { useRedis } from "../support/redis.ts";
import { useCli } from "./support.ts";

const SAMPLES = join(import.meta.dirname, "..", "..", "samples");
const CUSTOMERS = join(SAMPLES, "customers.csv");
const MINIMAL = join(SAMPLES, "minimal.csv");
const NOWHERE = { CONNECTFI_BASE_URL: "http://127.0.0.1:9", CONNECTFI_LOGIN: "abc", CONNECTFI_PASSWORD: "SECRETVALUE" };

const summaryShape = z.object({
  state: z.string(),
  read: z.number(),
  counts: z.record(z.string(), z.number()),
  forecast: z.object({ calls: z.number(), rate: z.number().nullable(), durationMs: z.number().nullable() }).nullable(),
  reports: z.object({ dir: z.string(), errors: z.string().nullable() }),
});
const summaryOf = (stdout: string) => summaryShape.parse(JSON.parse(stdout));

const cli = useCli();
let simulator: Simulator | null = null;
afterEach(async () => {
  await simulator?.stop();
  simulator = null;
});

async function simulate(faults: Parameters<typeof startSimulator>[0] = {}) {
  simulator = await startSimulator(faults);
  return {
    simulator,
    env: { CONNECTFI_BASE_URL: simulator.url, CONNECTFI_LOGIN: "simulator", CONNECTFI_PASSWORD: "simulator" },
  };
}

describe("a mistake on the command line", () => {
  test.each([
    [["rnu"], "unknown command 'rnu'", "did you mean run?"],
    [["run", "x.csv", "--concurency", "3"], "unknown option '--concurency'", "did you mean --concurrency?"],
    [["simulate", "--latencyy", "3"], "unknown option '--latencyy'", "did you mean --latency?"],
    [["run"], "missing required argument 'file'", "updraft run --help"],
    [["run", "a.csv", "b.csv"], "too many arguments", "--help"],
    [["run", "x.csv", "--set", "USA"], "--set expects property=value", "--set countryCodeA3=USA"],
    [["check", "x.csv", "--set", "a=1", "--set", "a=2"], "--set names a twice", ""],
    [["run", "x.csv", "--limit", "0"], '--limit: expected a whole number from 1, got "0"', ""],
    [["run", "x.csv", "--rate", "-5/s"], "--rate: expected a pace", "UPDRAFT_RATE"],
    [["rate", "1f0c", "abc"], "<pace>: expected a pace such as 50/s", "updraft <command> --help"],
    [["check", "\u001b[2Ja\nb\u009b.csv"], "?[2Ja?b?.csv does not exist", "it is taken relative to"],
    [["\u001b]0;title\u0007\nx"], "unknown command '?]0;title??x'", "updraft --help"],
  ])("%j is one sentence, what to do, and exit code 2", async (args, message, next) => {
    const { code, stdout, stderr } = await cli.within(args, NOWHERE);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    const [first = "", second = "", ...rest] = stderr.trimEnd().split("\n");
    expect(first).toMatch(/^updraft: /);
    expect(first).toContain(message);
    expect(second).toContain(next);
    expect(rest).toEqual([]);
  });

  test("ends the process with exit code 2", async () => {
    const { code, stdout, stderr } = await cli.run(["rnu"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^updraft: unknown command 'rnu'\n {2}did you mean run\?\n$/);
  });

  test("help and version are no mistakes", async () => {
    for (const args of [["--help"], ["run", "--help"], ["help", "check"], ["--version"]]) {
      const { code, stdout, stderr } = await cli.within(args);
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
      expect(stdout).toMatch(args.includes("--version") ? /^\d+\.\d+\.\d+\n$/ : /^Usage: updraft/);
    }
  });
});

describe("before anything is sent", () => {
  test.each([
    ["CONNECTFI_BASE_URL", "--base-url"],
    ["CONNECTFI_LOGIN", "CONNECTFI_LOGIN_FILE"],
    ["CONNECTFI_PASSWORD", "CONNECTFI_PASSWORD_FILE"],
  ])("%s missing ends with exit code 2 and names the way to give it", async (name, way) => {
    const { code, stderr } = await cli.within(["run", MINIMAL], { ...NOWHERE, [name]: "" });
    expect(code).toBe(2);
    expect(stderr).toContain(way);
    expect(stderr).not.toContain("SECRETVALUE");
  });

  test.each([
    ["missing.csv", () => {}, "does not exist"],
    ["folder", (path: string) => void mkdirSync(path), "is a directory"],
    ["empty.csv", (path: string) => writeFileSync(path, ""), "is empty"],
    ["", () => {}, '"" does not exist'],
    ["emial.csv", (path: string) => writeFileSync(path, "customerId,Emial\na,b@c\n"), "Emial"],
  ])("%s ends with exit code 2, and no run is left behind", async (name, make, message) => {
    const file = name && join(cli.folder, name);
    make(file);
    const { code, stdout, stderr } = await cli.within(["run", file, "--data-dir", join(cli.folder, "data")], NOWHERE);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(existsSync(join(cli.folder, "data", "runs"))).toBe(false);
  });

  test("a Redis that does not answer ends with exit code 5 and its address, without the password", async () => {
    const env = { ...NOWHERE, REDIS_URL: "redis://:SECRETVALUE@127.0.0.1:9" };
    const { code, stderr } = await cli.within(["run", MINIMAL], env);
    expect(code).toBe(5);
    expect(stderr).toContain("redis://127.0.0.1:9");
    expect(stderr).not.toContain("SECRETVALUE");
  });

  test("a log file that cannot be written is told before the file is read", async () => {
    const { code, stderr } = await cli.within(["check", "missing.csv", "--log-file", "/dev/null/x"]);
    expect(code).toBe(2);
    expect(stderr).toContain("the log file /dev/null/x cannot be written");
  });
});

describe("check", () => {
  test("tells what is wrong with exit code 1, and prints nothing but the summary for --json", async () => {
    const text = await cli.run(["check", CUSTOMERS, "--out", "checked"]);
    expect(text.code).toBe(1);
    expect(text.stdout).toContain("nothing was sent");
    expect(text.stdout).toContain("56 calls; 6.7 % of the rows would be rejected");
    const env = { UPDRAFT_ENDPOINT_RATE: "600/min" };
    const out = join(cli.folder, "checked");
    const json = await cli.within(["check", CUSTOMERS, "--out", out, "--json", "--rate", "40/s"], env);
    expect(json.code).toBe(1);
    const summary = summaryOf(json.stdout);
    expect(summary).toMatchObject({ state: "checked", read: 60, counts: { rejected: 4 } });
    expect(summary.forecast).toMatchObject({ calls: 56, rate: 10, durationMs: 5_600 });
    expect(summary.reports.dir).toBe(out);
    expect(readdirSync(out)).toContain("errors.csv");
  });

  test("needs no endpoint, no credentials and no Redis, and ends with 0 where all rows are valid", async () => {
    const { code } = await cli.within(["check", MINIMAL], { REDIS_URL: "redis://127.0.0.1:9" });
    expect(code).toBe(0);
  });

  test("says which encoding a file was read as, and rejects the rows that it does not have", async () => {
    const path = join(cli.folder, "export.csv");
    const rows = "customerId,lastName\r\nc1,M\xfcller\r\nc2,Fran\xe7ois\r\nc3,M\x81ller\r\nc4,Gro\xdf\r\n";
    writeFileSync(path, Buffer.from(rows, "latin1"));
    const log = join(cli.folder, "check.log");
    const found = await cli.within(["check", path, "--out", join(cli.folder, "checked"), "--log-file", log]);
    expect(found.stderr).toContain("export.csv: read as windows-1252, 66 %");
    expect(found.stdout).toContain("at byte 5 of line 4");
    const told = await cli.within(["check", path, "--encoding", "latin1", "--json", "--log-file", log]);
    // It has no letter there either.
    expect(told.code).toBe(1);
    const wrong = await cli.within(["check", path, "--encoding", "utf-7"]);
    expect(wrong.stderr).toContain("expected utf-8, utf-16le, utf-16be, windows-1252, iso-8859-1 or auto");
    expect(wrong.code).toBe(2);
  });

  test("reads a JSON array, and says of each broken element where it is and what is wrong", async () => {
    const path = join(cli.folder, "export.json");
    const elements = [
      '{\n  "customerId": "c1",\n  "lastName": "Lee"\n}',
      '{"customerId": 12345678901234567890, "lastName": "Lee", "score": 1.0}',
      '{"customerId": 1.0, "lastName": "Lee"}',
      '{"customerId": "c2", "customerId": "c3", "lastName": "Lee"}',
      '{"customerId": 4, "lastName": "Lee", "score": 1.0}',
    ];
    writeFileSync(path, `[\n${elements.join(",\n")}\n]\n`);
    const flags = ["--ignore-column", "score", "--out", join(cli.folder, "checked")];
    const { code, stdout } = await cli.within(["check", path, ...flags, "--log-file", join(cli.folder, "check.log")]);
    expect(code).toBe(1);
    const lines = readFileSync(join(cli.folder, "checked", "errors.ndjson"), "utf8")
      .trim()
      .split("\n");
    expect(lines).toHaveLength(3);
    const [large, point, twice] = lines;
    expect(large).toContain("a number too large to be exact (line 6, character 16)");
    expect(large).toContain('"customerId": 12345678901234567890');
    expect(point).toContain("a number that is not written in digits alone (line 7, character 16)");
    expect(twice).toContain(
      "expected each key once in an object, got one that is there already (line 8, character 22)",
    );
    expect(stdout).not.toContain("1234567890");
  });

  test("reads standard input", async () => {
    const { code, stdout } = await cli.run(["check", "-", "--json"], { input: readFileSync(MINIMAL, "utf8") });
    expect(code).toBe(0);
    expect(summaryOf(stdout).counts.rejected).toBe(0);
  });
});

describe("run", () => {
  test("sends the sample, prints only the summary for --json, and only log lines on stderr", async () => {
    const { env } = await simulate();
    const { code, stdout, stderr } = await cli.run(["run", CUSTOMERS, "--json"], { env });
    expect(summaryOf(stdout)).toMatchObject({ state: "complete", read: 60, counts: { updated: 56, rejected: 4 } });
    expect(code).toBe(1);
    for (const line of stderr.trimEnd().split("\n")) expect(() => JSON.parse(line)).not.toThrow();
  });

  test("with --log-file appends logs to a file of mode 600, and holds no value of the file at any level", async () => {
    const { env } = await simulate({ share503: 0.2, echoShare: 0.1 });
    const args = ["run", CUSTOMERS, "--log-file", "run.log", "--log-level", "debug"];
    const { stderr } = await cli.run(args, { env });
    const log = readFileSync(join(cli.folder, "run.log"), "utf8");
    expect(statSync(join(cli.folder, "run.log")).mode & 0o777).toBe(0o600);
    expect(log.length).toBeGreaterThan(0);
    const [, ...rows] = readFileSync(CUSTOMERS, "utf8").split("\n");
    const values = rows
      .flatMap((row) => row.split(","))
      .filter((value) => value.length >= 8 && !/^[\d-]*$/.test(value));
    for (const value of values) expect(log + stderr).not.toContain(value);
    expect(log + stderr).not.toContain("SIMID");
  });

  test("of a file that was run to its end is refused with where its report is, until --again", async () => {
    const { env, simulator } = await simulate();
    expect((await cli.within(["run", MINIMAL], env)).code).toBe(0);
    const { requests } = simulator.stats();
    const second = await cli.within(["run", MINIMAL], env);
    expect(second.code).toBe(2);
    expect(second.stderr).toContain("was run already");
    expect(simulator.stats().requests).toBe(requests);
    expect((await cli.within(["run", MINIMAL, "--again"], env)).code).toBe(0);
    expect(simulator.stats().requests).toBe(2 * requests);
  });

  test("that is interrupted ends with 130 and an account of all rows; run again it sends only the rest", async () => {
    const { env, simulator } = await simulate();
    const args = ["run", CUSTOMERS, "--json", "--rate", "30/s"];
    const running = cli.start(args, { env });
    await expect.poll(() => simulator.stats().effects).toBeGreaterThan(2);
    running.child.kill("SIGINT");
    const { code, stdout } = await running.ended;
    expect(code).toBe(130);
    const { state, counts } = summaryOf(stdout);
    expect(state).toBe("interrupted");
    expect(counts.updated).toBeGreaterThan(0);
    expect(counts.unsent).toBeGreaterThan(0);
    const again = await cli.within(["run", CUSTOMERS, "--json"], env);
    expect(again.code).toBe(1);
    expect(summaryOf(again.stdout)).toMatchObject({ state: "complete", counts: { updated: 56, unsent: 0 } });
    expect(simulator.stats().effects).toBe(56);
  });

  test("with credentials that are refused ends with 4", async () => {
    const { env, simulator } = await simulate();
    const { code, stdout, stderr } = await cli.run(["run", MINIMAL], {
      env: { ...env, CONNECTFI_PASSWORD: "SECRETVALUE" },
    });
    expect(code).toBe(4);
    expect(stdout + stderr).not.toContain("SECRETVALUE");
    expect(simulator.stats().effects).toBe(0);
  });

  test("keeps its exit code when nobody reads its output", async () => {
    const { env } = await simulate();
    const running = cli.start(["run", MINIMAL], { env });
    running.child.stdout?.destroy();
    running.child.stderr?.destroy();
    expect((await running.ended).code).toBe(0);
  });
});

describe("a second Ctrl-C", () => {
  const redis = useRedis();

  test("ends a run at once", async () => {
    const { env, simulator } = await simulate({ silentBeforeShare: 1 });
    // An embedded one would outlive a process that ends at once, until the next run.
    const given = { ...env, REDIS_URL: redis.url };
    const running = cli.start(["run", MINIMAL, "--timeout", "10m"], { env: given });
    await expect.poll(() => simulator.stats().requests).toBeGreaterThan(0);
    let stdout = "";
    running.child.stdout?.on("data", (text: string) => {
      stdout += text;
    });
    running.child.stderr?.on("data", (text: string) => {
      if (text.includes("stopping:")) running.child.kill("SIGINT");
    });
    running.child.kill("SIGINT");
    expect((await once(running.child, "exit"))[0]).toBe(130);
    // No account of its rows: it did not wait for them. The rest of its output ends with its worker, after them.
    expect(stdout).toBe("");
  });
});

describe("worker", () => {
  test("sends rows of a run started elsewhere and ends with 0 when it is told to", async () => {
    const { env, simulator } = await simulate({ latency: 20 });
    const worker = cli.start(["worker"], { env });
    const run = await cli.run(["run", CUSTOMERS, "--json", "--concurrency", "1"], { env });
    expect(summaryOf(run.stdout).counts.updated).toBe(56);
    worker.child.kill("SIGTERM");
    const { code, stderr } = await worker.ended;
    expect(code).toBe(0);
    expect(stderr).toContain(`waiting for rows of runs to ${new URL(simulator.url).host}, on the Redis at unix:`);
    expect(simulator.stats().effects).toBe(56);
  });
});

describe("simulate", () => {
  test("prints what to export, answers, and ends with 0 when it is told to", async () => {
    const running = cli.start(["simulate", "--login", "me", "--password", "it's", "--port", "0"]);
    const url = /http:\S+/.exec(await running.line())?.[0].replace(/\.$/, "") ?? "";
    const answer = await fetch(`${url}/auth/get-token`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user: { login: "me", password: "it's" } }),
    });
    expect(answer.status).toBe(200);
    running.child.kill("SIGTERM");
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    expect(stdout).toContain(
      `export CONNECTFI_BASE_URL=${url}\nexport CONNECTFI_LOGIN=me\nexport CONNECTFI_PASSWORD='it'\\''s'`,
    );
  });
});

describe("doctor", () => {
  const checksOf = (stdout: string) =>
    z
      .object({ ok: z.boolean(), checks: z.array(z.object({ name: z.string(), status: z.string() })) })
      .parse(JSON.parse(stdout));
  const bad = (stdout: string) => checksOf(stdout).checks.filter(({ status }) => status !== "ok");

  test("finds nothing wrong where everything is there, and leaves no Redis running", async () => {
    const { env } = await simulate();
    const { code, stdout } = await cli.run(["doctor", "--json"], { env });
    expect(bad(stdout)).toEqual([]);
    expect(code).toBe(0);
    expect(existsSync(join(cli.folder, ".local/state/updraft/redis/redis.pid"))).toBe(false);
  });

  test.each([
    ["a setting that is missing", { CONNECTFI_BASE_URL: "" }, 2, "settings"],
    ["credentials that are refused", { CONNECTFI_PASSWORD: "SECRETVALUE" }, 4, "credentials"],
    ["an endpoint that is not there", { CONNECTFI_BASE_URL: "http://127.0.0.1:9" }, 5, "endpoint"],
    ["a Redis that is not there", { REDIS_URL: "redis://127.0.0.1:9" }, 5, "redis"],
    ["a key file others can read", { UPDRAFT_DATA_DIR: "open" }, 2, "key"],
    ["a data folder that cannot be", { UPDRAFT_DATA_DIR: "/dev/null/x" }, 5, "data folder"],
  ])("%s is told with what to do, and the exit code a run would have", async (_what, wrong, exit, name) => {
    mkdirSync(join(cli.folder, "open"), { mode: 0o700 });
    writeFileSync(join(cli.folder, "open", "key"), "a".repeat(64), { mode: 0o644 });
    const { env } = await simulate();
    const { code, stdout, stderr } = await cli.within(["doctor", "--json"], { ...env, ...wrong });
    expect(bad(stdout)).toContainEqual({ name, status: "fail" });
    expect(code).toBe(exit);
    expect(stdout + stderr).not.toContain("SECRETVALUE");
    const text = await cli.within(["doctor"], { ...env, ...wrong });
    expect(text.stdout).toMatch(new RegExp(`^fail  ${name} `, "m"));
  });
});
