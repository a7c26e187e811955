// One request in, what came back out: the process's keep-alive connections to the endpoint.
import { buildConnector, Client, type Dispatcher, EnvHttpProxyAgent } from "undici";
import type { Clock } from "../clock.ts";
import type { Silence } from "../settle/classify.ts";
import { findProxy } from "./proxy.ts";

/** An answer larger than this is not read on: its code is then unknown. */
const BODY_LIMIT = 64 * 1024;

/** What came back, before anything of it is understood. `body` is null where it was larger than 64 KiB. */
export type Reply =
  | {
      readonly kind: "answer";
      readonly http: number;
      readonly headers: Headers;
      readonly body: string | null;
      readonly latency: number;
    }
  | Silence;

type Headers = Readonly<Record<string, string | string[] | undefined>>;

export interface HttpClient {
  /**
   * Sends a POST. Never rejects.
   * @param timeout milliseconds for the whole request, connecting included
   * @param may asked in the instant before the request is written; false: it is not written (`aborted`)
   * @param abort ends the request when it fires (the lease is over, the deadline of a stop)
   */
  post(
    path: string,
    headers: Readonly<Record<string, string>>,
    body: Buffer,
    timeout: number,
    may: () => boolean,
    abort: Aborter,
  ): Promise<Reply>;
  close(): Promise<void>;
}

/** Requests that must end together: cheaper per request than an AbortSignal's listeners. */
export class Aborter {
  // Not a Set: its outgrown tables keep each other, and so every request, alive until a major collection.
  readonly #calls: Call[] = [];
  #over = false;
  get over(): boolean {
    return this.#over;
  }
  add(call: Call): void {
    call.place = this.#calls.push(call) - 1;
  }
  remove(call: Call): void {
    const last = this.#calls.pop();
    if (last === undefined || last === call) return;
    this.#calls[call.place] = last;
    last.place = call.place;
  }
  abort(): void {
    this.#over = true;
    for (const call of [...this.#calls]) call.end("aborted");
  }
}

/** @param connectTimeout milliseconds until a connection that is not made counts as the endpoint's silence */
export function makeHttpClient(baseUrl: string, connections: number, connectTimeout: number, clock: Clock): HttpClient {
  const url = new URL(baseUrl);
  const prefix = url.pathname === "/" ? "" : url.pathname.replace(/\/$/, "");
  const options = {
    pipelining: 1,
    allowH2: false,
    // Every request has a deadline of its own.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 4_000,
  };
  const connect = buildConnector({ timeout: connectTimeout, allowH2: false });
  const lines = findProxy(baseUrl)
    ? makeProxiedLines(new EnvHttpProxyAgent({ ...options, connections, connectTimeout }))
    : makeLines(connections, () => new Client(url.origin, { ...options, connect }));
  return {
    post(path, headers, body, timeout, may, abort) {
      return new Promise((resolve) => {
        const call = new Call(resolve, may, abort, timeout, clock);
        lines.dispatch({ origin: url.origin, path: prefix + path, method: "POST", headers, body }, call);
      });
    },
    close: lines.close,
  };
}

/** What requests are written to. */
interface Lines {
  dispatch(options: Dispatcher.DispatchOptions, call: Call): void;
  close(): Promise<void>;
}

/**
 * The connection that became free last is used next. A pool would look through all of its connections for every request.
 * @param kept how many stay open; as many are made as there are requests at once
 */
function makeLines(kept: number, make: () => Client): Lines {
  const all = new Set<Client>();
  const free: Client[] = [];

  function release(line: Client): void {
    if (all.size <= kept) free.push(line);
    else {
      all.delete(line);
      void line.close();
    }
  }

  return {
    dispatch(options, call) {
      const line = free.pop() ?? make();
      all.add(line);
      call.over = () => release(line);
      line.dispatch(options, call);
    },
    close: async () => {
      await Promise.all(Array.from(all, (line) => line.destroy()));
    },
  };
}

/** The agent keeps connections by itself, and finds the proxy's for every request. */
function makeProxiedLines(agent: EnvHttpProxyAgent): Lines {
  return { dispatch: (options, call) => agent.dispatch(options, call), close: () => agent.destroy() };
}

const nothing = () => {};

class Call implements Dispatcher.DispatchHandler {
  /** Among the aborter's requests. */
  place = 0;
  /** Told when its connection is free again. */
  over: () => void = nothing;
  readonly #resolve: (reply: Reply) => void;
  readonly #may: () => boolean;
  readonly #abort: Aborter;
  readonly #clock: Clock;
  readonly #timer: NodeJS.Timeout;
  readonly #from: number;
  #controller: Dispatcher.DispatchController | null = null;
  #ended: "timeout" | "aborted" | null = null;
  #done = false;
  #http = 0;
  #headers: Headers = {};
  #size = 0;
  #chunks: Buffer[] = [];

  constructor(resolve: (reply: Reply) => void, may: () => boolean, abort: Aborter, timeout: number, clock: Clock) {
    this.#resolve = resolve;
    this.#may = may;
    this.#abort = abort;
    this.#clock = clock;
    this.#from = clock.now();
    this.#timer = setTimeout(() => this.end("timeout"), timeout);
    abort.add(this);
  }

  /** Gives the request up. What was not written by now never will be: onRequestStart sees to that. */
  end(why: "timeout" | "aborted"): void {
    if (this.#done || this.#ended) return;
    this.#ended = why;
    if (this.#controller) this.#controller.abort(new Error(why));
    else this.#finish({ kind: "silence", fault: why, written: false, latency: this.#clock.now() - this.#from });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#ended || this.#abort.over || !this.#may()) {
      this.#ended ??= "aborted";
      controller.abort(new Error(this.#ended));
      return;
    }
    this.#controller = controller;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    this.#http = status;
    this.#headers = headers;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > BODY_LIMIT) {
      this.#answer(null);
      controller.abort(new Error("answer too large"));
    } else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const [first, second] = this.#chunks;
    const body = first && !second ? first : Buffer.concat(this.#chunks);
    this.#answer(body.toString("utf8"));
    this.over();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const written = this.#controller !== null;
    const code = "code" in error ? error.code : "";
    // Connecting that takes longer than the timeout is the endpoint's silence, too, but nothing was written.
    const timedOut = this.#ended === "timeout" || code === "UND_ERR_CONNECT_TIMEOUT";
    const aborted = this.#ended === "aborted";
    const fault = timedOut ? "timeout" : aborted ? "aborted" : written ? "reset" : isTls(code) ? "tls" : "refused";
    this.#finish({ kind: "silence", fault, written, latency: this.#clock.now() - this.#from });
    this.over();
  }

  #answer(body: string | null): void {
    const latency = this.#clock.now() - this.#from;
    this.#finish({ kind: "answer", http: this.#http, headers: this.#headers, body, latency });
  }

  #finish(reply: Reply): void {
    if (this.#done) return;
    this.#done = true;
    clearTimeout(this.#timer);
    this.#abort.remove(this);
    this.#resolve(reply);
  }
}

/** Node's and OpenSSL's codes of a connection that is not trusted, or is none of TLS. */
function isTls(code: unknown): boolean {
  return (
    typeof code === "string" &&
    /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|EPROTO$|HOSTNAME_)/.test(code)
  );
}
