import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect, createServer as createTcpServer, type Socket, type Server as TcpServer } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { systemClock as clock } from "../../src/clock.ts";
import { Aborter, type HttpClient, makeHttpClient, type Reply } from "../../src/send/http.ts";

/** Longer than any test: a reply that does not come in that time fails the test by its own limit. */
const LONG = 120_000;
const HEADERS = { "content-type": "application/json" };

const opened: (() => unknown)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of opened.splice(0).reverse()) await close();
});

async function listen(server: TcpServer): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** An HTTP server that does with each request, read to its end, what the test says. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse, body: string) => void) {
  const requests: { path: string | undefined; body: string; headers: IncomingMessage["headers"] }[] = [];
  const server: Server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    requests.push({ path: request.url, body, headers: request.headers });
    answer(request, response, body);
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const port = await listen(server);
  opened.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${port}`, requests, sockets };
}

/** A TCP server that keeps what it is sent. */
async function serveTcp(onSocket: (socket: Socket) => void = () => {}) {
  const sockets: Socket[] = [];
  let received = "";
  const server = createTcpServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
    });
    onSocket(socket);
  });
  const port = await listen(server);
  opened.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port, url: `http://127.0.0.1:${port}`, received: () => received };
}

function client(url: string, connections = 4, connectTimeout = LONG): HttpClient {
  const http = makeHttpClient(url, connections, connectTimeout, clock);
  opened.push(() => http.close());
  return http;
}

interface How {
  readonly body?: string;
  readonly timeout?: number;
  readonly may?: () => boolean;
  readonly abort?: Aborter;
}

function post(http: HttpClient, how: How = {}): Promise<Reply> {
  const { body = "{}", timeout = LONG, may = () => true, abort = new Aborter() } = how;
  return http.post("/update", HEADERS, Buffer.from(body), timeout, may, abort);
}

describe("an answer", () => {
  test("comes back with its status, headers and body, and the body sent arrives byte for byte", async () => {
    const { url, requests } = await serve((_request, response) => {
      response.writeHead(503, { "retry-after": "7" }).end('{"code":"é"}');
    });
    const reply = await post(client(url), { body: '{"firstName":"Dvořák"}' });
    expect(reply).toMatchObject({ kind: "answer", http: 503, body: '{"code":"é"}' });
    expect(reply.kind === "answer" && reply.headers["retry-after"]).toBe("7");
    expect(reply.latency).toBeGreaterThan(0);
    expect(requests).toMatchObject([{ path: "/update", body: '{"firstName":"Dvořák"}' }]);
  });

  test("does not wait for another one: each request in flight has a connection, and no more than were asked for stay open", async () => {
    const waiting: ServerResponse[] = [];
    const all = Promise.withResolvers<void>();
    const { url, sockets } = await serve((_request, response) => {
      if (waiting.push(response) === 5) all.resolve();
    });
    const http = client(url, 2);
    const replies = Promise.all(Array.from({ length: 5 }, () => post(http)));
    await all.promise;
    expect(sockets.size).toBe(5);
    for (const response of waiting.splice(0)) response.end();
    expect(await replies).toMatchObject(Array.from({ length: 5 }, () => ({ kind: "answer" })));
    await expect.poll(() => sockets.size).toBe(2);
  });

  test("is asked for below the path of the base URL", async () => {
    const { url, requests } = await serve((_request, response) => response.end());
    await post(client(`${url}/api/v2`));
    expect(requests[0]?.path).toBe("/api/v2/update");
  });

  test("of several chunks with a character cut in two is whole", async () => {
    const bytes = Buffer.from('{"code":"ž"}');
    const { url } = await serve((_request, response) => {
      response.write(bytes.subarray(0, 10));
      setImmediate(() => response.end(bytes.subarray(10)));
    });
    expect(await post(client(url))).toMatchObject({ kind: "answer", body: '{"code":"ž"}' });
  });

  test("of exactly 64 KiB is read, one of a byte more is not, and the connection is given up", async () => {
    let size = 64 * 1024;
    const { url } = await serve((_request, response) => response.end("x".repeat(size)));
    const http = client(url);
    const read = await post(http);
    expect(read.kind === "answer" && read.body?.length).toBe(64 * 1024);
    size += 1;
    expect(await post(http)).toMatchObject({ kind: "answer", http: 200, body: null });
  });

  test("that never ends stops being read after 64 KiB", async () => {
    const gone = Promise.withResolvers<void>();
    const { url } = await serve((_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write("y".repeat(16_384)));
      };
      response.on("drain", more).on("close", () => gone.resolve());
      more();
    });
    expect(await post(client(url))).toMatchObject({ kind: "answer", http: 200, body: null });
    await gone.promise;
  });

  test("302 comes back as it is: nobody goes where it points", async () => {
    const { url, requests } = await serve((_request, response) => {
      response.writeHead(302, { location: "/elsewhere" }).end();
    });
    expect(await post(client(url))).toMatchObject({ kind: "answer", http: 302 });
    expect(requests).toHaveLength(1);
  });
});

