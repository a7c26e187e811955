// A run on its way and where to tell of it in; its notices delivered beside it, and what could not be is in its summary, out.
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Logger } from "pino";
import { type NotifySettings, openLines } from "./channels.ts";
import type { Clock } from "./clock.ts";
import { UpdraftError } from "./errors.ts";
import type { Progress } from "./events.ts";
import { answeredBy, eventOf, isToldAlready, type Memory, NOTHING_TOLD, type Notice, toldAfter } from "./notices.ts";
import type { LiveState } from "./queue/status.ts";
import type { Ledger } from "./settle/ledger.ts";
import { type Summary, writeSummary } from "./write/summary.ts";

/** A run that has ended waits so long for its notices, and no longer. */
const END_MS = 10_000;
/** And so long where its process is to end: who sent SIGTERM may send SIGKILL 30 s later, and requests in flight come first. */
const STOP_MS = 3_000;

export interface Subject {
  readonly run: string;
  readonly job: string;
  /** Name of the file. */
  readonly file: string;
  readonly baseUrl: string;
}

type Figures = Pick<Progress, "read" | "counts">;
type What = Pick<Notice, "event" | "state" | "reason" | "read" | "counts" | "summary">;

export interface Notifier {
  /** There is a run, and from now on it is told of. */
  begin(subject: Subject, figures: Figures, memory: Memory): void;
  /** To be called a few times a second: whether there is something to tell of, shows here. */
  look(state: LiveState, figures: Figures): void;
  /** The run has ended and its summary is written. Waits a while for the notices; adds to the summary what became of them. */
  ended(summary: Summary): Promise<Summary>;
  /** The run has ended without a summary. */
  failed(error: unknown): Promise<void>;
}

/**
 * Nothing that happens to a notice is thrown: a run is not worse off because nobody hears of it.
 * @param stop aborted when the process of the run is to end
 */
export function makeNotifier(settings: NotifySettings, clock: Clock, log: Logger, stop: AbortSignal): Notifier {
  const over = new AbortController();
  const lines = openLines(settings, clock, log, over.signal);
  let subject: Subject | null = null;
  let figures: Figures | null = null;
  let told = NOTHING_TOLD;
  let [state, since]: [LiveState, number] = ["running", 0];
  let sequence = 0;
  let memory: Memory | null = null;
  /** So many rows were answered when it was told of that the run was blocked; null where it was not, or has recovered. */
  let blockedAt: number | null = null;

  function bodyOf({ job, baseUrl, ...about }: Subject, what: What, from: number): string {
    const where = { ...about, job: job === "default" ? null : job, endpoint: new URL(baseUrl).host };
    const times = { at: iso(clock.wall()), since: iso(from) };
    const head = { version: 1, id: randomUUID(), sequence: ++sequence, event: what.event } as const;
    return JSON.stringify({ ...head, ...where, ...times, ...what } satisfies Notice);
  }

  function remember(what: string): void {
    try {
      memory?.write(what);
    } catch (err) {
      log.warn({ err }, "not noted what was told");
    }
  }

  async function tellEnd(body: string): Promise<void> {
    const enough = new AbortController();
    const giveUp = (ms: number) => clock.sleep(ms, enough.signal).then(() => over.abort());
    const hurry = () => void giveUp(STOP_MS);
    if (stop.aborted) hurry();
    else stop.addEventListener("abort", hurry, { once: true });
    const late = giveUp(END_MS);
    await Promise.all(lines.map((line) => line.end(body)));
    stop.removeEventListener("abort", hurry);
    enough.abort();
    await late;
  }

  return {
    begin(given, first, known) {
      if (lines.length === 0) return;
      [subject, figures, memory, since] = [given, first, known, clock.wall()];
      blockedAt = isToldAlready(known.read(), "blocked") ? answeredBy(first.counts) : null;
    },
    look(now, { read, counts }) {
      if (subject === null) return;
      figures = { read, counts };
      if (now !== state) [state, since] = [now, clock.wall()];
      const recovered = blockedAt !== null && now === "running" && answeredBy(counts) > blockedAt;
      const event = recovered ? "recovered" : eventOf(told, now, clock.now());
      if (event === null) return;
      if (recovered) {
        blockedAt = null;
        remember(now);
      }
      told = toldAfter(told, event, clock.now());
      const body = bodyOf(subject, { event, state: now, reason: null, summary: null, read, counts }, since);
      for (const line of lines) void line.add(event, body);
    },
    async ended(summary) {
      if (subject === null) return summary;
      if (isToldAlready(memory?.read() ?? null, summary.state)) return summary;
      const { read, counts, reports } = summary;
      const end = summary.end === null ? clock.wall() : Date.parse(summary.end);
      const how = { event: "ended" as const, state: summary.state, reason: summary.stopped?.rule ?? null };
      await tellEnd(bodyOf(subject, { ...how, summary: join(reports.dir, "summary.json"), read, counts }, end));
      const warnings = lines.flatMap((line) => line.warning() ?? []);
      if (warnings.length < lines.length) remember(summary.state);
      if (warnings.length === 0) return summary;
      const whole = { ...summary, warnings: [...summary.warnings, ...warnings] };
      await writeSummary(reports.dir, whole).catch((err: unknown) => log.warn({ err }, "summary not written again"));
      return whole;
    },
    async failed(error) {
      if (subject === null || figures === null) return;
      const reason = error instanceof UpdraftError ? error.code : "unexpected";
      const how = { event: "ended" as const, state: "interrupted" as const, reason, summary: null };
      await tellEnd(bodyOf(subject, { ...how, ...figures }, clock.wall()));
    },
  };
}

const iso = (wall: number) => new Date(wall).toISOString();

/** What people were told of a run outlives the process that told them. */
export function memoryIn(ledger: Pick<Ledger, "meta" | "write">): Memory {
  return { read: () => ledger.meta("told"), write: (told) => void ledger.write([], [], { told }) };
}
