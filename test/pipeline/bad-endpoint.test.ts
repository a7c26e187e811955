// Endpoints that answer what no endpoint should, with a real run: each row has its outcome, and nothing is followed, read on or kept.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { afterEach, expect, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { recordsOf, toCsv, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);
let server: Server | null = null;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(null)));
});

const MB = 1024 * 1024;
const GOOD = '{"code":"0","data":{"condorCustomer":{}}}';
const TOKEN = JSON.stringify({ code: "0", data: { token: "t".repeat(40), dtsExpireAt: "2099-01-01T00:00:00.000Z" } });

/** What the update of a customer of this name is answered with. */
const ANSWERS: Readonly<Record<string, (response: ServerResponse, url: string) => void>> = {
  good: (response) => response.end(GOOD),
  never: () => {},
  garbage: (response) => response.end("\u0000\u0001}{"),
  html: (response) => response.writeHead(200, { "content-type": "text/html" }).end("<h1>It works!</h1>"),
  empty: (response) => response.end(),
  huge: (response) => response.end(`{"code":"${"0".repeat(10 * MB)}"}`),
  redirect: (response, url) => response.writeHead(307, { location: `${url}/elsewhere` }).end(),
  continues: (response) => {
    const again = setInterval(() => response.writeContinue(), 20);
    response.once("close", () => clearInterval(again));
  },
  forbidden: (response) => response.writeHead(403).end(),
  gone: (response) => response.writeHead(404).end("<html>"),
  cut: (response) => {
    response.writeHead(200, { "content-length": "1000" });
    response.write('{"code":"0"');
    setTimeout(() => response.destroy(), 20);
  },
};

test("each row ends as what came back says, and redirects are not followed", async () => {
  const elsewhere: IncomingMessage[] = [];
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      if (request.url === "/auth/get-token") return response.end(TOKEN);
      if (request.url !== "/condor/customer/update") {
        elsewhere.push(request);
        return response.end(GOOD);
      }
      const { customerId } = JSON.parse(body);
      ANSWERS[String(customerId).replace(/\d+$/, "")]?.(response, url);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = typeof address === "object" ? `http://127.0.0.1:${address?.port}` : "";

  // Good ones before and after them: the endpoint is not out.
  const names = [...Array(20).fill("good"), ...Object.keys(ANSWERS), ...Array(20).fill("good")];
  const file = path.file("in.csv", toCsv(names.map((name, i) => ({ customerId: `${name}${i}`, firstName: "A" }))));
  const flags = ["--timeout", "500ms", "--attempts", "2", "--concurrency", "4"];
  const { code, summary } = await path.given([file, ...flags], { CONNECTFI_BASE_URL: url });
  expect([code, summary.state]).toEqual([1, "complete"]);

  const found = recordsOf(summary.reports.errors).map((row) => [
    (row.customerId ?? "").replace(/\d+$/, ""),
    row.updraft_status,
    row.updraft_code,
  ]);
  const unknown = ["unknown", "no-definite-answer"];
  expect(Object.fromEntries(found.map(([name, ...how]) => [name, how]))).toEqual({
    never: unknown,
    garbage: unknown,
    html: unknown,
    empty: unknown,
    huge: unknown,
    continues: unknown,
    cut: unknown,
    redirect: ["failed", "redirect"],
    forbidden: ["failed", "http-403"],
    gone: ["failed", "http-404"],
  });
  expect(summary.counts.updated).toBe(41);
  expect(elsewhere).toEqual([]);
});

test("an endpoint without TLS where https is meant makes the run wait, and says what is wrong when it gives up", async () => {
  server = createServer((_request, response) => response.end(TOKEN));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = typeof address === "object" ? `https://127.0.0.1:${address?.port}` : "";
  const file = path.file("in.csv", toCsv([{ customerId: "c1", firstName: "A" }]));
  const { code, summary } = await path.given([file, "--give-up-after", "1s"], { CONNECTFI_BASE_URL: url });
  expect([code, summary.state, summary.counts.unsent]).toEqual([3, "stopped", 1]);
  expect(summary.stopped?.message).toMatch(/did not answer for 1\.0 s \(at the login: TLS failed: its certificate/);
});
