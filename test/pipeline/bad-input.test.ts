import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { useRedis } from "../support/redis.ts";
import { makeRows, recordsOf, toCsv, usePipeline } from "./support.ts";

const redis = useRedis();
const path = usePipeline(() => redis.url);

const HEADER = "customerId,firstName\n";

describe("a file that is no file of rows ends with exit code 2 in one sentence, nothing sent, no run left behind:", () => {
  const write = (content: string) => (file: string) => writeFileSync(file, content);
  test.each<[string, (file: string) => void, RegExp]>([
    ["one that is missing", () => {}, /in\.csv does not exist/],
    ["an empty one", write(""), /is empty/],
    ["a directory", (file) => void mkdirSync(file), /is a directory/],
    ["one without a header", write("csta_1,Jessie\ncsta_2,Jo\n"), /has no header|none of the names/],
    ["one with its header twice", write(`${HEADER}${HEADER}csta_1,Jessie\n`), /has its header twice/],
    ["one without customerId", write("firstName,lastName\nJessie,Testman\n"), /customerId/],
    ["one with a social security number", write("customerId,ssn\ncsta_1,123-45-6789\n"), /cannot be changed/],
  ])("%s", async (_what, make, sentence) => {
    const simulator = await path.simulate();
    const file = join(path.cli.folder, "in.csv");
    make(file);
    const { code, stdout, stderr } = await path.ask(["run", file]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(sentence);
    // The sentence, and what to do about it.
    expect(stderr).toMatch(/^updraft: \S.*\n {2}\S.*\n$/);
    for (const value of ["Jessie", "csta_1", "123-45-6789"]) expect(stderr).not.toContain(value);
    expect(simulator.stats()).toMatchObject({ requests: 0, logins: 0 });
    expect(path.runs()).toEqual([]);
    expect(await redis.connect().keys("*")).toEqual([]);
  });
});

describe("an endpoint that cannot be meant", () => {
  test.each([
    ["none", "", "CONNECTFI_BASE_URL"],
    ["plain http to another machine", "http://api.example.com", "https://"],
    ["one with credentials in it", "https://me:SECRETVALUE@api.example.com", "without login and password"],
    ["no URL", "SECRETVALUE", "https://"],
  ])("%s ends with exit code 2", async (_what, url, sentence) => {
    const file = path.file("in.csv", toCsv(makeRows(1, 1)));
    const { code, stderr } = await path.ask(["run", file], { CONNECTFI_BASE_URL: url });
    expect(code).toBe(2);
    expect(stderr).toContain(sentence);
    expect(stderr).not.toContain("me:SECRETVALUE");
    expect(path.runs()).toEqual([]);
  });
});

test("a proxy of the environment that is no URL ends with exit code 2 and its name, not its password", async () => {
  const file = path.file("in.csv", toCsv(makeRows(1, 1)));
  const env = { CONNECTFI_BASE_URL: "https://api.example.com", HTTPS_PROXY: "me:SECRETVALUE@proxy:3128" };
  const { code, stderr } = await path.start(["run", file], env).ended;
  expect(code).toBe(2);
  expect(stderr).toContain("HTTPS_PROXY does not name a proxy");
  expect(stderr).not.toContain("SECRETVALUE");
  expect(path.runs()).toEqual([]);
});

describe("a Redis that cannot be reached ends with exit code 5 and its address, without its password:", () => {
  test("one that refuses connections", async () => {
    await path.simulate();
    const file = path.file("in.csv", toCsv(makeRows(1, 1)));
    const env = { REDIS_URL: "redis://user:SECRETVALUE@127.0.0.1:9/3" };
    const { code, stderr } = await path.ask(["run", file], env);
    expect(code).toBe(5);
    expect(stderr).toContain("redis://127.0.0.1:9/3 does not answer: connection refused");
    expect(stderr).not.toContain("SECRETVALUE");
    expect(path.runs()).toEqual([]);
  });

  test("one that keeps silent, after five seconds", async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const file = path.file("in.csv", toCsv(makeRows(1, 1)));
    const env = { REDIS_URL: `redis://:SECRETVALUE@127.0.0.1:${address.port}` };
    const { code, stderr } = await path.ask(["run", file], env);
    for (const socket of sockets) socket.destroy();
    server.close();
    expect(code).toBe(5);
    expect(stderr).toContain(`redis://127.0.0.1:${address.port} does not answer: no answer within 5 s`);
    expect(stderr).not.toContain("SECRETVALUE");
  });
});

test("a row of more than 1 MiB is rejected, the rows before and after it are sent", async () => {
  const simulator = await path.simulate();
  const rows = makeRows(3, 3).map((row, i) => (i === 1 ? { ...row, firstName: "x".repeat(1_100_000) } : row));
  const { code, summary } = await path.given([path.file("in.csv", toCsv(rows))]);
  expect(code).toBe(1);
  expect(summary).toMatchObject({ state: "complete", read: 3, counts: { updated: 2, rejected: 1 } });
  expect(simulator.stats().effects).toBe(2);
  const [error] = recordsOf(summary.reports.errors);
  expect(error).toMatchObject({ updraft_row: "2", updraft_status: "rejected" });
});

test("a data folder that cannot be written ends with exit code 5 and its name", async () => {
  await path.simulate();
  const file = path.file("in.csv", toCsv(makeRows(1, 1)));
  const { code, stderr } = await path.ask(["run", file], { UPDRAFT_DATA_DIR: file });
  expect(code).toBe(5);
  expect(stderr).toContain(`the data folder ${file}`);
});
