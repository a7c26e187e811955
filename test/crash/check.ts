// What a trial left behind in: the endpoint's own record, ledger, reports, leftovers; every promise it breaks, in words, out.
import { countResent, type Instant, resentBound } from "./resent.ts";
import type { FileRow } from "./rows.ts";

/** One request as the endpoint saw it; times are the wall clock's milliseconds. */
export interface Sent {
  readonly row: number;
  readonly customerId: string;
  readonly at: number;
  /** When it was answered or cut, or its client was seen to be gone; null: never. */
  readonly endedAt: number | null;
  readonly ending: number | "reset" | "none" | null;
  readonly effectAt: number | null;
  readonly fault: string | null;
}

export interface Outcome {
  readonly row: number;
  readonly status: string;
}

export interface Evidence {
  readonly file: readonly FileRow[];
  /** In the order of their arrival. */
  readonly requests: readonly Sent[];
  /** What the endpoint has of each customer in the end. */
  readonly customers: ReadonlyMap<string, string | undefined>;
  readonly ledger: readonly Outcome[];
  /** Rows as the reports list them. */
  readonly reported: readonly Outcome[];
  /** Of the run that ended last; null where it said none. */
  readonly summary: {
    readonly state: string;
    readonly read: number;
    readonly counts: Readonly<Record<string, number>>;
  } | null;
  readonly exitCode: number | null;
  readonly verify: { readonly agrees: boolean; readonly text: string };
  readonly left: {
    readonly processes: readonly string[];
    readonly keys: readonly string[];
    readonly files: readonly string[];
  };
  readonly instants: readonly Instant[];
  /** When a worker that was paused woke up; null where none was. */
  readonly woke: number | null;
  /** What a kind found out itself. */
  readonly odd: readonly string[];
  /** `--timeout` of the run in milliseconds: also its quiet period. */
  readonly quiet: number;
  /** How late an answer was read, at most, in milliseconds. */
  readonly lag: number;
  /** The longest that the endpoint stood still, in milliseconds: the machine had no time for it. */
  readonly stood: number;
}

export function findViolations(evidence: Evidence): string[] {
  return [
    ...evidence.odd,
    ...ended(evidence),
    ...answered(evidence),
    ...received(evidence),
    ...inOrder(evidence),
    ...oneAtATime(evidence),
    ...sentAgain(evidence),
    ...leftOver(evidence),
  ];
}

function ended({ exitCode, summary, verify }: Evidence): string[] {
  if (summary === null) return [`the run ended with exit code ${exitCode} and no summary`];
  const { state, read, counts } = summary;
  const sum = Object.values(counts).reduce((a, b) => a + b, 0);
  return [
    ...(exitCode === 0 ? [] : [`exit code ${exitCode} instead of 0`]),
    ...(state === "complete" ? [] : [`the run is ${state}, not complete`]),
    ...(read === sum ? [] : [`read ${read}, but the outcomes add up to ${sum}`]),
    ...(verify.agrees ? [] : [`verify does not agree: ${verify.text.slice(0, 500)}`]),
  ];
}

/** Every row has one outcome, in the ledger and in the reports; with so few faults a row, each is `updated`. */
function answered({ file, ledger, reported, summary }: Evidence): string[] {
  const rows = new Set(file.map(({ row }) => row));
  const listed = (place: string, outcomes: readonly Outcome[]) => {
    const times = new Map<number, number>();
    for (const { row } of outcomes) times.set(row, (times.get(row) ?? 0) + 1);
    return [
      ...list(
        `without an outcome in the ${place}`,
        [...rows].filter((row) => !times.has(row)),
      ),
      ...list(
        `with two outcomes in the ${place}`,
        [...times].flatMap(([row, n]) => (n > 1 ? [row] : [])),
      ),
      ...list(
        `in the ${place} that the file does not have`,
        [...times.keys()].filter((row) => !rows.has(row)),
      ),
    ];
  };
  const others = ledger.filter(({ status }) => status !== "updated");
  return [
    ...listed("ledger", ledger),
    ...listed("reports", reported),
    ...(summary === null || summary.read === file.length ? [] : [`read ${summary.read} of ${file.length} rows`]),
    ...list(
      `not updated (${[...new Set(others.map(({ status }) => status))].join(", ")})`,
      others.map(({ row }) => row),
    ),
  ];
}

