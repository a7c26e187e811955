// Rows in, each started when a request slot is free; and the word that the next batch is needed, out.

/** One epoch's part in the slots of a process. */
export interface Slots {
  /**
   * Runs `send` for every row when there is a slot, in the order of the calls; resolves when all have ended. With `first`,
   * before all rows of the epoch that have not been started.
   */
  run<T extends object>(rows: readonly T[], send: (row: T) => Promise<void>, first?: boolean): Promise<void>;
  /**
   * Resolves when the batches at hand cannot fill the slots for long: the next one keeps them from running dry. Or when
   * `signal` aborts: without any slot it may take for ever.
   */
  wanted(signal?: AbortSignal): Promise<void>;
  /** Starts all rows that wait, slots or not: to be called when each ends at once, because nothing may be sent any more. */
  flush(): void;
}

export interface SharedSlots {
  /** For one more epoch. */
  open(): Slots;
  /** So many rows at once from now on, 0 for none; what has been started goes on. */
  resize(count: number): void;
  /** Rows that have a slot, and rows that wait for one. */
  rows(): { readonly started: number; readonly waiting: number };
}

/** The rows of one call. */
interface Call {
  readonly size: number;
  started: number;
  start(place: number): void;
}

interface Part {
  started: number;
  /** Rows of calls of which none has been started. */
  untouched: number;
  readonly calls: Call[];
  readonly urgent: Call[];
}

/**
 * Slots of one process, shared by all epochs it serves: a free one goes to the epoch that has the fewest, so that one whose
 * rows wait for their pace keeps no other from its share. A batch with a slow row holds one slot, not its other rows'.
 */
export function makeSlots(count: number): SharedSlots {
  let size = count;
  let started = 0;
  let waiting = 0;
  /** Those with rows that have not been started. */
  const hungry = new Set<Part>();
  let asking: { readonly part: Part; readonly wake: () => void }[] = [];

  function announce(): void {
    if (asking.length === 0) return;
    const all = asking;
    asking = [];
    for (const one of all) {
      if (one.part.untouched < size) one.wake();
      else asking.push(one);
    }
  }

  function ask(part: Part, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal?.removeEventListener("abort", wake);
        asking = asking.filter((one) => one.wake !== wake);
        resolve();
      };
      signal?.addEventListener("abort", wake, { once: true });
      asking.push({ part, wake });
    });
  }

  function neediest(): Part | undefined {
    let found: Part | undefined;
    for (const part of hungry) if (!found || part.started < found.started) found = part;
    return found;
  }

  function fill(): void {
    while (started < size) {
      const part = neediest();
      if (!part) return;
      startNext(part);
    }
  }

  /** False when none of the part's rows waits. */
  function startNext(part: Part): boolean {
    const calls = part.urgent.length > 0 ? part.urgent : part.calls;
    const [call] = calls;
    if (!call) {
      hungry.delete(part);
      return false;
    }
    const place = call.started++;
    if (call.started === call.size) calls.shift();
    started++;
    waiting--;
    part.started++;
    if (place === 0) {
      part.untouched -= call.size;
      announce();
    }
    call.start(place);
    return true;
  }

  function run<T extends object>(
    part: Part,
    rows: readonly T[],
    send: (row: T) => Promise<void>,
    first: boolean,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      let open = rows.length;
      if (open === 0) return resolve();
      const ended = () => {
        started--;
        part.started--;
        if (--open === 0) resolve();
        fill();
      };
      const failed = (error: unknown) => {
        reject(error);
        ended();
      };
      const start = (place: number) => {
        const row = rows[place];
        if (row !== undefined) send(row).then(ended, failed);
      };
      (first ? part.urgent : part.calls).push({ size: rows.length, started: 0, start });
      part.untouched += rows.length;
      waiting += rows.length;
      hungry.add(part);
      fill();
    });
  }

  return {
    open() {
      const part: Part = { started: 0, untouched: 0, calls: [], urgent: [] };
      return {
        run: (rows, send, first = false) => run(part, rows, send, first),
        wanted: (signal) => (part.untouched < size || signal?.aborted ? Promise.resolve() : ask(part, signal)),
        flush() {
          while (startNext(part));
        },
      };
    },
    resize(to) {
      size = to;
      announce();
      fill();
    },
    rows: () => ({ started, waiting }),
  };
}
