// One row in; its outcome, or how long it must wait before it is tried again, out.
import type { Clock } from "../clock.ts";
import type { Contract } from "../endpoint/contract.ts";
import type { QueuedRow } from "../queue/payload.ts";
import type { Claim } from "../queue/take.ts";
import { backoff } from "../settle/backoff.ts";
import { classify, type Exchange, giveUp, type Verdict } from "../settle/classify.ts";
import type { Outcome } from "../settle/outcome.ts";
import type { Settler } from "../settle/settle.ts";
import { readReply } from "./answer.ts";
import type { HttpClient } from "./http.ts";
import type { Lease } from "./lease.ts";
import type { Pace } from "./pace.ts";
import type { Token, Tokens } from "./token.ts";

/** A login that is not to be had is asked for again after this, no try counted. */
const LOGIN_WAIT_MS = 1_000;
/** While answers cannot be settled, it is asked again after this whether they can. */
const BEHIND_WAIT_MS = 10;
const NOT_THIS_ROW: Verdict = { kind: "retry", fault: "http-401", ambiguous: false };

export interface Sender {
  readonly http: HttpClient;
  readonly tokens: Tokens;
  readonly contract: Contract;
  readonly clock: Clock;
}

export interface RowContext {
  readonly lease: Lease;
  readonly pace: Pace;
  readonly settler: Settler;
  /** Of the batch that the row came in. */
  readonly claim: Claim;
  readonly attempts: number;
  /** Milliseconds; also the quiet period after an ambiguous exchange. */
  readonly timeout: number;
  /** False once the epoch is held or gone or the process stops: no further request is started. */
  open(): boolean;
  /** Called when the credentials were refused, or a new token that was never accepted. */
  refused(): void;
}

/** Null when the row is settled; else the milliseconds it waits. What was tried is noted in the row itself. */
export async function sendRow(sender: Sender, row: QueuedRow, context: RowContext): Promise<number | null> {
  const { clock, contract } = sender;
  let stale: Token | undefined;
  for (;;) {
    if (!context.open() || !context.lease.valid()) return 0;
    if (context.settler.behind()) {
      await clock.sleep(BEHIND_WAIT_MS);
      continue;
    }
    let got = sender.tokens.current(stale) ?? (await sender.tokens.get(stale));
    if (!context.pace.free && got.kind === "token") {
      if (!(await context.pace.slot())) return 0;
      // Slots may be far apart: the token to send with is the one of this moment, unless asking for it misses the slot.
      const asked = clock.now();
      got = sender.tokens.current(stale) ?? (await sender.tokens.get(stale));
      if (clock.now() - asked > context.pace.slack) continue;
    }
    if (got.kind === "refused") {
      context.refused();
      return LOGIN_WAIT_MS;
    }
    if (got.kind === "unavailable") return LOGIN_WAIT_MS;
    // Held or stopped while a login or a slot was waited for.
    if (!context.open()) return 0;
    const { valid, aborter } = context.lease;
    const reply = await sender.http.post(contract.updatePath, got.headers, row.body, context.timeout, valid, aborter);
    const exchange = readReply(reply, clock.wall, row.body);
    if (exchange.kind === "silence" && exchange.fault === "aborted" && !exchange.written) return 0;
    row.requests++;
    let verdict = classify(exchange);
    // The new token is good for others: it was revoked in its turn, or it is this row that the endpoint does not let pass.
    if (verdict.kind === "unauthorized" && stale && got.accepted) verdict = NOT_THIS_ROW;
    if (verdict.kind === "updated" || verdict.kind === "failed") got.accepted = true;
    switch (verdict.kind) {
      case "updated":
        context.settler.outcome(end(row, exchange, { status: "updated", cause: null }, clock), context.claim);
        return null;
      case "failed":
        context.settler.outcome(end(row, exchange, { status: "failed", cause: verdict.cause }, clock), context.claim);
        return null;
      case "unauthorized":
        if (stale !== undefined) {
          context.refused();
          return LOGIN_WAIT_MS;
        }
        stale = got;
        continue;
      case "retry": {
        row.ambiguous ||= verdict.ambiguous;
        // An abort of ours says nothing about the row.
        if (exchange.kind === "silence" && exchange.fault === "aborted") return context.timeout;
        row.tries++;
        if (row.tries >= context.attempts) {
          context.settler.outcome(end(row, exchange, giveUp(verdict.fault, row.ambiguous), clock), context.claim);
          return null;
        }
        const quiet = verdict.ambiguous ? context.timeout : 0;
        const wait = backoff(row.tries, quiet, verdict.retryAfter ?? 0, clock.random);
        const http = exchange.kind === "answer" ? exchange.http : 0;
        const { latency } = exchange;
        const { fault } = verdict;
        context.settler.fault(
          { row: row.row, at: clock.wall(), fault, http, latency: round(latency), wait },
          context.claim,
        );
        return wait;
      }
      default:
        return verdict satisfies never;
    }
  }
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
