// `npm run bench:files`: flags in; the same rows checked as every kind of file, what reading them costs and how much memory, out.
import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { createGzip, createZstdCompress } from "node:zlib";
import * as z from "zod";
import { openSource } from "../../src/open/source.ts";
import { textBlocks } from "../../src/parse/lines.ts";
import { recognise } from "../../src/parse/recognise.ts";
import { type Bar, count, MB } from "./figures.ts";
import { machine } from "./machine.ts";
import { startScript } from "./processes.ts";
import { writeRows } from "./rows.ts";
import { barTable, tableOf, writeBetween } from "./table.ts";

const HELP = `Usage: npm run bench:files -- [flags]
  --rows <n>      rows of each file (500000)
  --rounds <n>    checks of each, of which the fastest counts (3)
  --large <GB>    also one file of so many gigabytes, whose memory is measured (0: none)
  --strict        exit code 1 if a bar is missed
  --write <file>  put the tables into this Markdown file, between its markers; repeatable
`;

const BARS = { decoding: 0.15, compressed: 0.8, largeMb: 250 };

const { values } = parseArgs({
  options: {
    ...{ rows: { type: "string", default: "500000" }, rounds: { type: "string", default: "3" } },
    ...{ large: { type: "string", default: "0" }, strict: { type: "boolean", default: false } },
    ...{
      write: { type: "string", multiple: true, default: [] as string[] },
      help: { type: "boolean", default: false },
    },
  },
});
const summary = z.object({ durationMs: z.number(), counts: z.object({ unsent: z.number(), rejected: z.number() }) });

interface Checked {
  readonly name: string;
  readonly bytes: number;
  readonly rowsPerSecond: number;
  readonly seconds: number;
  readonly peakMb: number;
}

async function check(name: string, file: string, rows: number, rounds: number, folder: string): Promise<Checked> {
  const runs: Checked[] = [];
  for (let round = 0; round < rounds; round++) {
    const args = ["check", file, "--json", "--data-dir", join(folder, "data"), "--log-file", join(folder, "log")];
    const ended = await startScript("../../src/cli/main.ts", args, { HOME: folder }).end(0);
    const { counts, durationMs } = summary.parse(JSON.parse(ended.stdout));
    if (counts.unsent !== rows) throw new Error(`${name}: ${counts.unsent} of ${rows} rows are valid`);
    const peakMb = Math.max(...ended.costs.map(({ peakBytes }) => peakBytes)) / MB;
    const seconds = durationMs / 1000;
    runs.push({ name, bytes: statSync(file).size, rowsPerSecond: rows / seconds, seconds, peakMb });
  }
  const [fastest] = runs.toSorted((a, b) => a.seconds - b.seconds);
  if (fastest === undefined) throw new Error("nothing was measured");
  const best = { ...fastest, peakMb: Math.max(...runs.map(({ peakMb }) => peakMb)) };
  process.stderr.write(`${name}: ${count(best.rowsPerSecond)} rows/s, ${count(best.peakMb)} MB\n`);
  return best;
}

/** Seconds that the head's recognition and the decoding of the whole text take by themselves, bytes in memory. */
async function decodingOf(file: string, dataDir: string): Promise<number> {
  const source = await openSource(file, { dataDir });
  const chunks: Buffer[] = [];
  for await (const chunk of source.read()) chunks.push(Buffer.from(chunk));
  await source.close();
  async function* read() {
    yield* chunks;
  }
  let fastest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const from = performance.now();
    let head = "";
    for await (const block of textBlocks(read())) {
      if (head !== "" || block.kind === "long") continue;
      head = block.text;
      recognise(head, false, {});
    }
    fastest = Math.min(fastest, (performance.now() - from) / 1000);
  }
  return fastest;
}

async function bench(): Promise<void> {
  const [rows, rounds, large] = [Number(values.rows), Number(values.rounds), Number(values.large)];
  const folder = mkdtempSync(join(tmpdir(), "updraft-files-"));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const plain = join(folder, "rows.csv");
  await writeRows(plain, rows);
  const made = async (name: string, through: NodeJS.ReadWriteStream) => {
    const file = join(folder, name);
    await pipeline(createReadStream(plain), through, createWriteStream(file));
    return file;
  };
  const gz = await made("rows.csv.gz", createGzip());
  const zst = await made("rows.csv.zst", createZstdCompress());
  const utf16 = join(folder, "utf16.csv");
  await pipeline(
    createReadStream(plain, "utf8"),
    async function* wide(texts: AsyncIterable<string>) {
      yield Buffer.from([0xff, 0xfe]);
      for await (const text of texts) yield Buffer.from(text, "utf16le");
    },
    createWriteStream(utf16),
  );

  const checked = [
    await check("plain", plain, rows, rounds, folder),
    await check("gzip", gz, rows, rounds, folder),
    await check("zstd", zst, rows, rounds, folder),
    await check("UTF-16", utf16, rows, rounds, folder),
  ];
  const [base] = checked;
  if (base === undefined) throw new Error("nothing was measured");
  const ratio = (name: string) => (checked.find((one) => one.name === name)?.rowsPerSecond ?? 0) / base.rowsPerSecond;
  const decoding = (await decodingOf(plain, folder)) / base.seconds;
  const bars: Bar[] = [
    {
      ...{ name: "recognising and decoding, of check", needed: `≤ ${BARS.decoding * 100} %` },
      ...{ reached: `${(decoding * 100).toFixed(1)} %`, met: decoding <= BARS.decoding },
    },
    ...["gzip", "zstd"].map((name) => ({
      ...{ name: `${name} / plain`, needed: `≥ ${BARS.compressed}`, reached: ratio(name).toFixed(2) },
      met: ratio(name) >= BARS.compressed,
    })),
  ];
  if (large > 0) {
    const each = base.bytes / rows;
    const many = Math.ceil((large * 1e9) / each);
    const file = join(folder, "large.csv");
    await writeRows(file, many);
    const one = await check(`${large} GB`, file, many, 1, folder);
    checked.push(one);
    bars.push({
      ...{ name: `${large} GB, peak`, needed: `≤ ${BARS.largeMb} MB`, reached: `${count(one.peakMb)} MB` },
      met: one.peakMb <= BARS.largeMb,
    });
  }
  const table = tableOf(
    ["", "file, MB", "rows/s", "of plain", "s", "peak RSS, MB"],
    checked.map(({ name, bytes, rowsPerSecond, seconds, peakMb }) => [
      ...[name, count(bytes / 1e6), count(rowsPerSecond), (rowsPerSecond / base.rowsPerSecond).toFixed(2)],
      ...[seconds.toFixed(2), count(peakMb)],
    ]),
  );
  const markdown = `${count(rows)} rows, the fastest of ${rounds}; ${machine()}\n\n${table}\n\n${barTable(bars)}`;
  process.stdout.write(`${markdown}\n`);
  for (const file of values.write) writeBetween(file, "bench files", markdown);
  if (values.strict && bars.some(({ met }) => !met)) process.exitCode = 1;
}

if (values.help) process.stdout.write(HELP);
else await bench();
