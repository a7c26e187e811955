// A status and a body in; an answer on the wire, or a connection cut, out.
import type { FastifyReply } from "fastify";
import { faultBody } from "./simulator-answers.ts";

export const JSON_TYPE = "application/json; charset=utf-8";

export function send(reply: FastifyReply, status: number, body: string, type = JSON_TYPE): void {
  reply.code(status).header("content-type", type).send(body);
}

/** 429 or 5xx; `retryAfter` in seconds, 0 for none. The header counts whole seconds: rounded up. */
export function sendFault(reply: FastifyReply, status: number, retryAfter: number): void {
  if (retryAfter > 0) reply.header("retry-after", String(Math.ceil(retryAfter)));
  send(reply, status, faultBody(status));
}

/** RST, not FIN: what a client sees when a process or a middlebox dies. */
export function cut(reply: FastifyReply): void {
  reply.hijack();
  reply.raw.socket?.resetAndDestroy();
}
