// What came of the requests of this process, and what other workers say, in; whether the endpoint may be sent to now, and whose a
// fault is (the row's or the endpoint's), out.
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { type HoldNews, type Holds, type Outage, readNews } from "../queue/holds.ts";
import type { RetryAfter } from "../settle/classify.ts";
import { makeDoubt, type Whose } from "./doubt.ts";
import { type Haste, makeHaste } from "./haste.ts";
import { addFault, type FoundFault, isForbidden, isOutage, isWide, NO_STREAK } from "./streak.ts";

/** With nothing to send for so long, nobody will tell whose a fault was: it is the row's. */
const IDLE_MS = 300;
/** A wait for an end that was told is looked up again after this. */
const LOOK_MS = 1_000;
/** A rest that ends later than the one known by so much is another. */
const SAME_REST_MS = 100;
/** A probe's turn lapses so long after its request must have ended. */
const LEASE_MS = 5_000;

/** Shared by all rows that a process sends to its endpoint. */
export interface Condition {
  readonly haste: Haste;
  /** Nothing may be sent now. */
  closed(): boolean;
  /** Milliseconds that the rest which the endpoint asked for still lasts. */
  rest(): number;
  /** A row is begun, and has ended: while any is under way, faults may still find an answer between them. */
  begin(): void;
  finish(): void;
  /** A definite answer other than 403: what befell others before it was their own. */
  answered(sentAt: number): void;
  /** Resolves when it is known whose it was. Until then nothing is counted. */
  fault(found: FoundFault, name: string): Promise<Whose>;
  /** A fault that is not counted in any case. */
  saw(found: FoundFault, name: string): void;
  /** A row was forbidden (403). `endpoint`: all are; the login may not do this. */
  forbidden(sentAt: number): Promise<Whose>;
  /** The login could not be asked, and so no row be sent. One call per login. */
  loginFailed(name: string, sentAt: number): void;
  /** The endpoint asked for a rest. @param paced rates are set; else what comes after the rest is braked */
  askedToRest(after: RetryAfter, sentAt: number, paced: boolean): void;
  /** The endpoint refused a request for the number of requests, and named no wait. */
  tooFast(sentAt: number): void;
  /** Waits while the endpoint may not be sent to, a second at most; true: this process may send one row to see if it answers. */
  pause(signal: AbortSignal): Promise<boolean>;
  /** That row brought no answer; with `sent` false, there was none to send. */
  probed(sent: boolean): Promise<void>;
  hear(message: string): void;
  /** Looks up what was told while this process did not listen. */
  refresh(): Promise<void>;
  /** Nobody will know any more whose the faults were: this process is to stop. */
  settle(): void;
}

export interface ConditionContext {
  readonly holds: Holds;
  readonly endpoint: string;
  /** Of a request, milliseconds. */
  readonly timeout: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told when nothing may be sent any more, until further notice. */
  close(): void;
  /** Whether the endpoint's login answers now. Where it does not, `loginFailed` is called. */
  isAlive(): Promise<boolean>;
}

