// A name that is not known and the names that are, in; the one that was probably meant, or null, out.

/** How a name is compared: case, spaces, `_`, `-` and `.` say nothing. */
export function normalise(name: string): string {
  return name.toLowerCase().replace(/[\s_.-]/g, "");
}

/**
 * `known`: normalised name → what to suggest for it; earlier entries win ties. One slip is forgiven in names of up to 5
 * letters, two up to 9, three beyond; names of one or two letters are too near to everything.
 */
export function nearest(name: string, known: ReadonlyMap<string, string>): string | null {
  const wanted = normalise(name);
  const exact = known.get(wanted);
  if (exact !== undefined) return exact;
  let best: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const [candidate, suggestion] of known) {
    const most = slips(Math.min(wanted.length, candidate.length));
    if (Math.abs(wanted.length - candidate.length) > most) continue;
    const found = distance(wanted, candidate);
    if (found <= most && found < least) {
      best = suggestion;
      least = found;
    }
  }
  return best;
}

function slips(length: number): number {
  return length < 3 ? 0 : length < 6 ? 1 : length < 10 ? 2 : 3;
}

/** Optimal string alignment: letters changed, added, left out, and neighbours exchanged (`emial`). */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(changed, at(last, j) + 1, at(row, j - 1) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, at(beforeLast, j - 2) + 1);
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
