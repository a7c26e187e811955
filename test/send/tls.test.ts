import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { createServer } from "node:https";
import { connect, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

const POST = join(import.meta.dirname, "post.ts");
const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

let folder = "";
const opened: (() => unknown)[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "updraft-tls-"));
  if (!hasOpenssl) return;
  const names = "subjectAltName=DNS:api.bank.test,IP:127.0.0.1";
  const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  const files = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "ca.pem")];
  execFileSync("openssl", [...args, ...files, "-subj", "/CN=Private CA", "-addext", names], { stdio: "ignore" });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  opened.push(() => server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function endpoint(): Promise<number> {
  const tls = { key: readFileSync(join(folder, "key.pem")), cert: readFileSync(join(folder, "ca.pem")) };
  const server = createServer(tls, (request, response) => void request.resume().on("end", () => response.end("safe")));
  opened.push(() => server.closeAllConnections());
  return listen(server);
}

/** A proxy that leads every tunnel to `port`, or opens none (0), or never answers (null). */
async function proxy(port: number | null) {
  const asked: string[] = [];
  const sockets: Socket[] = [];
  const server = createHttpServer((_request, response) => response.writeHead(405).end());
  server.on("connect", (request: IncomingMessage, socket: Socket) => {
    sockets.push(socket);
    asked.push(`${request.url} ${request.headers["proxy-authorization"] ?? ""}`.trim());
    socket.on("error", () => {});
    if (port === null) return;
    if (port === 0) return socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    const target = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(target).pipe(socket);
    });
    sockets.push(target);
    target.on("error", () => socket.destroy());
  });
  opened.push(() => {
    for (const socket of sockets) socket.destroy();
  });
  return { url: `http://127.0.0.1:${await listen(server)}`, asked };
}

/** Replies of a process with this environment, one for each base URL. */
async function replies(urls: readonly string[], env: Record<string, string>, timeout = 60_000): Promise<unknown[]> {
  const all = { PATH: process.env.PATH, NODE_NO_WARNINGS: "1", ...env };
  const child = spawn(process.execPath, [POST, String(timeout)], { env: all, stdio: ["pipe", "pipe", "inherit"] });
  opened.push(() => child.kill("SIGKILL"));
  child.stdin.end(urls.map((url) => `${url}\n`).join(""));
  const lines: unknown[] = [];
  for await (const line of createInterface({ input: child.stdout })) lines.push(JSON.parse(line));
  return lines;
}

describe.skipIf(!hasOpenssl)("TLS", () => {
  test("with a certificate of a private CA is trusted where NODE_EXTRA_CA_CERTS names it", async () => {
    const port = await endpoint();
    const found = await replies([`https://127.0.0.1:${port}`], { NODE_EXTRA_CA_CERTS: join(folder, "ca.pem") });
    expect(found).toMatchObject([{ kind: "answer", http: 200, body: "safe" }]);
  });

  test("that is not trusted, or for another name, is told as what it is, and can be retried", async () => {
    const port = await endpoint();
    expect(await replies([`https://127.0.0.1:${port}`], {})).toMatchObject([{ fault: "tls", written: false }]);
    const elsewhere = await replies([`https://localhost:${port}`], { NODE_EXTRA_CA_CERTS: join(folder, "ca.pem") });
    expect(elsewhere).toMatchObject([{ kind: "silence", fault: "tls", written: false }]);
  });
});

describe.skipIf(!hasOpenssl)("a proxy named in the environment", () => {
  const base = "https://api.bank.test/v1";

  test("is asked for a tunnel, through which the request goes sealed", async () => {
    const { url, asked } = await proxy(await endpoint());
    const env = { https_proxy: url.replace("//", "//user:pw@"), NODE_EXTRA_CA_CERTS: join(folder, "ca.pem") };
    expect(await replies([base], env)).toMatchObject([{ kind: "answer", http: 200, body: "safe" }]);
    expect(asked).toEqual([`api.bank.test:443 Basic ${Buffer.from("user:pw").toString("base64")}`]);
  });

  test("is not asked for a host that NO_PROXY names", async () => {
    const { url, asked } = await proxy(await endpoint());
    // An address of this machine that does not count as loopback; nobody listens there.
    const found = await replies(["https://0.0.0.0:1"], { HTTPS_PROXY: url, NO_PROXY: "0.0.0.0" });
    expect(found).toMatchObject([{ fault: "refused", written: false }]);
    expect(asked).toEqual([]);
  });

  test("that opens no tunnel is a refusal before writing", async () => {
    const { url } = await proxy(0);
    expect(await replies([base], { HTTPS_PROXY: url })).toMatchObject([{ fault: "refused", written: false }]);
  });

  test("that never answers is a timeout before writing, in the request's own time", async () => {
    const { url } = await proxy(null);
    expect(await replies([base], { HTTPS_PROXY: url }, 200)).toMatchObject([{ fault: "timeout", written: false }]);
  });
});
