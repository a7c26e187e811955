// What a folder held before and holds now in; which of its files are complete, oldest first, and when to look again, out.

/** A file as one look found it. */
export interface Sight {
  /** Names the file while it is where it is. */
  readonly path: string;
  readonly name: string;
  /** Changes when anybody writes to the file, or puts another one in its place. */
  readonly print: string;
  readonly size: number;
  /** Milliseconds since 1970, by the clock of who wrote it: for the order alone. */
  readonly mtime: number;
  /** What completes it is there: its marker. Null where its rest alone tells. */
  readonly marked: boolean | null;
}

/** For how long (monotonic milliseconds) it has been as it is now. */
export interface Rested extends Sight {
  readonly since: number;
}

export interface Look {
  readonly seen: Map<string, Rested>;
  readonly ripe: readonly Rested[];
  /** When the next one may be complete if nothing is written any more; null where none is to come. */
  readonly next: number | null;
}

/** `query > inbox/a.csv` leaves an empty file there until the query answers: it gets this many times the patience. */
const EMPTY = 30;

/** @param settle milliseconds for which nothing of a file must have changed, as this process saw it: no clock of others is believed */
export function lookAgain(
  before: ReadonlyMap<string, Rested>,
  found: readonly Sight[],
  now: number,
  settle: number,
): Look {
  const seen = new Map<string, Rested>();
  const ripe: Rested[] = [];
  let next: number | null = null;
  for (const sight of found) {
    const known = before.get(sight.path);
    const since = known?.print === sight.print ? known.since : now;
    const rested = { ...sight, since };
    seen.set(sight.path, rested);
    if (sight.marked === false) continue;
    const due = sight.marked === true ? now : since + settle * (sight.size === 0 ? EMPTY : 1);
    if (due <= now) ripe.push(rested);
    else next = Math.min(next ?? due, due);
  }
  return { seen, ripe: ripe.sort(olderFirst), next };
}

export function olderFirst(a: Pick<Sight, "mtime" | "name">, b: Pick<Sight, "mtime" | "name">): number {
  return a.mtime - b.mtime || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}