export function makeCondition(context: ConditionContext): Condition {
  const { holds, endpoint, clock, log } = context;
  const haste = makeHaste(clock);
  let streak = NO_STREAK;
  const faults = makeDoubt(clock);
  /** Rows that were forbidden since the last answer that was none. */
  const forbidden = makeDoubt(clock);
  let accepted = false;
  /** Monotonic: a request that was under way then says nothing of the endpoint if it fails, for others were answered. */
  let lastAnswer = Number.NEGATIVE_INFINITY;
  let busy = 0;
  let idle: NodeJS.Timeout | null = null;
  let restUntil = Number.NEGATIVE_INFINITY;
  let outage: { readonly told: Outage; readonly from: number } | null = null;
  let change = new AbortController();

  const failed = (error: unknown) =>
    log.warn({ reason: error instanceof Error ? error.name : "unknown" }, "cannot tell other workers of the endpoint");

  /** Nobody is left who could get an answer. */
  function judgeSoon(): void {
    idle ??= setTimeout(() => {
      idle = null;
      if (busy === 0) void judge();
    }, IDLE_MS);
  }

  async function judge(): Promise<void> {
    if (forbidden.size > 0) forbidden.settle(!accepted && forbidden.size > 1 ? "endpoint" : "row");
    if (faults.size === 0) return;
    // A few customers may fail by themselves, or be all that an outage can show itself in: the login tells which.
    const wide = isWide(streak) || !(await context.isAlive());
    faults.settle(wide ? "open" : "row");
  }

  function settleAll(whose: Whose): void {
    if (idle) clearTimeout(idle);
    idle = null;
    faults.settle(whose);
    forbidden.settle("open");
  }

  function wake(): void {
    change.abort();
    change = new AbortController();
  }

  function close(): void {
    context.close();
    wake();
  }

  function goOut(told: Outage): void {
    if (outage !== null) return;
    outage = { told, from: clock.now() };
    log.warn({ fault: told.fault }, "the endpoint is out");
    streak = NO_STREAK;
    settleAll("endpoint");
    close();
  }

  function comeBack(): void {
    if (outage === null) return;
    outage = null;
    streak = NO_STREAK;
    log.info("the endpoint answers again");
    wake();
  }

  function saw(found: FoundFault, name: string): void {
    if (found.sentAt < lastAnswer) return;
    streak = addFault(streak, found, clock.now());
    if (outage !== null || !isOutage(streak, clock.now())) return;
    const told = { since: clock.wall(), fault: name };
    goOut(told);
    holds.declare(told).catch(failed);
  }

  /** An answer of any kind to a request that was started then. */
  function answered(sentAt: number): void {
    lastAnswer = clock.now();
    if (streak.faults > 0 && sentAt > streak.start) streak = NO_STREAK;
    if (faults.size > 0 && faults.isYounger(sentAt)) faults.settle("row");
    if (outage !== null && sentAt > outage.from) {
      comeBack();
      holds.answers().catch(failed);
    }
  }

  function restFor(ms: number): void {
    const until = clock.now() + ms;
    if (until <= restUntil) return;
    restUntil = until;
    close();
  }

  function hear(said: HoldNews): void {
    if (said.endpoint !== endpoint) return;
    switch (said.kind) {
      case "rest":
        restFor(said.ms);
        // Without rates its workers would come as a herd.
        if (!said.paced) haste.pressed();
        break;
      case "slow":
        haste.pressed();
        break;
      case "outage":
        goOut(said.outage);
        break;
      case "answers":
        comeBack();
        break;
      default:
        said satisfies never;
    }
  }

  return {
    haste,
    closed: () => outage !== null || clock.now() < restUntil,
    rest: () => Math.max(0, restUntil - clock.now()),
    begin() {
      busy++;
    },
    finish() {
      busy--;
      if (busy === 0 && faults.size + forbidden.size > 0) judgeSoon();
    },
    answered(sentAt) {
      accepted = true;
      forbidden.settle("row");
      answered(sentAt);
    },
    fault(found, name) {
      const whose = outage === null ? faults.add() : Promise.resolve<Whose>("endpoint");
      saw(found, name);
      return whose;
    },
    saw,
    forbidden(sentAt) {
      const whose = forbidden.add();
      answered(sentAt);
      if (isForbidden(forbidden.size, accepted)) forbidden.settle("endpoint");
      return whose;
    },
    loginFailed(name, sentAt) {
      saw({ customer: 0, evidence: "connection", sentAt, first: false }, name);
    },
    askedToRest({ ms, capped }, sentAt, paced) {
      restFor(ms);
      holds.rest(ms, capped, paced).catch(failed);
      if (!paced) haste.press(sentAt);
    },
    tooFast(sentAt) {
      if (haste.press(sentAt)) holds.slow().catch(failed);
    },
    async pause(signal) {
      const left = restUntil - clock.now();
      let wait = left;
      if (left <= 0 && outage !== null) {
        const turn = await holds.claim(context.timeout + LEASE_MS);
        if (turn === null) comeBack();
        else if (turn.mine) return true;
        wait = turn?.wait ?? 0;
      }
      await clock.sleep(Math.min(Math.max(wait, 1), LOOK_MS), AbortSignal.any([signal, change.signal]));
      return false;
    },
    probed: (sent) => (outage === null ? Promise.resolve() : holds.failed(sent, clock.random())),
    hear(message) {
      const said = readNews(message);
      if (said !== null) hear(said);
    },
    async refresh() {
      const now = await holds.read();
      if (now.rest > this.rest() + SAME_REST_MS) restFor(now.rest);
      if (now.outage === null) comeBack();
      else goOut(now.outage);
    },
    settle: () => settleAll("open"),
  };
}
