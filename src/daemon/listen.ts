// An address and what is known of this process in; GET /healthz, /readyz and /metrics answered there, out.
import { createServer, type Server, type ServerResponse } from "node:http";
import { UpdraftError } from "../errors.ts";
import type { ListenAt } from "../settings/addresses.ts";

export interface Told {
  /** Null when it is ready; else why not, in a word or two. */
  notReady(): Promise<string | null>;
  metrics(): Promise<{ readonly text: string; readonly contentType: string }>;
}

export interface Listening {
  /** `http://127.0.0.1:9464`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Null where nothing is to be listened at, or another process has the address that nobody asked for. Throws `listen-address`. */
export async function listen(at: ListenAt, told: Told): Promise<Listening | null> {
  if (at.host === null) return null;
  const server = createServer((request, response) => {
    const path = (request.url ?? "").split("?")[0];
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      return send(response, 405, "only GET\n");
    }
    answer(path ?? "", told, response).catch(() => send(response, 500, "it could not be told\n"));
  });
  try {
    await opened(server, at.host, at.port);
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    if (!at.asked && reason === "EADDRINUSE") return null;
    throw new UpdraftError("listen-address", { host: at.host, port: at.port, reason });
  }
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : at.port;
  return {
    url: `http://${at.host.includes(":") ? `[${at.host}]` : at.host}:${port}`,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function answer(path: string, told: Told, response: ServerResponse): Promise<void> {
  if (path === "/healthz") return send(response, 200, "ok\n");
  if (path === "/readyz") {
    const why = await told.notReady();
    return send(response, why === null ? 200 : 503, `${why ?? "ready"}\n`);
  }
  if (path !== "/metrics") return send(response, 404, "there are /healthz, /readyz and /metrics\n");
  const { text, contentType } = await told.metrics();
  send(response, 200, text, contentType);
}

function send(response: ServerResponse, code: number, text: string, type = "text/plain; charset=utf-8"): void {
  response.writeHead(code, { "content-type": type, "cache-control": "no-store" }).end(text);
}

function opened(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
