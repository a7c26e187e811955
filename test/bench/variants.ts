// The name of a variant, a file of rows and an endpoint in; one run of it, measured, out.
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { type Ended, start, startScript } from "./processes.ts";
import { type Cost, watchRedis } from "./watch.ts";

export const VARIANTS = ["a", "b1", "b2", "c", "d", "d0", "check"] as const;
export type Variant = (typeof VARIANTS)[number];

export interface Task {
  readonly base: string;
  readonly file: string;
  /** What it needs on disk is made in here, and removed. */
  readonly folder: string;
  readonly rows: number;
}

export interface Measured {
  readonly rows: number;
  /** Updates that the endpoint received from it. */
  readonly sent: number;
  /** Rows that it found updated; for `check`, valid. */
  readonly answered: number;
  /** First row to last answer, or to the last report, where it writes some. */
  readonly workMs: number;
  /** Start of its first process to the end of its last. */
  readonly wallMs: number;
  readonly costs: readonly Cost[];
  readonly redisPeakBytes: number | null;
}

type Own = Pick<Measured, "answered" | "workMs" | "redisPeakBytes"> & { readonly ended: readonly Ended[] };

const told = z.object({ from: z.number(), to: z.number(), answered: z.number() });
const figure = z.number();
const counts = z.object({ updated: figure, unchanged: figure, unsent: figure });
const summary = z.object({ durationMs: figure, counts });

const run: Readonly<Record<Variant, (task: Task, folder: string) => Promise<Own>>> = {
  a: ({ base, rows }) => measureScript("bare.ts", [base, String(rows)]),
  b1: ({ base, file }) => measureScript("script.ts", [base, file, "fetch"]),
  b2: ({ base, file }) => measureScript("script.ts", [base, file, "pool"]),
  c: measureJobs,
  d: measureRun,
  d0: measureUnsynced,
  check: measureCheck,
};

export async function measure(variant: Variant, task: Task): Promise<Measured> {
  const folder = mkdtempSync(join(task.folder, "run-"));
  try {
    const before = await countUpdates(task.base);
    const { ended, ...own } = await run[variant](task, folder);
    const sent = (await countUpdates(task.base)) - before;
    const wallMs = Math.max(...ended.map((one) => one.wallMs));
    return { rows: task.rows, sent, ...own, wallMs, costs: ended.flatMap((one) => one.costs) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function countUpdates(base: string): Promise<number> {
  return z.number().parse(await (await fetch(`${base}/count`)).json());
}

async function measureScript(script: string, args: readonly string[]): Promise<Own> {
  const ended = await startScript(script, args).end(0);
  const { from, to, answered } = told.parse(JSON.parse(ended.stdout));
  return { answered, workMs: to - from, redisPeakBytes: null, ended: [ended] };
}

/** Its Redis is up before its clock starts. */
async function measureJobs({ base, file, rows }: Task, folder: string): Promise<Own> {
  const socket = join(folder, "redis.sock");
  const settings = { port: "0", unixsocket: socket, dir: folder, save: "", appendonly: "yes", appendfsync: "everysec" };
  const server = start(
    "redis-server",
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
  );
  await server.says(/ready to accept connections/i);
  const redis = watchRedis(socket);
  try {
    const worker = startScript("jobs-worker.ts", [base, String(rows), socket]);
    const producer = startScript("jobs-producer.ts", [file, socket]);
    const [working, producing] = await Promise.all([worker.end(0), producer.end(0)]);
    const { to, answered } = told.parse(JSON.parse(working.stdout));
    const { from } = told.parse(JSON.parse(producing.stdout));
    redis.stop();
    await server.stop();
    // The server's own wall clock runs from before them, until after them.
    const serving = { ...(await server.end(0)), wallMs: 0 };
    return { answered, workMs: to - from, redisPeakBytes: redis.peakBytes, ended: [working, producing, serving] };
  } finally {
    redis.stop();
    await server.stop();
  }
}

function measureRun({ base, file }: Task, folder: string): Promise<Own> {
  return measureUpdraft({ base, file, args: [] }, folder);
}

/** `updraft run`, in a data folder in `folder`. */
export async function measureUpdraft(
  { base, file, args }: Pick<Task, "base" | "file"> & { readonly args: readonly string[] },
  folder: string,
): Promise<Own> {
  const data = join(folder, "data");
  const redis = watchRedis(join(data, "redis", "redis.sock"));
  try {
    const ended = await startScript(
      "../../src/cli/main.ts",
      [
        "run",
        file,
        ...args,
        "--yes",
        "--json",
        "--base-url",
        base,
        "--data-dir",
        data,
        "--log-file",
        join(folder, "log"),
      ],
      { HOME: folder, CONNECTFI_LOGIN: "bench", CONNECTFI_PASSWORD: "bench" },
    ).end(0);
    const { counts, durationMs } = summary.parse(JSON.parse(ended.stdout));
    return {
      answered: counts.updated + counts.unchanged,
      workMs: durationMs,
      redisPeakBytes: redis.peakBytes,
      ended: [ended],
    };
  } finally {
    redis.stop();
  }
}

/** The same with its data folder in memory, where a sync costs nothing: what the ledger's (and with it Redis's, and the reports') cost. */
async function measureUnsynced(task: Task): Promise<Own> {
  const folder = mkdtempSync(join("/dev/shm", "updraft-bench-"));
  try {
    return await measureRun(task, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureCheck({ file }: Task, folder: string): Promise<Own> {
  const args = ["check", file, "--json", "--data-dir", join(folder, "data"), "--log-file", join(folder, "log")];
  const ended = await startScript("../../src/cli/main.ts", args, { HOME: folder }).end(0);
  const { counts, durationMs } = summary.parse(JSON.parse(ended.stdout));
  return { answered: counts.unsent, workMs: durationMs, redisPeakBytes: null, ended: [ended] };
}
