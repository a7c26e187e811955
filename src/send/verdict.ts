// What came of one request for a row in; the row's outcome told, or when it may be tried again, out.
import { crc32 } from "node:zlib";
import type { Clock } from "../clock.ts";
import type { Contract } from "../endpoint/contract.ts";
import type { QueuedRow } from "../queue/payload.ts";
import type { Claim } from "../queue/take.ts";
import { backoff } from "../settle/backoff.ts";
import { type Exchange, giveUp, type Verdict } from "../settle/classify.ts";
import type { Refusal } from "../settle/entry.ts";
import type { Outcome } from "../settle/outcome.ts";
import type { Settler } from "../settle/settle.ts";
import type { Condition } from "./condition.ts";
import type { Whose } from "./doubt.ts";
import type { Pace } from "./pace.ts";
import type { Evidence, FoundFault } from "./streak.ts";

/** A row that has been put off so often ends: others were not, or the run would have been stopped. */
const MOST_REQUESTS = 100;

/** As all rows of a process know it. */
export interface Endpoint {
  readonly contract: Contract;
  readonly condition: Condition;
  readonly clock: Clock;
}

/** Shared by all rows of a batch. */
export interface BatchContext {
  readonly settler: Settler;
  /** Of the batch that the row came in. */
  readonly claim: Claim;
  readonly pace: Pick<Pace, "paced">;
  readonly attempts: number;
  /** Milliseconds; also the quiet period after an ambiguous exchange. */
  readonly timeout: number;
  /** Called when the credentials were refused, or a new token that was never accepted, or all rows are forbidden. */
  refused(why: Refusal): void;
}

/** A row that has no outcome yet. What was tried is noted in the row itself. */
export interface Left {
  /** Monotonic milliseconds: it may be tried again from then on. */
  readonly from: number;
  /** Null where it only waits. */
  readonly doubt: Doubt | null;
}

/** Whose the fault was is not known yet: until then nothing is counted. */
interface Doubt {
  readonly whose: Promise<Whose>;
  /** How the row ends if the fault was its own; null where it is tried again. */
  readonly end: Outcome | null;
  /** Not the row's, as far as can be told: nothing is counted. */
  forgive(whose: Exclude<Whose, "row">): void;
}

/** Null when the row is settled. */
export function carryOut(
  endpoint: Endpoint,
  row: QueuedRow,
  sentAt: number,
  exchange: Exchange,
  verdict: Exclude<Verdict, { readonly kind: "unauthorized" }>,
  context: BatchContext,
): Left | null {
  const { clock, condition } = endpoint;
  const after = (ms: number): Left => ({ from: clock.now() + ms, doubt: null });
  switch (verdict.kind) {
    case "updated":
    case "failed": {
      condition.answered(sentAt);
      const how = verdict.kind === "updated" ? UPDATED : { status: verdict.kind, cause: verdict.cause };
      context.settler.outcome(end(row, exchange, how, clock), context.claim);
      return null;
    }
    case "forbidden": {
      const own = end(row, exchange, { status: "failed", cause: verdict.cause }, clock);
      const whose = condition.forbidden(sentAt);
      const forgive = (found: Whose) => {
        if (found === "endpoint") context.refused("forbidden");
      };
      return { from: clock.now(), doubt: { whose, end: own, forgive } };
    }
    case "rest": {
      const { fault, after: rest } = verdict;
      condition.askedToRest(rest, sentAt, context.pace.paced);
      // 503 all the time is an outage, however politely it is said.
      condition.saw(foundAt(endpoint, row, sentAt, fault === "http-503" ? "rest" : "haste"), fault);
      return putOff(row, exchange, fault, rest.ms, context, clock);
    }
    case "slow": {
      condition.tooFast(sentAt);
      condition.saw(foundAt(endpoint, row, sentAt, "haste"), verdict.fault);
      return putOff(row, exchange, verdict.fault, backoff(row.requests, 0, 0, clock.random), context, clock);
    }
    case "retry": {
      const { fault, ambiguous, retryAfter } = verdict;
      row.ambiguous ||= ambiguous;
      const quiet = ambiguous ? context.timeout : 0;
      // An abort of ours says nothing about the row.
      if (exchange.kind === "silence" && exchange.fault === "aborted") return after(context.timeout);
      // Without a connection no row can be the cause, and none pays for it.
      if (exchange.kind === "silence" && !exchange.written) {
        condition.saw(foundAt(endpoint, row, sentAt, "connection"), fault);
        const wait = backoff(row.requests, 0, 0, clock.random);
        note(row, exchange, fault, wait, context, clock);
        return after(wait);
      }
      const found = foundAt(endpoint, row, sentAt, "service");
      row.tries++;
      const last = row.tries >= context.attempts;
      const wait = backoff(row.tries, quiet, retryAfter, clock.random);
      const noteIt = () => note(row, exchange, fault, wait, context, clock);
      if (!last) noteIt();
      const whose = condition.fault(found, fault);
      const own = last ? end(row, exchange, giveUp(fault, row.ambiguous), clock) : null;
      const forgive = () => {
        row.tries--;
        if (last) noteIt();
      };
      return { from: clock.now() + wait, doubt: { whose, end: own, forgive } };
    }
    default:
      return verdict satisfies never;
  }
}

