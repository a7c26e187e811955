import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Running, useCli } from "./support.ts";

const cli = useCli();
const demos = () => join(cli.folder, ".local/state/updraft/demos");
const host = (text: string) => /127\.0\.0\.1:\d+/.exec(text)?.[0] ?? "";

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A zombie that nobody waits for still has a pid: what counts is whether anyone listens there. */
async function listens(address: string): Promise<boolean> {
  return fetch(`http://${address}/_sim/stats`).then(
    () => true,
    () => false,
  );
}

const redisPidFile = ({ pid }: Running) => join(demos(), String(pid), "redis", "redis.pid");

test("two demos at once both send the sample, exit with 0, show where the reports are and leave nothing running", async () => {
  // What is set for real runs must not reach it.
  const env = { UPDRAFT_RATE: "nonsense", REDIS_URL: "redis://127.0.0.1:9", http_proxy: "http://127.0.0.1:9" };
  const running = [cli.start(["demo"], { env }), cli.start(["demo"], { env })];
  for (const demo of running) {
    const { code, stdout, stderr } = await demo.ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/updated +56\n/);
    expect(stdout).toMatch(/rejected +4 /);
    expect(stdout).toContain("wrong on purpose");
    expect(stderr).toContain("starting a simulator");
    const dir = /^Reports in (.*)$/m.exec(stdout)?.[1] ?? "";
    expect(dir.startsWith(join(demos(), String(demo.pid)))).toBe(true);
    expect(readdirSync(dir)).toEqual(expect.arrayContaining(["success.csv", "errors.csv", "summary.json"]));
    expect(existsSync(redisPidFile(demo))).toBe(false);
    expect(await listens(host(stdout))).toBe(false);
  }
});

test("a demo that is interrupted ends with 130 and leaves nothing running", async () => {
  const demo = cli.start(["demo"]);
  await expect.poll(() => existsSync(redisPidFile(demo))).toBe(true);
  demo.child.kill("SIGINT");
  const { code, stdout } = await demo.ended;
  expect(code).toBe(130);
  expect(existsSync(redisPidFile(demo))).toBe(false);
  expect(await listens(host(stdout))).toBe(false);
});

test("what a killed demo left behind is ended and removed by the next one", async () => {
  const killed = cli.start(["demo"]);
  await expect.poll(() => existsSync(redisPidFile(killed))).toBe(true);
  const redis = Number(readFileSync(redisPidFile(killed), "utf8"));
  killed.child.kill("SIGKILL");
  await killed.ended;
  expect((await cli.run(["demo"])).code).toBe(0);
  await expect.poll(() => isAlive(redis)).toBe(false);
  expect(readdirSync(demos())).not.toContain(String(killed.pid));
});
