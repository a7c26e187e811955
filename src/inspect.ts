// A run of the data folder in; what can be told of it afterwards, without Redis, key or endpoint, out.
import { existsSync } from "node:fs";
import { UpdraftError } from "./errors.ts";
import { type Input, openInput } from "./input.ts";
import { openSource, type Source } from "./open/source.ts";
import { openLedger } from "./settle/ledger.ts";
import { type Origin, readOrigin } from "./settle/origin.ts";
import { findRunByPrefix } from "./settle/run-folder.ts";
import { type Verdict, verifyRun } from "./write/verify.ts";

export interface InspectRequest {
  /** A run's name, or the beginning of it. */
  readonly run: string;
  /** `--file`: where the run's input is now; null: where it was. */
  readonly file: string | null;
  readonly settings: { readonly dataDir: string };
}

/** Compares what a run left behind: the ledger, the reports and the file. */
export async function verify(request: InspectRequest): Promise<Verdict & { readonly file: string | null }> {
  const { run, dir } = findRunByPrefix(request.settings.dataDir, request.run);
  await using closing = new AsyncDisposableStack();
  const ledger = closing.adopt(openLedger(dir, { make: false }), (held) => held.close());
  ledger.check();
  const origin = readOrigin(ledger);
  const path = pathOf(origin, run, request.file);
  const source = path === null ? null : await fingerprinted(path, request);
  const same = path !== null && origin !== null && source?.sha256 === origin.sha256;
  const input = same ? closing.adopt(await openAgain(path, origin, request), (opened) => opened.source.close()) : null;
  return { ...(await verifyRun({ run, dir, ledger, origin, file: source, input })), file: path };
}

/** Null where the rows came from standard input, which is gone. */
function pathOf(origin: Origin | null, run: string, given: string | null): string | null {
  const path = given ?? origin?.path ?? null;
  if (given === null && path !== null && !existsSync(path))
    throw new UpdraftError("run-file-missing", { run, file: path });
  return path;
}

/** Of any file, whether or not its columns are those of the run. */
async function fingerprinted(file: string, { settings }: InspectRequest): Promise<Pick<Source, "bytes" | "sha256">> {
  const source = await openSource(file, settings);
  await source.close();
  return source;
}

function openAgain(file: string, { mapping }: Origin, { settings }: InspectRequest): Promise<Input> {
  return openInput({ file, mapping, settings });
}
