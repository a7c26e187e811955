// A run of the data folder in; what can be told of it afterwards, without Redis, key or endpoint, out.
import { existsSync } from "node:fs";
import { UpdraftError } from "../errors.ts";
import { type Input, openInput } from "../input.ts";
import { mappingOfRun } from "../jobs.ts";
import { openSource, type Source } from "../open/source.ts";
import { type Ledger, openLedger } from "../settle/ledger.ts";
import { type Origin, readOrigin } from "../settle/origin.ts";
import { findRunByPrefix, type RunFolder } from "../settle/run-folder.ts";
import { findReported } from "../write/reread.ts";
import { makeStory, type Story } from "../write/story.ts";
import { type Verdict, verifyRun } from "../write/verify.ts";

export interface InspectRequest {
  /** A run's name, or the beginning of it. */
  readonly run: string;
  /** `--file`: where the run's input is now; null: where it was. */
  readonly file: string | null;
  readonly settings: { readonly dataDir: string; readonly jobs?: string | null };
}

export interface RowStory extends Story {
  readonly run: string;
  readonly state: string;
  readonly file: string | null;
}

/** Compares what a run left behind: the ledger, the reports and the file. */
export async function verify(request: InspectRequest): Promise<Verdict & { readonly file: string | null }> {
  await using opened = await openRun(request);
  const { run, dir, ledger, origin } = opened;
  const path = pathOf(origin, request.file);
  if (path !== null && !existsSync(path)) throw new UpdraftError("run-file-missing", { run, file: path });
  const source = path === null ? null : await fingerprinted(path, request);
  const same = path !== null && origin !== null && source?.sha256 === origin.sha256;
  await using input = same ? await openAgain(path, run, origin, request) : null;
  return { ...(await verifyRun({ run, dir, ledger, origin, file: source, input })), file: path };
}

/** Tells everything that is known of one row. Throws `row-unknown` for one that the run does not have. */
export async function explainRow(request: InspectRequest, row: number): Promise<RowStory> {
  await using opened = await openRun(request);
  const { run, dir, ledger, origin } = opened;
  const about = { run, state: ledger.meta("state") ?? "running", file: origin?.name ?? null };
  const history = ledger.history(row);
  const path = pathOf(origin, request.file);
  const there = path !== null && (request.file !== null || existsSync(path));
  const same = there && origin !== null && (await fingerprinted(path, request)).sha256 === origin.sha256;
  if (request.file !== null && !same) throw new UpdraftError("run-file-differs", { run, file: request.file });
  if (!same) {
    const last = Math.max(Number(ledger.meta("read") ?? "0"), ledger.last());
    if (row > last && history.faults.length === 0) throw new UpdraftError("row-unknown", { run, row, last });
    const reported = await findReported(dir, origin?.format ?? "csv", history.outcome?.status ?? "unsent", row);
    return { ...about, ...makeStory({ row, history, source: null, reported }) };
  }
  await using input = await openAgain(path, run, origin, request);
  const { reader, plan } = input;
  let last = 0;
  for await (const block of reader.blocks()) {
    const found = block.find((one) => one.row === row);
    if (found) {
      const source = { row: found, columns: reader.columns, plan };
      return { ...about, ...makeStory({ row, history, source, reported: null }) };
    }
    last = block.at(-1)?.row ?? last;
  }
  throw new UpdraftError("row-unknown", { run, row, last });
}

interface OpenedRun extends RunFolder, AsyncDisposable {
  readonly ledger: Ledger;
  readonly origin: Origin | null;
}

/** Holds the run meanwhile: nothing changes under what is told of it. */
async function openRun({ run: named, settings }: InspectRequest): Promise<OpenedRun> {
  const found = findRunByPrefix(settings.dataDir, named);
  const ledger = openLedger(found.dir, { make: false });
  try {
    await ledger.check();
    return { ...found, ledger, origin: readOrigin(ledger), [Symbol.asyncDispose]: async () => ledger.close() };
  } catch (error) {
    ledger.close();
    throw error;
  }
}

/** Null where the rows came from standard input, which is gone. */
function pathOf(origin: Origin | null, given: string | null): string | null {
  return given ?? origin?.path ?? null;
}

/** Of any file, whether or not its columns are those of the run. */
async function fingerprinted(file: string, { settings }: InspectRequest): Promise<Pick<Source, "bytes" | "sha256">> {
  const source = await openSource(file, { dataDir: settings.dataDir });
  await source.close();
  return source;
}

async function openAgain(
  file: string,
  run: string,
  origin: Origin,
  { settings }: InspectRequest,
): Promise<Input & AsyncDisposable> {
  const input = await openInput({
    file,
    mapping: mappingOfRun(run, origin, settings),
    settings: { ...settings, encoding: origin.encoding },
  });
  return { ...input, [Symbol.asyncDispose]: () => input.source.close() };
}
