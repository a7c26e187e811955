import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../src/clock.ts";
import { post, sign, tell } from "../src/deliver.ts";
import { isAlive, until } from "./pipeline/support.ts";
import { useWebhooks } from "./support/webhook.ts";

const SECRET = "a secret of some length";
const hook = useWebhooks();
/** Waits between tries take a hundredth. */
const clock = { ...systemClock, sleep: (ms: number, stop?: AbortSignal) => systemClock.sleep(ms / 100, stop) };
const never = new AbortController().signal;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "updraft-deliver-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

describe("post", () => {
  test("sends the body to the path and query of the address, signed so that others can check it", async () => {
    const { url, requests } = await hook();
    expect(await post(url, SECRET, '{"event":"ended"}', clock, never)).toBeNull();
    const [request] = requests;
    expect(request).toMatchObject({ path: "/hooks/updraft?team=data", body: '{"event":"ended"}' });
    expect(request?.headers["content-type"]).toBe("application/json");
    const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(request?.headers["x-updraft-signature"])) ?? [];
    expect(Math.abs(Number(t) - Date.now() / 1_000)).toBeLessThan(60);
    // Another implementation than ours agrees.
    const other = execFileSync("openssl", ["dgst", "-sha256", "-hmac", SECRET], { input: `${t}.${request?.body}` });
    expect(other.toString().trim().split(" ").at(-1)).toBe(v1);
  });

  test("does not sign without a secret", async () => {
    const { url, requests } = await hook();
    expect(await post(url, null, "{}", clock, never)).toBeNull();
    expect(requests[0]?.headers).not.toHaveProperty("x-updraft-signature");
  });

  test("tries again after an answer that will pass, each try signed with its own time", async () => {
    const { url, requests } = await hook([500, 429, 200]);
    let wall = 1_000_000;
    const later = { ...clock, wall: () => (wall += 60_000) };
    expect(await post(url, SECRET, "{}", later, never)).toBeNull();
    const signatures = requests.map(({ headers }) => headers["x-updraft-signature"]);
    expect(signatures).toEqual([1_060, 1_120, 1_180].map((at) => sign(SECRET, "{}", at)));
  });

  test("gives up after four tries, and says why", async () => {
    const { url, requests } = await hook([503]);
    expect(await post(url, null, "{}", clock, never)).toBe("HTTP 503");
    expect(requests).toHaveLength(4);
  });

  test("keeps no run waiting for one that is down: for a minute it gets one try for each, until it takes one", async () => {
    const { url, requests } = await hook([503, 503, 503, 503, 503, 200, 500, 200]);
    let now = 0;
    const steady = { ...clock, now: () => now };
    expect(await post(url, null, "{}", steady, never)).toBe("HTTP 503");
    now = 59_000;
    expect(await post(url, null, "{}", steady, never)).toBe("HTTP 503");
    expect(requests).toHaveLength(5);
    expect(await post(url, null, "{}", steady, never)).toBeNull();
    expect(await post(url, null, "{}", steady, never)).toBeNull();
    expect(requests).toHaveLength(8);

    const other = await hook([503]);
    await post(other.url, null, "{}", steady, never);
    now += 61_000;
    await post(other.url, null, "{}", steady, never);
    expect(other.requests).toHaveLength(8);
  });

  test("does not try again what was refused, and follows no redirect", async () => {
    const gone = await hook([404, 200]);
    expect(await post(gone.url, null, "{}", clock, never)).toBe("HTTP 404");
    const moved = await hook([307, 200]);
    expect(await post(moved.url, null, "{}", clock, never)).toBe("HTTP 307, a redirect: name its target instead");
    expect([gone.requests.length, moved.requests.length]).toEqual([1, 1]);
  });

  test("waits for a slow answer, and for one that does not come only until it is told to stop", async () => {
    const slow = await hook([{ status: 200, after: 300 }]);
    expect(await post(slow.url, null, "{}", clock, never)).toBeNull();
    const hangs = await hook([null]);
    const stop = new AbortController();
    const posted = post(hangs.url, null, "{}", clock, stop.signal);
    await until(() => hangs.requests.length === 1);
    stop.abort();
    expect(await posted).toBe("no answer in time");
    expect(hangs.requests).toHaveLength(1);
  });

  test("says so where nothing listens", async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) =>
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      }),
    );
    await new Promise((resolve) => server.close(resolve));
    expect(await post(`http://127.0.0.1:${port}/`, null, "{}", clock, never)).toMatch(/^connection refused/);
  });
});

describe("tell", () => {
  test("gives the notice to the program on its standard input, its arguments as they are, none of our secrets", async () => {
    vi.stubEnv("CONNECTFI_PASSWORD", "SECRETVALUE");
    vi.stubEnv("PARTNERS_HOOK", "SECRETVALUE of the job");
    vi.stubEnv("UPDRAFT_NOTIFY", "https://hooks.example.com/SECRETVALUE");
    const script = 'cat > "$0"; printf %s "$1" >> "$0"; env >> "$0"';
    expect(
      await tell(["sh", "-c", script, join(folder, "out"), "$HOME; ls *"], '{"v":1}', "SECRETVALUE of the job", never),
    ).toBeNull();
    const written = readFileSync(join(folder, "out"), "utf8");
    expect(written).toMatch(/^\{"v":1\}\n\$HOME; ls \*/);
    expect(written).toContain("PATH=");
    expect(written).not.toContain("SECRETVALUE");
  });

  test("says how a program ended that did not end well, or that there is none", async () => {
    expect(await tell(["sh", "-c", "exit 3"], "{}", null, never)).toBe("it ended with 3");
    expect(await tell(["sh", "-c", "kill -9 $$"], "{}", null, never)).toBe("it ended with SIGKILL");
    expect(await tell([join(folder, "none")], "{}", null, never)).toBe("ENOENT");
  });

  test("does not mind one that reads nothing", async () => {
    expect(await tell(["true"], "x".repeat(1_000_000), null, never)).toBeNull();
  });

  test("ends one that hangs, with what it has started", async () => {
    const stop = new AbortController();
    const told = tell(
      ["sh", "-c", `sleep 600 & echo $! > ${folder}/pid.tmp; mv ${folder}/pid.tmp ${folder}/pid; wait`],
      "{}",
      null,
      stop.signal,
    );
    await until(() => existsSync(join(folder, "pid")));
    stop.abort();
    expect(await told).toBe("it did not end in time");
    await until(() => !isAlive(Number(readFileSync(join(folder, "pid"), "utf8"))));
  });
});
