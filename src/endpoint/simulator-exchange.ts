// One request to the simulated endpoint in; its effect on the customers and its answer, as documented or as told, out.
import { Ajv } from "ajv";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../clock.ts";
import { type Customer, customerSchema, type Login, loginSchema } from "./customer.schema.ts";
import { type CustomerStore, makeCustomerStore } from "./customer-store.ts";
import { type Decision, decide, delayOf, type FaultPlan, hashText, isRefused, planFaults } from "./faults.ts";
import type { Outage } from "./outage.ts";
import { makeSightings } from "./sightings.ts";
import * as answers from "./simulator-answers.ts";
import { type FaultSettings, faultsOf, type SimulatorOptions } from "./simulator-options.ts";
import { cut, JSON_TYPE, send, sendFault } from "./simulator-reply.ts";
import { makeTokens } from "./tokens.ts";
import { makeSecond, makeTraffic, type Traffic, type Visit } from "./traffic.ts";

/** A request's body as it came, and as JSON; undefined where it is none. */
export interface Body {
  readonly text: string;
  readonly json: unknown;
}
type Request = FastifyRequest<{ Body: Body | undefined }>;

export interface Exchanges {
  readonly customers: CustomerStore;
  readonly traffic: Traffic;
  login(request: Request, reply: FastifyReply): void;
  update(request: Request, reply: FastifyReply): void;
  setFaults(faults: FaultSettings): void;
  logins(): { readonly granted: number; readonly refused: number };
  /** Forgets customers, requests, counters and which rows had faults; tokens stay valid. */
  reset(): void;
  /** No effect and no answer comes after this. */
  stop(): void;
}

const LOCATION = "/_sim/elsewhere";

