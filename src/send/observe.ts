// Requests as they begin and end in, the number that may be in flight out, each time it changes.
import type { Clock } from "../clock.ts";
import { adapt, isEnough, START_ADAPT } from "./adapt.ts";
import type { HttpClient, Reply } from "./http.ts";

export interface Observer {
  /** The moment at which a request begins. */
  begin(): number;
  /** Null: its end says nothing about the endpoint. */
  end(began: number, fault: boolean | null): void;
}

/** Windows end with an answer, so that nothing runs beside the requests. */
export function makeObserver(clock: Pick<Clock, "now">, tell: (limit: number) => void): Observer {
  let state = START_ADAPT;
  let inFlight = 0;
  let from = clock.now();
  let last = from;
  /** Requests in flight times milliseconds. */
  let area = 0;
  let answers = 0;
  let faults = 0;
  /** Of the answers' latencies: sums of logarithms and of their squares. */
  let logs = 0;
  let squares = 0;
  tell(state.limit);

  function pass(): number {
    const now = clock.now();
    area += inFlight * (now - last);
    last = now;
    return now;
  }

  function endWindow(now: number): void {
    const before = state.limit;
    const mean = logs / Math.max(1, answers);
    const spread = Math.sqrt(Math.max(0, squares / Math.max(1, answers) - mean * mean));
    const latency = answers === 0 ? 0 : Math.exp(mean);
    state = adapt(state, { answers, faults, latency, spread, inFlight: area / (now - from) });
    from = now;
    area = answers = faults = logs = squares = 0;
    if (state.limit !== before) tell(state.limit);
  }

  return {
    begin() {
      const now = pass();
      inFlight++;
      return now;
    },
    end(began, fault) {
      const now = pass();
      inFlight--;
      if (fault) faults++;
      else if (fault === false && began >= from) {
        // One that began before the window was sent among another number of requests.
        answers++;
        const log = Math.log(Math.max(now - began, 0.001));
        logs += log;
        squares += log * log;
      }
      if (isEnough(state, answers + faults, now - from)) endWindow(now);
    },
  };
}

/** The same client, every request of which is observed. */
export function observed(http: HttpClient, observer: Observer): HttpClient {
  return {
    close: http.close,
    async post(...request) {
      const began = observer.begin();
      const reply = await http.post(...request);
      observer.end(began, isFault(reply));
      return reply;
    },
  };
}

/** Whether the endpoint had more to do than it can. An end that we made says nothing of it. */
function isFault(reply: Reply): boolean | null {
  if (reply.kind === "silence") return reply.fault === "aborted" ? null : true;
  return reply.http === 429 || reply.http >= 500;
}
