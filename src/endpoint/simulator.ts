// Options in; an endpoint that behaves as the documented one does, and misbehaves as it is told to, out. It shares no
// validation with the client: fastify, a hand-written JSON Schema and AJV.
import { Readable } from "node:stream";
import Fastify, { type FastifyError } from "fastify";
import { type Clock, systemClock } from "../clock.ts";
import { UpdraftError } from "../errors.ts";
import type { Customer } from "./customer.schema.ts";
import { makeOutage } from "./outage.ts";
import { type Body, makeExchanges } from "./simulator-exchange.ts";
import {
  type FaultInput,
  type FaultSettings,
  faultsOf,
  parseFaults,
  parseSimulatorOptions,
  type SimulatorInput,
} from "./simulator-options.ts";
import type { Stats, Visit } from "./traffic.ts";

export interface SimulatorStats extends Stats {
  readonly customers: number;
  readonly logins: number;
  readonly loginsRefused: number;
  /** Requests that followed a redirect, and how many of them carried a token: both should stay 0. */
  readonly redirectsFollowed: number;
  readonly tokensLeaked: number;
}

/** One request as /_sim/requests tells it; `wall` is milliseconds since 1970. */
export interface RequestRecord extends Omit<Visit, "open"> {
  readonly wall: number;
}

export interface Simulator {
  /** Without a slash at its end. */
  readonly url: string;
  customer(customerId: string): Customer | undefined;
  customers(): Iterable<Customer>;
  requests(): Iterable<RequestRecord>;
  stats(): SimulatorStats;
  /** Changes what is named and leaves the rest; naming the outage starts its window anew. Throws `simulator-option`. */
  setFaults(faults: FaultInput): void;
  /** As freshly started, with the faults it was started with. Tokens stay valid. */
  reset(): void;
  /** Closes every connection at once, answered or not. May be called twice. */
  stop(): Promise<void>;
}

/** Throws `simulator-option`, and `simulator-address` when it cannot listen there. */
export async function startSimulator(input: SimulatorInput = {}, clock: Clock = systemClock): Promise<Simulator> {
  const options = parseSimulatorOptions(input);
  const app = Fastify({ logger: false, routerOptions: { maxParamLength: 1000 }, exposeHeadRoutes: false });
  const outage = makeOutage(app.server, options.host, options.port, clock);
  const exchanges = makeExchanges(options, outage, clock);
  const wallAtStart = clock.wall();
  let faults = faultsOf(options);
  let redirectsFollowed = 0;
  let tokensLeaked = 0;

  const stats = (): SimulatorStats => {
    const { granted: logins, refused: loginsRefused } = exchanges.logins();
    const customers = exchanges.customers.size();
    return { ...exchanges.traffic.stats(), customers, logins, loginsRefused, redirectsFollowed, tokensLeaked };
  };
  function* requests(): Generator<RequestRecord, void, undefined> {
    for (const { open, ...visit } of exchanges.traffic.visits()) yield { ...visit, wall: wallAtStart + visit.at };
  }
  const use = (next: FaultSettings, outageToo: boolean) => {
    faults = next;
    exchanges.setFaults(next);
    if (outageToo) outage.set(next.outage, next.outageAs);
  };
  const merged = (input: object) => parseFaults({ ...faults, ...input });
  const namesOutage = (input: object) => "outage" in input || "outageAs" in input;
  const reset = () => {
    exchanges.reset();
    redirectsFollowed = tokensLeaked = 0;
    use(faultsOf(options), true);
  };

  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, text: string, done) => {
    done(null, { text, json: parseJson(text) } satisfies Body);
  });
  app.setErrorHandler((error: FastifyError | UpdraftError, _request, reply) => {
    const status = error instanceof UpdraftError ? 400 : (error.statusCode ?? 500);
    reply.code(status).send({ code: error.code, message: error.message });
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(NOT_FOUND));

  app.post<{ Body: Body | undefined }>("/auth/get-token", (request, reply) => exchanges.login(request, reply));
  app.post<{ Body: Body | undefined }>("/condor/customer/update", (request, reply) => exchanges.update(request, reply));

  app.get<{ Params: { id: string } }>("/_sim/customers/:id", (request, reply) => {
    const customer = exchanges.customers.get(request.params.id);
    reply.code(customer ? 200 : 404).send(customer ?? NOT_FOUND);
  });
  app.get("/_sim/customers", (_request, reply) => reply.type(NDJSON).send(lines(exchanges.customers.all())));
  app.get("/_sim/requests", (_request, reply) => reply.type(NDJSON).send(lines(requests())));
  app.get("/_sim/stats", (_request, reply) => reply.send(stats()));
  app.get("/_sim/faults", (_request, reply) => reply.send(faults));
  app.post<{ Body: Body | undefined }>("/_sim/faults", (request, reply) => {
    const input = request.body?.json;
    if (typeof input !== "object" || input === null)
      throw new UpdraftError("simulator-option", { problems: "no JSON object" });
    const next = merged(input);
    if (namesOutage(input) && next.outage !== null && next.outageAs === "refuse") {
      if (next.outage.to >= FOREVER) throw new UpdraftError("simulator-option", { problems: LOCKED_OUT });
      // Whoever asks is answered before no one listens any more.
      reply.raw.once("finish", () => use(next, true));
    } else use(next, namesOutage(input));
    reply.send(next);
  });
  app.post("/_sim/reset", (_request, reply) => {
    reset();
    reply.send(stats());
  });
  app.all("/_sim/elsewhere", (request, reply) => {
    redirectsFollowed++;
    if (request.headers["x-connectfi-token"] !== undefined) tokensLeaked++;
    reply.send({ code: "0" });
  });

  await app.ready();
  const port = await outage.start().catch(async (cause: unknown) => {
    await app.close();
    throw new UpdraftError("simulator-address", { host: options.host, port: options.port }, { cause });
  });
  use(faults, true);

  let stopping: Promise<void> | undefined;
  return {
    url: `http://${options.host.includes(":") ? `[${options.host}]` : options.host}:${port}`,
    customer: (id) => exchanges.customers.get(id),
    customers: () => exchanges.customers.all(),
    requests,
    stats,
    reset,
    setFaults: (input) => use(merged(input), namesOutage(input)),
    stop() {
      stopping ??= (async () => {
        exchanges.stop();
        outage.stop();
        app.server.closeAllConnections();
        await app.close();
      })();
      return stopping;
    },
  };
}

const NDJSON = "application/x-ndjson";
const NOT_FOUND = { code: "notFound", message: "There is nothing here" };
const FOREVER = 1e9;
const LOCKED_OUT =
  "outage: expected a window that ends, such as 0-30, when no one listens: this very address would be out of reach";

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** NDJSON in pieces of a few hundred lines, made as fast as they are read. */
function lines(values: Iterable<object>): Readable {
  return Readable.from(pieces(values));
}

function* pieces(values: Iterable<object>): Generator<string> {
  let piece = "";
  for (const value of values) {
    piece += `${JSON.stringify(value)}\n`;
    if (piece.length < 65_536) continue;
    yield piece;
    piece = "";
  }
  yield piece;
}
