// Requests as they come, are answered and take effect, in; the record of the latest ones and counters over all, out.

/** How a request ended: a status code, a connection reset, or no answer. Null while it is being worked on. */
export type Ending = number | "reset" | "none" | null;

export interface Visit {
  readonly seq: number;
  readonly customerId: string | null;
  /** What the update has in `recordProperty`: tells the rows of one customer apart. */
  readonly value: string | null;
  /** Monotonic milliseconds since the simulator started. */
  readonly at: number;
  /** Requests being worked on when this one came, itself included. */
  readonly inFlight: number;
  ending: Ending;
  /** When it was answered or cut, or the client was seen to wait no longer; on the same clock as `at`. */
  endedAt: number | null;
  effectAt: number | null;
  fault: string | null;
  /** Whether it still counts as being worked on. */
  open: boolean;
}

export interface Stats {
  readonly requests: number;
  readonly inFlight: number;
  readonly maxInFlight: number;
  /** The most requests that came within any one second, whatever they were answered. */
  readonly maxPerSecond: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly byFault: Readonly<Record<string, number>>;
  readonly effects: number;
  /** Requests that /_sim/requests no longer remembers. */
  readonly forgotten: number;
}

export interface Traffic {
  arrive(who: Pick<Visit, "customerId" | "value">, at: number): Visit;
  /** The client is no longer waiting: its request does not count as in flight any more. */
  leave(visit: Visit, at: number): void;
  end(visit: Visit, ending: Exclude<Ending, null>, at: number): void;
  effect(visit: Visit, at: number): void;
  fault(visit: Visit, name: string): void;
  stats(): Stats;
  /** Oldest first. */
  visits(): Generator<Visit, void, undefined>;
  clear(): void;
}

/** Remembers the latest `limit` visits; memory does not grow beyond them. */
export function makeTraffic(limit: number): Traffic {
  let ring: Visit[] = [];
  let second = makeSecond();
  let seq = 0;
  let inFlight = 0;
  let maxInFlight = 0;
  let maxPerSecond = 0;
  let effects = 0;
  const byStatus = new Map<string | number, number>();
  const byFault = new Map<string, number>();
  const kept = () => Math.min(limit, seq);

  const leave = (visit: Visit, at: number) => {
    if (!visit.open) return;
    visit.open = false;
    visit.endedAt = at;
    inFlight--;
  };

  return {
    arrive(who, at) {
      inFlight++;
      if (inFlight > maxInFlight) maxInFlight = inFlight;
      maxPerSecond = Math.max(maxPerSecond, second.add(at));
      seq++;
      const nothing = { ending: null, endedAt: null, effectAt: null, fault: null };
      const visit: Visit = { seq, ...who, at, inFlight, ...nothing, open: true };
      if (limit > 0) ring[(seq - 1) % limit] = visit;
      return visit;
    },
    leave,
    end(visit, ending, at) {
      visit.ending = ending;
      byStatus.set(ending, (byStatus.get(ending) ?? 0) + 1);
      leave(visit, at);
    },
    effect(visit, at) {
      visit.effectAt = at;
      effects++;
    },
    fault(visit, name) {
      visit.fault = name;
      byFault.set(name, (byFault.get(name) ?? 0) + 1);
    },
    stats: () => ({
      requests: seq,
      inFlight,
      maxInFlight,
      maxPerSecond,
      byStatus: Object.fromEntries(byStatus),
      byFault: Object.fromEntries(byFault),
      effects,
      forgotten: seq - kept(),
    }),
    *visits() {
      const last = seq;
      for (let n = last - kept() + 1; n <= last; n++) {
        const visit = ring[(n - 1) % limit];
        // A reader slower than the traffic: the place has been taken by a newer visit.
        if (visit?.seq === n) yield visit;
      }
    },
    clear() {
      ring = [];
      second = makeSecond();
      // What is still being worked on ends in the new count: without this it would go below zero.
      seq = effects = maxPerSecond = 0;
      maxInFlight = inFlight;
      byStatus.clear();
      byFault.clear();
    },
  };
}

export interface Second {
  /** Counts an event; the number of events in the second that ends with it. */
  add(at: number): number;
  /** Events in the second before `at`. */
  count(at: number): number;
  /** When the oldest event of that second leaves it. */
  frees(): number;
}

/** A sliding second, exact to the event: times in a ring that grows with the busiest second seen. */
export function makeSecond(): Second {
  let times = new Float64Array(1024);
  let first = 0;
  let size = 0;
  const oldest = () => times[first] ?? 0;
  const count = (at: number) => {
    while (size > 0 && oldest() <= at - 1000) {
      first = (first + 1) % times.length;
      size--;
    }
    return size;
  };
  return {
    count,
    frees: () => oldest() + 1000,
    add(at) {
      count(at);
      if (size === times.length) {
        const wider = new Float64Array(times.length * 2);
        wider.set(times.subarray(first));
        wider.set(times.subarray(0, first), times.length - first);
        times = wider;
        first = 0;
      }
      times[(first + size) % times.length] = at;
      return ++size;
    },
  };
}
