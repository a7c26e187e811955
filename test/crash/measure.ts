// `node test/crash/measure.ts`: how soon a killed worker's rows are sent again, and how soon a run of a million rows goes on, out.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as z from "zod";
import { startSimulator } from "../../src/endpoint/simulator.ts";
import { startScript } from "../bench/processes.ts";
import { writeRows } from "../bench/rows.ts";
import { childOf, marked } from "./processes.ts";
import { startRedis } from "./redis.ts";
import { makeRows, rowOf, TOLD_BY, toCsv } from "./rows.ts";
import { CACHE, killGroup, MARK, type Proc, sleep, startProc } from "./site.ts";

const HELP = `Usage: node test/crash/measure.ts [flags]
  --kills <n>   workers killed, one after the other, with every setting at its default (5); 0 leaves it out
  --rows <n>    rows of the run that is killed at nine tenths and goes on (1000000); 0 leaves it out
`;

const whole = z.coerce.number().int().min(0);
const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "5" },
    rows: { type: "string", default: "1000000" },
    help: { type: "boolean", default: false },
  },
});

/** An endpoint that keeps four workers' 64 requests in flight, at a pace that two cores can keep. */
const LATENCY = "200-400";
const PER_SECOND = 800;
const BETWEEN_S = 15;

const folder = mkdtempSync(join(tmpdir(), "updraft-measure-"));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

function updraft(name: string, args: readonly string[], baseUrl: string, env: NodeJS.ProcessEnv = {}): Proc {
  const { PATH, LD_LIBRARY_PATH } = process.env;
  const credentials = { CONNECTFI_LOGIN: "simulator", CONNECTFI_PASSWORD: "simulator" };
  const place = { HOME: folder, UPDRAFT_DATA_DIR: join(folder, "data"), UPDRAFT_LOG_FILE: join(folder, `${name}.log`) };
  return startProc(folder, name, args, {
    ...{ PATH, LD_LIBRARY_PATH, NODE_COMPILE_CACHE: CACHE, CONNECTFI_BASE_URL: baseUrl, [MARK]: folder },
    ...{ ...credentials, ...place, ...env },
  });
}

interface Recovery {
  readonly rows: number;
  /** Seconds after the kill. */
  readonly first: number;
  readonly last: number;
}

/** One run of rows without faults, each of another customer; what is sent twice is what a killed worker had in flight. */
async function measureKills(kills: number): Promise<Recovery[]> {
  const rows = PER_SECOND * BETWEEN_S * (kills + 1);
  const file = join(folder, "kills.csv");
  writeFileSync(file, toCsv(makeRows(1, { rows, customers: rows })));
  const simulator = await startSimulator({ latency: LATENCY, recordProperty: TOLD_BY });
  const redis = await startRedis(join(folder, "redis"));
  const env = { REDIS_URL: redis.url };
  const workers = [1, 2, 3].map((n) => updraft(`worker-${n}`, ["worker"], simulator.url, env));
  const run = updraft("run", ["run", file, "--yes", "--json"], simulator.url, env);
  const instants: number[] = [];
  while (simulator.stats().requests < 5 * PER_SECOND && !run.over) await sleep(5);
  for (let n = 0; n < kills; n++) {
    const worker = workers[n];
    const pid = worker?.pid ?? childOf(run.pid);
    instants.push(Date.now());
    process.kill(pid, "SIGKILL");
    if (worker) workers.push(updraft(`worker-${workers.length + 1}`, ["worker"], simulator.url, env));
    await sleep(BETWEEN_S * 1_000);
  }
  await run.ended;
  const sent = [...simulator.requests()].map(({ value, wall }) => ({ row: rowOf(value), at: wall }));
  for (const { pid } of workers) killGroup(pid);
  await Promise.all(workers.map(({ ended }) => ended));
  await redis.stop();
  await simulator.stop();
  const seen = new Set<number>();
  const again = sent.filter(({ row }) => seen.size === seen.add(row).size);
  return instants.map((killed, n) => {
    const next = instants[n + 1] ?? Number.POSITIVE_INFINITY;
    const times = again.flatMap(({ at }) => (at > killed && at < next ? [(at - killed) / 1_000] : []));
    return { rows: times.length, first: Math.min(...times), last: Math.max(...times) };
  });
}

/** @returns rows that had an outcome when the run was started again, and seconds from that start to its first request */
async function measureResume(rows: number): Promise<{ answered: string; seconds: number }> {
  const file = join(folder, "resume.csv");
  await writeRows(file, rows);
  const endpoint = startScript("endpoint.ts", []);
  const base = await endpoint.says(/http:\/\/\S+/);
  const count = async () => Number(await (await fetch(`${base}/count`)).text());
  const killed = updraft("run", ["run", file, "--yes", "--json"], base);
  while ((await count()) < rows * 0.9 && !killed.over) await sleep(5);
  killed.kill("SIGKILL");
  await killed.ended;
  // Its worker ends what it has in flight first.
  while (marked(`${MARK}=${folder}`).some((line) => line.includes("child."))) await sleep(20);
  const before = await count();
  const from = performance.now();
  const resumed = updraft("resumed", ["run", file, "--yes", "--json"], base);
  while ((await count()) === before && !resumed.over) await sleep(5);
  const seconds = (performance.now() - from) / 1_000;
  const { code, stderr } = await resumed.ended;
  await endpoint.stop();
  if (code !== 0) throw new Error(`the resumed run ended with exit code ${code}: ${stderr}`);
  return { answered: `${before.toLocaleString("en-US")} of ${rows.toLocaleString("en-US")}`, seconds };
}

async function measure(kills: number, rows: number): Promise<void> {
  if (kills > 0) {
    for (const { rows: own, first, last } of await measureKills(kills)) {
      const when = own === 0 ? "" : `: the first after ${first.toFixed(1)} s, the last after ${last.toFixed(1)} s`;
      process.stdout.write(`killed worker, ${own} rows in flight were sent again${when}\n`);
    }
  }
  if (rows > 0) {
    const { answered, seconds } = await measureResume(rows);
    process.stdout.write(`resume, ${answered} rows sent before: ${seconds.toFixed(1)} s to the first request\n`);
  }
}

if (values.help) process.stdout.write(HELP);
else await measure(whole.parse(values.kills), whole.parse(values.rows));
