// What was tried for rows that have no outcome, as the ledger keeps it, in; what is known of each row of the file, in its order, out.

/** What has been tried for a row that has no outcome yet. */
export interface Past {
  readonly tries: number;
  readonly requests: number;
  readonly ambiguous: boolean;
}

export const NOTHING_TRIED: Past = { tries: 0, requests: 0, ambiguous: false };

/** Tells what is known of a row; asked in the file's order, as the ledger tells it: a million rows may have a past. */
export function pastByRow(ledger: {
  past(): Iterator<readonly [row: number, past: Past]>;
}): (row: number) => Past | undefined {
  const past = ledger.past();
  let next = past.next();
  return (row) => {
    while (!next.done && next.value[0] < row) next = past.next();
    return !next.done && next.value[0] === row ? next.value[1] : undefined;
  };
}

export function readPast(record: Readonly<Record<string, unknown>> | undefined): Past {
  if (record === undefined) return NOTHING_TRIED;
  return { tries: Number(record.tries), requests: Number(record.requests), ambiguous: record.ambiguous === 1 };
}