/** The endpoint has what the ledger says it has, and of each customer what the last of its rows says. */
function received({ file, requests, customers, ledger }: Evidence): string[] {
  const effective = new Set(requests.flatMap(({ row, effectAt }) => (effectAt === null ? [] : [row])));
  const unheard = ledger.filter(({ row, status }) => status === "updated" && !effective.has(row));
  const last = new Map(file.map(({ customerId, email }) => [customerId, email]));
  const wrong = [...last].filter(([customerId, email]) => customers.get(customerId) !== email);
  const found = wrong.slice(0, 5).map(([id, email]) => `${id} has ${customers.get(id) ?? "nothing"}, not ${email}`);
  return [
    ...list(
      "updated that the endpoint never carried out",
      unheard.map(({ row }) => row),
    ),
    ...(wrong.length === 0 ? [] : [`${wrong.length} customers not as their last row says: ${found.join("; ")}`]),
  ];
}

/** One customer's rows arrive in the file's order, and take effect in it. */
function inOrder({ requests }: Evidence): string[] {
  const effects = requests.filter(({ effectAt }) => effectAt !== null);
  return [
    ...list("that arrived after a later row of their customer", overtaken(requests)),
    ...list(
      "that took effect after a later row of their customer",
      overtaken(effects.toSorted((a, b) => (a.effectAt ?? 0) - (b.effectAt ?? 0))),
    ),
  ];
}

function overtaken(requests: readonly Sent[]): number[] {
  const newest = new Map<string, number>();
  return requests.flatMap(({ customerId, row }) => {
    const latest = newest.get(customerId) ?? 0;
    newest.set(customerId, Math.max(latest, row));
    return row < latest ? [row] : [];
  });
}

const HEARD_LATE_MS = 50;
export const ROUNDS = 3;

/** No request of a customer comes while another is under way: until its answer, or until its quiet period is over. */
function oneAtATime({ requests, quiet, stood }: Evidence): string[] {
  // A connection that was closed is heard of later, and a request may wait for a round or two before it is even read.
  const heardLate = HEARD_LATE_MS + ROUNDS * stood;
  const busyUntil = new Map<string, number>();
  const quietUntil = new Map<string, number>();
  const together: number[] = [];
  const early: number[] = [];
  const later = (times: Map<string, number>, customer: string, at: number) =>
    times.set(customer, Math.max(times.get(customer) ?? 0, at));
  for (const { row, customerId, at, endedAt, ending, effectAt } of requests) {
    if (at < (busyUntil.get(customerId) ?? 0)) together.push(row);
    else if (at < (quietUntil.get(customerId) ?? 0) - heardLate) early.push(row);
    // A client that is stopped cannot hang up: its patience is over all the same.
    const over =
      typeof ending === "number" ? (endedAt ?? at) : Math.min(endedAt ?? Number.POSITIVE_INFINITY, at + quiet);
    later(busyUntil, customerId, Math.max(over, effectAt ?? 0));
    if (typeof ending !== "number") later(quietUntil, customerId, over + quiet);
  }
  return [
    ...list("that came while another request of their customer was under way", together),
    ...list("that came in the quiet period of another request of their customer", early),
  ];
}

function sentAgain({ requests, quiet, instants, lag }: Evidence): string[] {
  const again = countResent(requests, quiet);
  const bound = resentBound(requests, instants, lag);
  return again <= bound ? [] : [`${again} requests sent again, more than the ${bound} that were open at that instant`];
}

function leftOver({ left }: Evidence): string[] {
  return Object.entries(left).flatMap(([what, names]) =>
    names.length === 0 ? [] : [`left over ${what}: ${names.slice(0, 10).join(", ")}`],
  );
}

/** "3 rows without an outcome: 4, 17, 23"; nothing where there are none. */
function list(what: string, rows: readonly number[]): string[] {
  if (rows.length === 0) return [];
  const more = rows.length > 10 ? ", …" : "";
  return [`${rows.length} row${rows.length === 1 ? "" : "s"} ${what}: ${rows.slice(0, 10).join(", ")}${more}`];
}
