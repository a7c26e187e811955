// The hash of a request's body in; how often it came and how many faults it had, out. 11 bytes a body, in typed arrays.

export interface Sightings {
  /** Counts a sighting; its number, from 1. Stops counting at 65,535. */
  see(body: number): number;
  faults(body: number): number;
  addFault(body: number): void;
  clear(): void;
}

const START = 1 << 14;

/** Open addressing: a Map of a million numbers to objects would take ten times the memory. */
export function makeSightings(): Sightings {
  let keys = new Float64Array(START);
  let seen = new Uint16Array(START);
  let faulted = new Uint8Array(START);
  let used = 0;

  // A place is free while seen is 0: every key stored has been seen.
  const place = (body: number): number => {
    let at = body % keys.length;
    while (seen[at] !== 0 && keys[at] !== body) at = (at + 1) % keys.length;
    return at;
  };
  const grow = () => {
    const old = { keys, seen, faulted };
    keys = new Float64Array(old.keys.length * 2);
    seen = new Uint16Array(keys.length);
    faulted = new Uint8Array(keys.length);
    for (const [from, count] of old.seen.entries()) {
      if (count === 0) continue;
      const body = old.keys[from] ?? 0;
      const to = place(body);
      keys[to] = body;
      seen[to] = count;
      faulted[to] = old.faulted[from] ?? 0;
    }
  };

  return {
    see(body) {
      if (used > keys.length * 0.6) grow();
      const at = place(body);
      const count = seen[at] ?? 0;
      if (count === 0) {
        keys[at] = body;
        used++;
      }
      if (count === 65_535) return count;
      seen[at] = count + 1;
      return count + 1;
    },
    faults: (body) => faulted[place(body)] ?? 0,
    addFault(body) {
      const at = place(body);
      if (seen[at] !== 0 && (faulted[at] ?? 0) < 255) faulted[at] = (faulted[at] ?? 0) + 1;
    },
    clear() {
      keys = new Float64Array(START);
      seen = new Uint16Array(START);
      faulted = new Uint8Array(START);
      used = 0;
    },
  };
}
