// A window in time and how an outage shows, in; whether the endpoint is out now, out. Also the one who opens and closes
// the listening socket, so that "connection refused" is the real thing.
import { once } from "node:events";
import type { Server } from "node:http";
import type { Clock } from "../clock.ts";
import type { FaultSettings } from "./simulator-options.ts";

type How = FaultSettings["outageAs"];

export interface Outage {
  /** Listens; the port it got. Rejects when it cannot. */
  start(): Promise<number>;
  /** How requests fare now; null while all is well. */
  now(): How | null;
  /** Seconds from this call on. */
  set(window: FaultSettings["outage"], how: How): void;
  stop(): void;
}

/** Longest delay of a timer; a window that ends later than this (24 days) never ends. */
const LONGEST = 2 ** 31 - 1;
/** Another program may hold the port for a moment while we do not. */
const LISTEN_AGAIN_MS = 50;

export function makeOutage(server: Server, host: string, wantedPort: number, clock: Clock): Outage {
  let port = wantedPort;
  let from = Number.POSITIVE_INFINITY;
  let to = Number.POSITIVE_INFINITY;
  let how: How = "503";
  let stopped = false;
  const timers = new Set<NodeJS.Timeout>();

  const after = (ms: number, act: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, ms);
    timers.add(timer);
  };
  const forgetTimers = () => {
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
  };
  const listen = async () => {
    server.listen(port, host);
    await once(server, "listening");
    const address = server.address();
    if (typeof address === "object" && address !== null) port = address.port;
    return port;
  };
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  const open = () => {
    if (stopped || server.listening) return;
    listen().catch(() => after(LISTEN_AGAIN_MS, open));
  };

  return {
    start: listen,
    now() {
      const now = clock.now();
      return now >= from && now < to ? how : null;
    },
    set(window, as) {
      forgetTimers();
      how = as;
      from = window === null ? Number.POSITIVE_INFINITY : clock.now() + window.from * 1000;
      to = window === null ? Number.POSITIVE_INFINITY : clock.now() + window.to * 1000;
      open();
      if (window === null || how !== "refuse") return;
      if (window.from === 0) close();
      else after(Math.min(window.from * 1000, LONGEST), close);
      if (window.to * 1000 <= LONGEST) after(window.to * 1000, open);
    },
    stop() {
      stopped = true;
      forgetTimers();
    },
  };
}
