// `npm run fuzz`: flags in; broken files read one after the other for as long as was asked, and the first that did harm, out.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { brokenFile } from "./mutate.ts";
import { tryFile } from "./read.ts";
import { seedFiles } from "./seeds.ts";

const HELP = `Usage: npm run fuzz -- [flags]
  --seconds <n>  how long (60)
  --cases <n>    or how many files
  --seed <n>     the same seed, the same files (today's date)
  --case <n>     only this one, as a failure names it

Exit codes: 0 nothing was found; 1 a file crashed the reader, hung it (10 s), or was read wrongly; its bytes are kept.`;

/** A file of some kilobytes takes a millisecond or two. */
const HANG_MS = 10_000;
/** The process itself takes about 120 MB, and files are of a few kilobytes, or 500 times repeated. */
const MOST_MB = 500;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    cases: { type: "string" },
    seed: { type: "string" },
    case: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}

const seed = Number(values.seed ?? new Date().toISOString().slice(0, 10).replaceAll("-", ""));
const only = values.case === undefined ? null : Number(values.case);
const last = only ?? (values.cases === undefined ? Number.POSITIVE_INFINITY : Number(values.cases) - 1);
const until = values.cases === undefined ? performance.now() + Number(values.seconds) * 1000 : Number.POSITIVE_INFINITY;
const folder = mkdtempSync(join(tmpdir(), "updraft-fuzz-"));
const path = join(folder, "case.bin");

// A reader that hangs hangs this thread: another one has to notice.
const beat = new Int32Array(new SharedArrayBuffer(4));
const guard = new Worker(
  `const { workerData: { beat, ms, path, seed } } = require("node:worker_threads");
   for (let seen = -1; ; ) {
     Atomics.wait(beat, 0, seen, 0);
     Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
     const now = Atomics.load(beat, 0);
     if (now < 0) break;
     if (now === seen) { require("node:fs").writeSync(2, "case " + now + " of seed " + seed + " hangs: " + path + "\\n"); process.kill(process.pid, "SIGKILL"); }
     seen = now;
   }`,
  { eval: true, workerData: { beat, ms: HANG_MS, path, seed } },
);

const seeds = seedFiles();
const refused = new Map<string, number>();
let [cases, rows, bad, most] = [0, 0, 0, 0];
let failed = false;
for (let number = only ?? 0; number <= last && performance.now() < until; number++) {
  Atomics.store(beat, 0, number);
  try {
    const tried = await tryFile(brokenFile(seeds, seed, number), path, folder);
    rows += tried.rows;
    bad += tried.bad;
    if (tried.refused !== null) refused.set(tried.refused, (refused.get(tried.refused) ?? 0) + 1);
  } catch (error) {
    process.stderr.write(
      `case ${number} of seed ${seed}: ${error instanceof Error ? error.stack : String(error)}\n${path}\n`,
    );
    failed = true;
    break;
  }
  cases++;
  if (cases % 200 === 0) most = Math.max(most, process.memoryUsage.rss() / 2 ** 20);
}
Atomics.store(beat, 0, -1);
void guard.terminate();
process.stdout.write(
  `${cases} files of seed ${seed}: ${rows} rows, ${bad} of them bad; refused: ${[...refused].map(([code, count]) => `${code} ${count}`).join(", ")}; RSS at most ${Math.round(most)} MB\n`,
);
if (most > MOST_MB) {
  process.stderr.write(`expected at most ${MOST_MB} MB\n`);
  failed = true;
}
if (!failed) rmSync(folder, { recursive: true });
process.exitCode = failed ? 1 : 0;
