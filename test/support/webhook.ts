// What each request is to be answered in; a real HTTP server that does so, and the requests as they came, out.
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { afterEach } from "vitest";

export interface Hook {
  readonly url: string;
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: string }[];
  /** The bodies that were answered with a 2xx, as objects. */
  taken(): Record<string, unknown>[];
}

/** A status; a status and the milliseconds before it; null for no answer at all. */
export type Answer = number | { readonly status: number; readonly after: number } | null;

/** Call it at the top of a test file: how servers are started, which end with the test. */
export function useWebhooks(): (answers?: readonly Answer[]) => Promise<Hook> {
  let close: (() => void)[] = [];
  afterEach(() => {
    for (const one of close) one();
    close = [];
  });
  /** Requests after the last of the answers get that one, too. */
  return async (answers = [204]) => {
    const requests: Hook["requests"] = [];
    const taken: string[] = [];
    const server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request.setEncoding("utf8")) body += chunk;
      const answer = answers[Math.min(requests.length, answers.length - 1)] ?? null;
      requests.push({ path: request.url ?? "", headers: request.headers, body });
      if (answer === null) return;
      const { status, after } = typeof answer === "number" ? { status: answer, after: 0 } : answer;
      if (after > 0) await new Promise((resolve) => setTimeout(resolve, after));
      if (status >= 300 && status < 400) response.setHeader("location", "/elsewhere");
      if (status >= 200 && status < 300) taken.push(body);
      response.writeHead(status).end();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    close.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return {
      url: `http://127.0.0.1:${address.port}/hooks/updraft?team=data`,
      requests,
      taken: () => taken.map((body) => JSON.parse(body)),
    };
  };
}
