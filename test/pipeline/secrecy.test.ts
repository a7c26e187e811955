import { readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { recordsOf, toCsv, until, usePipeline } from "./support.ts";

const redis = useRedis([
  ...["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"],
  ...["--dbfilename", "dump.rdb", "--rdbcompression", "no"],
]);
const path = usePipeline(() => redis.url);

const LOGIN = "CANARYlogin";
const PASSWORD = "CANARY password";
const secrets = { CONNECTFI_LOGIN: LOGIN, CONNECTFI_PASSWORD: PASSWORD };

/**
 * Every cell is one of a kind, as far as its rules let it: postal codes, countries, genders and dates are too short to be
 * told from chance in what is sealed, so they are looked for in what is not.
 */
function makeRows(count: number) {
  return Array.from({ length: count }, (_, i) => {
    const n = String(i).padStart(4, "0");
    return {
      customerId: `CANARYid${n}`,
      firstName: `CANARYfirst${n}`,
      lastName: `CANARYlast ${n}`,
      gender: "M",
      dateOfBirth: "1903-07-19",
      email: `CANARY${n}@mail.test`,
      addressLine1: `CANARYstreet ${n}`,
      addressLine2: `CANARYfloor ${n}`,
      city: `CANARYcity ${n}`,
      stateCode: `CANARYstate${n}`,
      postalCode: i % 50 === 3 ? `CANARYpostal${n}` : "73921",
      countryCodeA3: i % 50 === 4 ? `CANARYland${n}` : "QZX",
      countryDialingCode: "7391",
      phoneNumber: `90417${n}`,
      notes: `CANARYnote ${n}`,
    };
  });
}

/** Alone it is no part of a longer number. */
const IN_CLEAR = [/CANARY/i, /simtoken/, /SIMID/, /90417\d{4}/, /1903-07-19/, /\b73921\b/, /\bQZX\b/, /\b7391\b/];
const IN_SEALED = IN_CLEAR.slice(0, 5);

function expectNone(patterns: readonly RegExp[], places: ReadonlyMap<string, string>): void {
  for (const [place, text] of places) {
    for (const pattern of patterns) {
      const found = pattern.exec(text);
      const around = found ? text.slice(Math.max(0, found.index - 40), found.index + 40) : "";
      expect({ place, pattern: String(pattern), around }).toEqual({ place, pattern: String(pattern), around: "" });
    }
  }
}

function filesUnder(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const files = names.map((name) => join(folder, name)).filter((file) => statSync(file).isFile());
  return new Map(files.map((file) => [file, readFileSync(file, "latin1")]));
}

const isReport = (file: string) => /^(success|errors|unsent)\.csv$/.test(basename(file));

describe("no value of a cell, no login, password or token", () => {
  test("is in any log, output, ledger or in Redis, whatever goes wrong; nothing of identification documents is anywhere", async () => {
    const simulator = await path.simulate({
      ...{ login: LOGIN, password: PASSWORD, maxFaultsPerRow: 2, seed: 11, latency: "1-10" },
      ...{ echoShare: 0.1, share503: 0.1, share500: 0.03, resetAfterShare: 0.03, codeShare: 0.03 },
      ...{ htmlShare: 0.02, hugeShare: 0.01, brokenShare: 0.03, emptyShare: 0.02, revokeShare: 0.003 },
    });
    const rows = makeRows(400);
    // A row with a cell too many, one with a quote that ends in the middle, one that is no UTF-8.
    const broken = ["CANARYlong,a,b", '"CANARYquote"x,CANARYfirst', "CANARYbytes\u00ff,x"];
    const content = Buffer.concat([Buffer.from(toCsv(rows)), Buffer.from(`${broken.join("\n")}\n`, "latin1")]);
    const file = join(path.cli.folder, "in.csv");
    writeFileSync(file, content);

    const logs = [join(path.cli.folder, "run.log"), join(path.cli.folder, "worker.log")];
    const debug = (log: string | undefined) => ["--log-level", "debug", "--log-file", log ?? ""];
    const shared = { ...secrets, UPDRAFT_KEY: "5a".repeat(32) };
    const worker = path.start(["worker", ...debug(logs[1])], shared);
    const args = ["--ignore-column", "notes", "--timeout", "1s", "--concurrency", "8"];
    const running = path.start(["run", file, ...args, ...debug(logs[0])], shared);

    await until(() => simulator.stats().effects >= 60);
    await redis.connect().save();
    const snapshot = readFileSync(join(redis.dir, "dump.rdb"), "latin1");
    expect(snapshot).toContain("blob");
    const { code, stdout, stderr } = await running.ended;
    worker.child.kill("SIGTERM");
    const ended = await worker.ended;
    expect([code, ended.code]).toEqual([1, 0]);

    const clear = new Map([
      ...[["run: stdout", stdout] as const, ["run: stderr", stderr] as const],
      ...[["worker: stdout", ended.stdout] as const, ["worker: stderr", ended.stderr] as const],
      ...logs.map((log) => [log, readFileSync(log, "utf8")] as const),
    ]);
    const data = filesUnder(path.dataDir);
    const sealed = new Map([
      ["Redis: snapshot during the run", snapshot],
      ...filesUnder(redis.dir),
      ...[...data].filter(([name]) => !isReport(name)),
    ]);
    expect([...sealed.keys()].map((name) => basename(name))).toEqual(
      expect.arrayContaining(["dump.rdb", "ledger.db", "summary.json"]),
    );
    expect([...sealed.keys()].some((name) => name.endsWith(".aof"))).toBe(true);
    expectNone(IN_CLEAR, clear);
    expectNone(IN_SEALED, sealed);
    expectNone([/SIMID/], data);

    // They were there to be found: in the reports, which hold them by design, and at the endpoint.
    const errors = [...data.keys()].find((name) => basename(name) === "errors.csv") ?? "";
    const causes = new Set(recordsOf(errors).map((error) => error.updraft_status));
    expect(causes).toEqual(new Set(["rejected", "failed"]));
    expect(readFileSync(errors, "utf8")).toContain("CANARYnote");
    expect(simulator.stats().byFault).toMatchObject({ echo: expect.any(Number), huge: expect.any(Number) });
    const [first] = simulator.customers();
    expect(first?.firstName).toMatch(/^CANARYfirst/);
  });

  test("is in a file while standard input is worked on, and the sealed copy of it is gone with the run", async () => {
    const simulator = await path.simulate({ login: LOGIN, password: PASSWORD, latency: 100 });
    const rows = makeRows(100).map(({ notes, ...row }) => ({ ...row, postalCode: "73921", countryCodeA3: "QZX" }));
    const input = toCsv(rows);
    const running = path.cli.start(["run", "-", "--json", "--concurrency", "4"], {
      env: { ...path.env, ...secrets },
      input,
    });
    await until(() => simulator.stats().effects >= 1);
    const open = readdirSync(`/proc/${running.pid}/fd`).map((fd) => `/proc/${running.pid}/fd/${fd}`);
    const spools = open.filter((fd) => readlinkSync(fd).includes("/spool/"));
    expect(spools).toHaveLength(1);
    expect(readFileSync(spools[0] ?? "").length).toBeGreaterThanOrEqual(input.length);
    expectNone(IN_SEALED, new Map(spools.map((fd) => [fd, readFileSync(fd, "latin1")])));
    expectNone(IN_SEALED, filesUnder(path.dataDir));

    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ file: { name: "stdin", format: "csv" }, counts: { updated: 100 } });
    expect(stdout.trim().split("\n")).toHaveLength(1);
    expect(readdirSync(join(path.dataDir, "spool"))).toEqual([]);
    expectNone(IN_SEALED, new Map([...filesUnder(path.dataDir)].filter(([name]) => !isReport(name))));
  });
});
