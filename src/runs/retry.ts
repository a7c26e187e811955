// A run that has ended, by its name, in; a run of those of its rows that are to be sent again, ready to be gone on with, out.
import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { systemClock as clock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";
import { type Input, openInput } from "../input.ts";
import { mappingOfRun } from "../jobs.ts";
import type { MappingSettings } from "../plan/plan.ts";
import { type Ledger, makeLedger } from "../settle/ledger.ts";
import { type LedgerFile, ledgerPath, openLedgerFile } from "../settle/ledger-file.ts";
import { type Origin, readOrigin } from "../settle/origin.ts";
import { makeRetryLedger, RETRIABLE, type Retriable, readRetry } from "../settle/retry.ts";
import { findRetry, findRunByPrefix, type RunFolder } from "../settle/run-folder.ts";
import { syncFolder } from "../write/file.ts";
import { findLeftOut, writeLeftOut } from "../write/left-out.ts";
import { makeFinder, type Superseded } from "../write/superseded.ts";

export interface RetryRequest {
  /** A run's name, or the beginning of it. */
  readonly run: string;
  /** Empty: every outcome that can be sent again. */
  readonly only: readonly Retriable[];
  /** Rows too that a newer one of their customer has superseded. */
  readonly superseded: boolean;
  /** Where the run's file is now; null: where it was. */
  readonly file: string | null;
  readonly settings: { readonly dataDir: string; readonly baseUrl: string; readonly jobs?: string | null };
}

interface Rows {
  readonly run: string;
  /** The run it goes back to. */
  readonly of: string;
  /** It was begun before, and only has to be gone on with. */
  readonly begun: boolean;
  /** Rows to be sent. */
  readonly rows: number;
  readonly leftOut: { readonly count: number; readonly first: readonly Superseded[] };
  /** Puts its folder in place, whole or not at all, and lets go of the run it goes back to. */
  make(): Promise<void>;
}

export interface Retry extends Rows {
  readonly only: readonly Retriable[];
  readonly file: string;
  readonly input: Input;
  readonly origin: Origin;
  readonly mapping: MappingSettings;
  close(): Promise<void>;
}

interface Held extends RunFolder {
  readonly file: LedgerFile;
  readonly ledger: Ledger;
}

/** Superseded rows that are told one by one. */
const SHOWN = 10;

/**
 * A run and its retries are one line, and the newest of them knows how each row stands. If that one has ended, a new retry
 * goes back to it; a retry that has not ended is gone on with, if it was asked for the same rows.
 */
export async function openRetry(request: RetryRequest, stop: AbortSignal): Promise<Retry> {
  const only = RETRIABLE.filter((status) => request.only.length === 0 || request.only.includes(status));
  await using closing = new AsyncDisposableStack();
  const held = closing.adopt(holdNewest(request), ({ file }) => file.close());
  await held.ledger.check();
  const begun = isBegun(held, only, request.superseded);
  const origin = originOf(held, request);
  const file = request.file ?? origin.path;
  if (file === null || (request.file === null && !existsSync(file)))
    throw new UpdraftError("run-file-missing", { run: held.run, file: file ?? "standard input" });
  const mapping = mappingOfRun(held.run, origin, request.settings);
  const input = closing.adopt(
    await openInput({ mapping, file, settings: { ...request.settings, encoding: origin.encoding }, stop }),
    ({ source }) => source.close(),
  );
  if (input.source.sha256 !== origin.sha256) throw new UpdraftError("run-file-differs", { run: held.run, file });

  const from = { ...origin, path: file === "-" ? null : resolve(file), name: input.source.name };
  const rows = begun ?? (await goBack(held, { ...request, only }, input, from, closing));
  const open = closing.move();
  return { ...rows, only, file, input, origin, mapping, close: () => open.disposeAsync() };
}

function holdNewest({ run, settings }: RetryRequest): Held {
  const { run: named } = findRunByPrefix(settings.dataDir, run);
  for (;;) {
    const newest = findRetry(settings.dataDir, named, false);
    const file = openLedgerFile(newest.dir, false);
    // Another retry may have been made before this process got hold of the run.
    if (findRetry(settings.dataDir, named, false).run === newest.run)
      return { ...newest, file, ledger: makeLedger(file, newest.dir) };
    file.close();
  }
}

/** Null for a run that has ended. Throws `retry-unfinished` and `retry-other-rows`. */
function isBegun({ run, file, ledger }: Held, only: readonly Retriable[], superseded: boolean): Rows | null {
  const state = ledger.meta("state") ?? "interrupted";
  if (state === "complete" || state === "cancelled") return null;
  const begun = readRetry(ledger);
  if (begun === null) throw new UpdraftError("retry-unfinished", { run, state });
  const flags = flagsOf(begun.only, begun.superseded);
  if (flags !== flagsOf(only, superseded)) throw new UpdraftError("retry-other-rows", { run, of: begun.of, flags });
  const rows = Number(ledger.meta("read") ?? "0") - ledger.size();
  return { run, of: begun.of, begun: true, rows, leftOut: { count: 0, first: [] }, make: async () => file.close() };
}

/** As a person gives them, with a space before each. */
function flagsOf(only: readonly Retriable[], superseded: boolean): string {
  const chosen = only.length === RETRIABLE.length ? [] : only.map((status) => ` --only ${status}`);
  return [...chosen, ...(superseded ? [" --superseded"] : [])].join("");
}

function originOf({ run, dir, ledger }: Held, { settings }: RetryRequest): Origin {
  const origin = readOrigin(ledger);
  if (origin === null)
    throw new UpdraftError("ledger-broken", { file: ledgerPath(dir), why: "it does not say what its run was made of" });
  const { baseUrl } = origin;
  if (baseUrl !== settings.baseUrl)
    throw new UpdraftError("retry-other-endpoint", { run, sent: baseUrl, given: settings.baseUrl });
  return origin;
}

async function goBack(
  { run, dir, file, ledger }: Held,
  { only, superseded, settings }: RetryRequest,
  input: Input,
  origin: Origin,
  closing: AsyncDisposableStack,
): Promise<Rows> {
  const read = Number(ledger.meta("read") ?? "0");
  const counts = ledger.counts();
  const ended = { ...counts, unsent: counts.unsent + read - ledger.size() };
  const selected = only.reduce((sum, status) => sum + ended[status], 0);

  const work = join(dir, "retry.new");
  await rm(work, { recursive: true, force: true });
  closing.defer(() => rm(work, { recursive: true, force: true }));
  const finder = closing.adopt(makeFinder(work), (made) => made.close());
  const isAgain = (status: string) => only.some((one) => one === status);
  if (selected > 0 && !superseded) await findLeftOut({ ...input, outcomes: ledger.outcomes(), read }, isAgain, finder);
  let count = 0;
  const first: Superseded[] = [];
  for (const found of finder.found()) if (count++ < SHOWN) first.push(found);

  const next = findRetry(settings.dataDir, run, true);
  return {
    run: next.run,
    of: run,
    begun: false,
    rows: selected - count,
    leftOut: { count, first },
    async make() {
      const made = join(work, "run");
      const left = finder.found().map((found) => found.row);
      const retry = { v: 1, of: run, only, superseded } as const;
      makeRetryLedger(file, made, { retry, origin, read, left, now: clock.wall() });
      if (count > 0) await writeLeftOut(made, finder.found());
      await syncFolder(made);
      await rename(made, next.dir);
      await syncFolder(dirname(next.dir));
      ledger.write([], [], { retriedAs: next.run });
      file.close();
    },
  };
}
