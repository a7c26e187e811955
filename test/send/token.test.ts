import { once } from "node:events";
import { createServer } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { condor } from "../../src/endpoint/condor.ts";
import { makeHttpClient } from "../../src/send/http.ts";
import { makeTokens, type TokenResult } from "../../src/send/token.ts";
import { makeFakeClock, AT as WALL } from "../queue/support.ts";

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

type Answer = { readonly status: number; readonly body?: unknown; readonly retryAfter?: number } | "reset";

const HOUR = 3_600_000;
const granted = (token: string, expiresAt: number | string | null = WALL + HOUR): Answer => {
  const dtsExpireAt = typeof expiresAt === "number" ? new Date(expiresAt).toISOString() : expiresAt;
  return { status: 200, body: { code: "0", data: { token, ...(dtsExpireAt === null ? {} : { dtsExpireAt }) } } };
};
const REFUSED: Answer = { status: 401, body: { code: "unauthorized", message: "Authentication error" } };

/** A login endpoint that gives these answers one after the other, the last one for ever. */
async function login(...answers: Answer[]) {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    const answer = answers[Math.min(bodies.length, answers.length - 1)];
    bodies.push(`${request.method} ${request.url} ${body}`);
    if (answer === undefined || answer === "reset") return request.socket.resetAndDestroy();
    response.writeHead(answer.status, answer.retryAfter ? { "retry-after": String(answer.retryAfter) } : {});
    response.end(JSON.stringify(answer.body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const http = makeHttpClient(`http://127.0.0.1:${address.port}`, 64, 60_000, systemClock);
  opened.push(
    () => server.close(),
    () => server.closeAllConnections(),
    () => http.close(),
  );
  const clock = makeFakeClock();
  const tokens = makeTokens(http, condor, { login: "me", password: "it's me" }, 60_000, clock);
  return { tokens, clock, bodies };
}

function nameOf(result: TokenResult | null | undefined): string {
  if (!result) return "none";
  if (result.kind === "token") return result.headers["x-connectfi-token"] ?? "no header";
  return result.kind === "refused" ? "refused" : result.fault;
}

test("a login sends the credentials as documented and gives the headers of a request", async () => {
  const { tokens, bodies } = await login(granted("t1"));
  const token = await tokens.get();
  expect(token).toEqual({
    kind: "token",
    headers: { "content-type": "application/json", "x-connectfi-token": "t1" },
    accepted: false,
  });
  expect(bodies).toEqual([`POST /auth/get-token ${JSON.stringify({ user: { login: "me", password: "it's me" } })}`]);
});

describe("one login at a time", () => {
  test("64 rows that ask at once share one login, and later ones its token", async () => {
    const { tokens, bodies } = await login(granted("t1"), granted("t2"));
    expect(tokens.current()).toBeNull();
    const found = await Promise.all(Array.from({ length: 64 }, () => tokens.get()));
    expect(new Set(found.map(nameOf))).toEqual(new Set(["t1"]));
    expect(nameOf(await tokens.get())).toBe("t1");
    expect(nameOf(tokens.current())).toBe("t1");
    expect(bodies).toHaveLength(1);
  });

  test("64 rows whose token was refused share one new login", async () => {
    const { tokens, bodies } = await login(granted("t1"), granted("t2"), granted("t3"));
    const first = await tokens.get();
    if (first.kind !== "token") throw new Error("no token");
    expect(tokens.current(first)).toBeNull();
    const found = await Promise.all(Array.from({ length: 64 }, () => tokens.get(first)));
    expect(new Set(found.map(nameOf))).toEqual(new Set(["t2"]));
    // Told late that the first token was refused: the second is good as far as anybody knows.
    expect(nameOf(await tokens.get(first))).toBe("t2");
    expect(bodies).toHaveLength(2);
  });
});

describe("renewal", () => {
  test.each([
    ["30 s before the end of an hour", HOUR, HOUR - 30_000],
    ["after nine tenths of ten seconds", 10_000, 9_000],
  ])("comes %s", async (_when, life, renewed) => {
    const { tokens, clock, bodies } = await login(granted("t1", WALL + life), granted("t2", WALL + 9 * HOUR));
    await tokens.get();
    await clock.advance(renewed - 1);
    expect(nameOf(tokens.current())).toBe("t1");
    await clock.advance(1);
    expect(tokens.current()).toBeNull();
    expect(nameOf(await tokens.get())).toBe("t2");
    expect(bodies).toHaveLength(2);
  });

  test.each([
    ["without an expiry", null],
    ["with an expiry that cannot be read", "tomorrow"],
    ["that has expired by our clock when it comes", WALL - HOUR],
  ])("a token %s is used for some minutes", async (_what, expiresAt) => {
    const { tokens, clock, bodies } = await login(granted("t1", expiresAt), granted("t2"));
    await tokens.get();
    await clock.advance(500_000);
    expect(nameOf(await tokens.get())).toBe("t1");
    await clock.advance(100_000);
    expect(nameOf(await tokens.get())).toBe("t2");
    expect(bodies).toHaveLength(2);
  });
});

describe("a login that is refused", () => {
  test.each([401, 403])("with %i is asked for again after 10 s, and no sooner", async (status) => {
    const { tokens, clock, bodies } = await login({ status }, granted("t1"));
    expect(nameOf(await tokens.get())).toBe("refused");
    await clock.advance(9_999);
    expect(nameOf(await tokens.get())).toBe("refused");
    expect(bodies).toHaveLength(1);
    await clock.advance(1);
    expect(nameOf(await tokens.get())).toBe("t1");
  });

  test("after a token was refused gives no token, not even the old one", async () => {
    const { tokens } = await login(granted("t1"), REFUSED);
    const first = await tokens.get();
    if (first.kind !== "token") throw new Error("no token");
    expect(nameOf(await tokens.get(first))).toBe("refused");
  });
});

describe("a login that is not to be had", () => {
  test.each<[string, Answer, string]>([
    ["an error", { status: 500, body: {} }, "login-http-500"],
    ["a reset", "reset", "login-reset"],
    ["200 without a token", { status: 200, body: { code: "0", data: {} } }, "login-http-200"],
    ["200 that is no JSON", { status: 200 }, "login-http-200"],
    ["a code that is no success", { status: 200, body: { code: "1", data: { token: "t" } } }, "login-http-200"],
    ["a redirect", { status: 302 }, "login-http-302"],
  ])(
    "for %s is named, and asked for once a second, whatever number of rows wait for it",
    async (_what, answer, fault) => {
      const { tokens, clock, bodies } = await login(answer, granted("t1"));
      for (let i = 0; i < 64; i++) expect(nameOf(await tokens.get())).toBe(fault);
      expect(bodies).toHaveLength(1);
      await clock.advance(1_000);
      expect(nameOf(await tokens.get())).toBe("t1");
    },
  );

  test("is asked for no sooner than its Retry-After says", async () => {
    const { tokens, clock, bodies } = await login({ status: 503, retryAfter: 20 }, granted("t1"));
    await tokens.get();
    await clock.advance(19_999);
    expect(nameOf(await tokens.get())).toBe("login-http-503");
    expect(bodies).toHaveLength(1);
    await clock.advance(1);
    expect(nameOf(await tokens.get())).toBe("t1");
  });
});