export function makeExchanges(options: SimulatorOptions, outage: Outage, clock: Clock): Exchanges {
  const ajv = new Ajv({ allErrors: true });
  const isCustomer = ajv.compile<Customer>(customerSchema);
  const isLogin = ajv.compile<Login>(loginSchema);
  const customers = makeCustomerStore();
  const traffic = makeTraffic(options.recordRequests);
  const sightings = makeSightings();
  const delayed = new Set<NodeJS.Timeout>();
  const lateEffects = new Set<NodeJS.Timeout>();
  const tokens = makeTokens(options.tokenLifetime * 1000, clock);
  const start = clock.now();
  /** Since the start. */
  const time = () => clock.now() - start;
  let plan: FaultPlan = planFaults(options.seed, faultsOf(options));
  let accepted = makeSecond();
  let granted = 0;
  let refused = 0;
  let huge: Buffer | undefined;

  const later = (timers: Set<NodeJS.Timeout>, ms: number, act: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, ms);
    timers.add(timer);
  };
  const forget = (timers: Set<NodeJS.Timeout>) => {
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
  };

  /** A client that gave up while we were at it hears nothing. */
  const note = (reply: FastifyReply, visit: Visit, code: number) =>
    traffic.end(visit, reply.raw.destroyed ? "none" : code, time());
  const answer = (reply: FastifyReply, visit: Visit, code: number, body: string, type = JSON_TYPE) => {
    note(reply, visit, code);
    send(reply, code, body, type);
  };
  const status = (reply: FastifyReply, visit: Visit, code: number, retryAfter: number) => {
    note(reply, visit, code);
    sendFault(reply, code, retryAfter);
  };
  const reset = (reply: FastifyReply, visit: Visit) => {
    traffic.end(visit, "reset", time());
    cut(reply);
  };
  /** No answer; the connection stays open until the client closes it. */
  const fallSilent = (reply: FastifyReply, visit: Visit) => {
    reply.hijack();
    if (reply.raw.destroyed) return traffic.end(visit, "none", time());
    reply.raw.once("close", () => traffic.end(visit, "none", time()));
  };
  const isOut = (reply: FastifyReply, visit: Visit): boolean => {
    const how = outage.now();
    if (how === null) return false;
    traffic.fault(visit, "outage");
    if (how === "503") status(reply, visit, 503, plan.settings.retryAfter503);
    else reset(reply, visit);
    return true;
  };

  /** 0, or the seconds after which one more request fits into the rate. */
  const overRate = (now: number): number => {
    const rate = plan.settings.rateLimit;
    if (rate === null) return 0;
    if (accepted.count(now) >= rate) return Math.max(1, (accepted.frees() - now) / 1000);
    accepted.add(now);
    return 0;
  };

  const draw = (body: string): Decision => {
    if (!plan.draws) return decide(plan, 0, 0, 0);
    const hash = hashText(body);
    const decision = decide(plan, hash, sightings.see(hash), sightings.faults(hash));
    if (decision.fault !== null) sightings.addFault(hash);
    return decision;
  };

  /** 400 and why, or the request as a customer. */
  const read = (json: unknown): { readonly refusal: string } | { readonly sent: Customer } => {
    if (!isCustomer(json)) return { refusal: answers.invalidBody(isCustomer.errors ?? []) };
    const duplicate = answers.duplicateBody(json);
    if (duplicate !== null) return { refusal: duplicate };
    return isRefused(plan, json.customerId) ? { refusal: answers.REFUSED } : { sent: json };
  };

  const apply = (visit: Visit, sent: Customer): Customer => {
    traffic.effect(visit, time());
    return options.keepCustomers ? customers.update(sent) : sent;
  };

  const carryOut = (body: Body, token: string, reply: FastifyReply, visit: Visit, decision: Decision) => {
    const { fault, effect } = decision;
    let now: Customer | undefined;
    // A fault without effect befalls any request; the others only one that could take effect.
    if (effect !== "never") {
      const result = read(body.json);
      if ("refusal" in result) return answer(reply, visit, 400, result.refusal);
      if (effect === "now") now = apply(visit, result.sent);
      else later(lateEffects, decision.late, () => apply(visit, result.sent));
    }
    if (fault === null) return answer(reply, visit, 200, now ? answers.updatedBody(now, options.idPrefix) : "");
    traffic.fault(visit, fault);
    const settings = plan.settings;
    switch (fault) {
      case "http-500":
      case "http-502":
      case "http-504":
        return status(reply, visit, Number(fault.slice(5)), 0);
      case "http-503":
        return status(reply, visit, 503, settings.retryAfter503);
      case "http-429":
        return status(reply, visit, 429, settings.retryAfter);
      case "reset-before":
      case "reset-after":
        return reset(reply, visit);
      case "silent-before":
      case "silent-after":
        return fallSilent(reply, visit);
      case "late":
        return settings.lateEnding === "reset" ? reset(reply, visit) : fallSilent(reply, visit);
      case "html":
        return answer(reply, visit, 200, answers.HTML, "text/html");
      case "empty":
        return answer(reply, visit, 200, "");
      case "broken":
        return answer(reply, visit, 200, answers.BROKEN);
      case "huge":
        traffic.end(visit, 200, time());
        reply.hijack();
        // Chunked: a client that trusts content-length to keep it safe has none to look at.
        reply.raw.writeHead(200, { "content-type": JSON_TYPE, "transfer-encoding": "chunked" });
        huge ??= answers.hugeBody();
        reply.raw.end(huge);
        return;
      case "redirect":
        reply.header("location", LOCATION);
        return answer(reply, visit, 302, "");
      case "code":
        return answer(reply, visit, 200, answers.OTHER_CODE);
      case "echo":
        return answer(reply, visit, 400, answers.echoBody(body.json));
      case "revoke":
        tokens.revoke(token);
        return answer(reply, visit, 401, answers.UNAUTHORIZED);
      default:
        return fault satisfies never;
    }
  };

  return {
    customers,
    traffic,
    logins: () => ({ granted, refused }),
    setFaults(faults) {
      plan = planFaults(options.seed, faults);
    },

    login(request, reply) {
      const how = outage.now();
      if (how === "503") return sendFault(reply, 503, plan.settings.retryAfter503);
      if (how !== null) return cut(reply);
      const body = request.body?.json;
      if (!isLogin(body)) return void send(reply, 400, answers.invalidBody(isLogin.errors ?? []));
      if (body.user.login !== options.login || body.user.password !== options.password) {
        refused++;
        return void send(reply, 401, answers.UNAUTHORIZED);
      }
      granted++;
      send(reply, 200, JSON.stringify({ code: "0", data: tokens.grant() }));
    },

    update(request, reply) {
      const now = clock.now();
      const body = request.body ?? { text: "", json: undefined };
      const who = { customerId: textOf(body.json, "customerId"), value: textOf(body.json, options.recordProperty) };
      const visit = traffic.arrive(who, now - start);
      if (isOut(reply, visit)) return;
      const wait = overRate(now);
      if (wait > 0) {
        traffic.fault(visit, "rate-limit");
        return status(reply, visit, 429, wait);
      }
      const token = request.headers["x-connectfi-token"];
      if (typeof token !== "string" || !tokens.accepts(token)) return answer(reply, visit, 401, answers.UNAUTHORIZED);
      const decision = draw(body.text);
      const delay = delayOf(plan, decision, visit.inFlight);
      if (delay === 0) return carryOut(body, token, reply, visit, decision);
      reply.raw.once("close", () => traffic.leave(visit, time()));
      later(delayed, delay, () => carryOut(body, token, reply, visit, decision));
    },

    reset() {
      forget(lateEffects);
      customers.clear();
      traffic.clear();
      sightings.clear();
      accepted = makeSecond();
      granted = refused = 0;
    },
    stop() {
      forget(lateEffects);
      forget(delayed);
    },
  };
}

function textOf(json: unknown, property: string | null): string | null {
  if (typeof json !== "object" || json === null || property === null) return null;
  const value: unknown = Reflect.get(json, property);
  return typeof value === "string" ? value : null;
}
