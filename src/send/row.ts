// One row in; its outcome, or when it may be tried again, out.
import type { QueuedRow } from "../queue/payload.ts";
import { classify, type Verdict } from "../settle/classify.ts";
import { readReply } from "./answer.ts";
import type { HttpClient } from "./http.ts";
import type { Lease } from "./lease.ts";
import type { Pace } from "./pace.ts";
import type { Token, Tokens } from "./token.ts";
import { type BatchContext, carryOut, type Endpoint, type Left } from "./verdict.ts";

/** A login that is not to be had is asked for again after this, no try counted. */
const LOGIN_WAIT_MS = 1_000;
/** While answers cannot be settled, it is asked again after this whether they can. */
const BEHIND_WAIT_MS = 10;
const NOT_THIS_ROW: Verdict = { kind: "retry", fault: "http-401", ambiguous: false, retryAfter: 0 };

export interface Sender extends Endpoint {
  readonly http: HttpClient;
  readonly tokens: Tokens;
}

export interface RowContext extends BatchContext {
  readonly lease: Lease;
  readonly pace: Pace;
  /** The lease holds and `open` does: asked in the instant before a request is written. */
  may(): boolean;
  /** False once the epoch is held or gone, the endpoint may not be sent to or the process stops: no further request is started. */
  open(): boolean;
}

/** Null when the row is settled. */
export async function sendRow(sender: Sender, row: QueuedRow, context: RowContext): Promise<Left | null> {
  const { clock, contract, condition } = sender;
  const after = (ms: number): Left => ({ from: clock.now() + ms, doubt: null });
  let stale: Token | undefined;
  for (;;) {
    if (!context.open() || !context.lease.valid()) return after(condition.rest());
    if (context.settler.behind()) {
      await clock.sleep(BEHIND_WAIT_MS);
      continue;
    }
    let got = sender.tokens.current(stale) ?? (await sender.tokens.get(stale));
    const slot = got.kind === "token" ? context.pace.slot() : null;
    if (slot !== null) {
      if (!(await slot)) return after(condition.rest());
      // Slots may be far apart: the token to send with is the one of this moment, unless asking for it misses the slot.
      const asked = clock.now();
      got = sender.tokens.current(stale) ?? (await sender.tokens.get(stale));
      if (clock.now() - asked > context.pace.slack) continue;
    }
    if (got.kind === "refused") {
      context.refused("credentials");
      return after(LOGIN_WAIT_MS);
    }
    if (got.kind === "unavailable") return after(LOGIN_WAIT_MS);
    // Held or stopped while a login or a slot was waited for.
    if (!context.open()) return after(condition.rest());
    const { aborter } = context.lease;
    const sentAt = clock.now();
    // A connection may have to be made first: by then the slot may be over.
    const { slack } = context.pace;
    const may = slot === null ? context.may : () => context.may() && clock.now() - sentAt <= slack;
    condition.haste.started(sentAt);
    const reply = await sender.http.post(contract.updatePath, got.headers, row.body, context.timeout, may, aborter);
    const exchange = readReply(reply, clock.wall, row.body);
    if (exchange.kind === "silence" && exchange.fault === "aborted" && !exchange.written)
      return after(condition.rest());
    row.requests++;
    let verdict = classify(exchange);
    // The new token is good for others: it was revoked in its turn, or it is this row that the endpoint does not let pass.
    if (verdict.kind === "unauthorized" && stale && got.accepted) verdict = NOT_THIS_ROW;
    if (verdict.kind !== "unauthorized") {
      if (verdict.kind === "updated" || verdict.kind === "failed") got.accepted = true;
      return carryOut(sender, row, sentAt, exchange, verdict, context);
    }
    if (stale !== undefined) {
      sender.tokens.refuse(got);
      context.refused("credentials");
      return after(LOGIN_WAIT_MS);
    }
    stale = got;
  }
}