const UPDATED = { status: "updated", cause: null } as const;

/** Before the try is counted. */
function foundAt({ contract }: Endpoint, row: QueuedRow, sentAt: number, evidence: Evidence): FoundFault {
  const body: Readonly<Record<string, unknown>> = JSON.parse(row.body.toString("utf8"));
  // A number is enough to tell customers apart, and says nothing of them.
  return { customer: crc32(String(body[contract.identity])), evidence, sentAt, first: row.tries === 0 };
}

/** No try is counted: the row comes again later, unless it alone has been put off for ever. */
function putOff(
  row: QueuedRow,
  exchange: Exchange,
  fault: string,
  wait: number,
  context: BatchContext,
  clock: Clock,
): Left | null {
  if (row.requests < MOST_REQUESTS) {
    note(row, exchange, fault, wait, context, clock);
    return { from: clock.now() + wait, doubt: null };
  }
  context.settler.outcome(end(row, exchange, giveUp(fault, row.ambiguous), clock), context.claim);
  return null;
}

/** Milliseconds until the row is tried again, once it is known whose the fault was; null when it is settled. */
export async function judge(
  left: Left,
  context: Pick<BatchContext, "settler" | "claim">,
  clock: Clock,
): Promise<number | null> {
  const { doubt } = left;
  if (doubt !== null) {
    const whose = await doubt.whose;
    if (whose !== "row") doubt.forgive(whose);
    else if (doubt.end !== null) {
      context.settler.outcome(doubt.end, context.claim);
      return null;
    }
  }
  return Math.max(0, left.from - clock.now());
}

/** A passing fault, so that every attempt can be told later. */
function note(
  row: QueuedRow,
  exchange: Exchange,
  fault: string,
  wait: number,
  { settler, claim }: BatchContext,
  clock: Clock,
): void {
  const http = exchange.kind === "answer" ? exchange.http : 0;
  settler.fault({ row: row.row, at: clock.wall(), fault, http, latency: round(exchange.latency), wait }, claim);
}

function end(row: QueuedRow, exchange: Exchange, how: Pick<Outcome, "status" | "cause">, clock: Clock): Outcome {
  return {
    row: row.row,
    status: how.status,
    attempts: row.requests,
    http: exchange.kind === "answer" ? exchange.http : 0,
    at: clock.wall(),
    ambiguous: row.ambiguous,
    latency: round(exchange.latency),
    cause: how.cause,
  };
}

/** Hundredths of a millisecond are enough for percentiles. */
function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