describe("silence", () => {
  test("an answer that does not come in time is a timeout after writing", async () => {
    const { url, requests } = await serve(() => {});
    const reply = await post(client(url), { timeout: 50 });
    expect(reply).toMatchObject({ kind: "silence", fault: "timeout", written: true });
    expect(requests).toHaveLength(1);
  });

  test("an answer that breaks off in time is a timeout too: its status alone says nothing", async () => {
    const { url } = await serve((_request, response) => void response.writeHead(200).write('{"code":"0"'));
    expect(await post(client(url), { timeout: 50 })).toMatchObject({ fault: "timeout", written: true });
  });

  test("a connection that is not made in time is a timeout before writing", async () => {
    // It accepts, but never speaks TLS.
    const { port } = await serveTcp();
    const http = client(`https://127.0.0.1:${port}`, 4, 100);
    expect(await post(http)).toMatchObject({ kind: "silence", fault: "timeout", written: false });
  });

  test("the time for a request includes connecting", async () => {
    const { port } = await serveTcp();
    const http = client(`https://127.0.0.1:${port}`);
    expect(await post(http, { timeout: 50 })).toMatchObject({ kind: "silence", fault: "timeout", written: false });
  });

  test("a reset after the request was read is a reset after writing", async () => {
    const { url } = await serve((request) => request.socket.resetAndDestroy());
    expect(await post(client(url))).toMatchObject({ kind: "silence", fault: "reset", written: true });
  });

  test("a connection closed in the middle of an answer is a reset after writing", async () => {
    const { url } = await serve((request, response) => {
      response.writeHead(200, { "content-length": "100" }).write('{"code":"0"', () => request.socket.destroy());
    });
    expect(await post(client(url))).toMatchObject({ kind: "silence", fault: "reset", written: true });
  });

  test("an answer that is no HTTP is a reset after writing", async () => {
    const { url } = await serveTcp((socket) => socket.once("data", () => socket.end("220 mail ESMTP\r\n")));
    expect(await post(client(url))).toMatchObject({ kind: "silence", fault: "reset", written: true });
  });

  test("nobody listening is a refusal: nothing was written", async () => {
    const server = createTcpServer();
    const port = await listen(server);
    server.close();
    await once(server, "close");
    const reply = await post(client(`http://127.0.0.1:${port}`));
    expect(reply).toMatchObject({ kind: "silence", fault: "refused", written: false });
  });

  test("TLS that is plain text is told as what it is, and the client goes on", async () => {
    const { port } = await serveTcp((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const http = client(`https://127.0.0.1:${port}`);
    expect(await post(http)).toMatchObject({ kind: "silence", fault: "tls", written: false });
    expect(await post(http)).toMatchObject({ kind: "silence", fault: "tls", written: false });
  });

  test("a header that cannot be written is a refusal, not an exception", async () => {
    const { url, requests } = await serve((_request, response) => response.end());
    const reply = await client(url).post("/u", { token: "a\nb" }, Buffer.from(""), LONG, () => true, new Aborter());
    expect(reply).toMatchObject({ kind: "silence", fault: "refused", written: false });
    expect(requests).toEqual([]);
  });

  test("closing the client ends what is in flight", async () => {
    const { url } = await serve(() => void http.close());
    const http = client(url);
    expect(await post(http)).toMatchObject({ kind: "silence", written: true });
  });
});

describe("the right to send", () => {
  test("is asked in the instant before writing: without it no byte of the request leaves", async () => {
    const tcp = await serveTcp();
    const asked: string[] = [];
    const may = () => {
      asked.push(tcp.received());
      return false;
    };
    expect(await post(client(tcp.url), { may })).toMatchObject({ kind: "silence", fault: "aborted", written: false });
    expect(asked).toEqual([""]);
    // What the server has read by the time it has seen this connection come and go.
    const probe = connect(tcp.port, "127.0.0.1");
    await once(probe, "connect");
    probe.end("probe");
    await once(probe, "close").catch(() => {});
    expect(tcp.received()).not.toContain("POST");
  });

  test("is asked once there is a connection, not when the request is made", async () => {
    const { url, requests } = await serve((_request, response) => response.end());
    let mine = true;
    const reply = post(client(url), { may: () => mine });
    mine = false;
    expect(await reply).toMatchObject({ kind: "silence", fault: "aborted", written: false });
    expect(requests).toHaveLength(0);
  });

  test("taken away in flight ends the requests that belong together, and only those", async () => {
    const abort = new Aborter();
    let waiting = 0;
    const responses: ServerResponse[] = [];
    const { url } = await serve((_request, response) => {
      responses.push(response);
      waiting++;
      if (waiting < 3) return;
      abort.abort();
      for (const open of responses) open.end("late");
    });
    const http = client(url);
    const replies = await Promise.all([post(http, { abort }), post(http, { abort }), post(http)]);
    expect(replies).toMatchObject([
      { kind: "silence", fault: "aborted", written: true },
      { kind: "silence", fault: "aborted", written: true },
      { kind: "answer", body: "late" },
    ]);
    expect(await post(http, { abort })).toMatchObject({ fault: "aborted", written: false });
    expect(waiting).toBe(3);
  });
});

test("of requests that belong together those that ended in any order are forgotten, and the others end", async () => {
  const abort = new Aborter();
  const waiting = new Map<string, ServerResponse>();
  const all = Promise.withResolvers<void>();
  const { url } = await serve((_request, response, body) => {
    waiting.set(body, response);
    if (waiting.size === 12) all.resolve();
  });
  const http = client(url, 12);
  const replies = Array.from({ length: 12 }, (_, i) => post(http, { body: String(i), abort }));
  await all.promise;
  const answered = [7, 0, 11, 3, 4, 10];
  for (const i of answered) {
    waiting.get(String(i))?.end("done");
    expect(await replies[i]).toMatchObject({ kind: "answer" });
  }
  abort.abort();
  const ended = await Promise.all(replies);
  expect(ended.flatMap((reply, i) => (reply.kind === "answer" ? [i] : []))).toEqual(answered.toSorted((a, b) => a - b));
});

test("a proxy of the environment is passed by for what runs on this machine", async () => {
  vi.stubEnv("http_proxy", "http://127.0.0.1:1");
  vi.stubEnv("HTTPS_PROXY", "http://127.0.0.1:1");
  const { url } = await serve((_request, response) => response.end("direct"));
  expect(await post(client(url))).toMatchObject({ kind: "answer", body: "direct" });
});
