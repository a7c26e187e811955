// How far a run has answered its rows in; the word that a report may go on, up to the run's end, out.
import type { Clock } from "../clock.ts";
import type { Outcome } from "../settle/outcome.ts";

/** A report that has caught up looks again after this. */
const LOOK_MS = 100;

/** How far a run came. */
export interface Extent {
  /** Rows that were read; the file may have more (`--limit`, a stop). */
  readonly rows: number;
  /** What a row without an outcome means: a mistake, a run that is not over, or one that was stopped before its turn. */
  readonly without: "mistake" | "later" | ((row: number) => Outcome);
}

export interface Follow {
  /** Resolves when all rows up to this one have their outcome, or none will get one any more. Rejects after fail(). */
  answered(row: number): Promise<void>;
  /** Rows up to here have their outcome in the ledger, for good. */
  upTo(): number;
  /** Asked after answered(). */
  extent(): Extent;
  end(extent: Extent): void;
  fail(error: unknown): void;
}

/** A report is written behind the run, so that the second pass over the file costs the run's idle moments, not its end. */
export function makeFollow(answeredUpTo: () => number, clock: Clock): Follow {
  const over = new AbortController();
  let extent: Extent = { rows: Number.MAX_SAFE_INTEGER, without: "mistake" };
  let failure: { readonly error: unknown } | null = null;
  return {
    async answered(row) {
      while (!over.signal.aborted && answeredUpTo() < row) await clock.sleep(LOOK_MS, over.signal);
      if (failure) throw failure.error;
    },
    upTo: () => (over.signal.aborted ? Number.MAX_SAFE_INTEGER : answeredUpTo()),
    extent: () => extent,
    end(known) {
      extent = known;
      over.abort();
    },
    fail(error) {
      failure = { error };
      over.abort();
    },
  };
}
