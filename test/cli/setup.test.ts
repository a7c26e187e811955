// The set-up of a fresh clone, run as npm runs it, in a small clone of its own; npm is a stand-in that installs in an instant.
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const NPM = `#!/bin/sh
echo "$@" >> npm-was-asked
echo $$ > npm-pid
[ -e npm-fails ] && { echo "no such package"; exit 1; }
[ -e npm-waits ] && while [ ! -e npm-may-go ]; do sleep 0.02; done
mkdir -p node_modules/.bin
ln -sf "${process.execPath}" node_modules/.bin/node
cp package-lock.json node_modules/.package-lock.json
`;

let clone: string;
let bin: string;

beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), "updraft-setup-"));
  bin = join(clone, "bin");
  mkdirSync(join(clone, "src", "cli"), { recursive: true });
  mkdirSync(bin);
  for (const file of ["setup.js", "setup-lock.js", "setup-apt.js", "setup-run.js"]) {
    copyFileSync(new URL(`../../src/cli/${file}`, import.meta.url), join(clone, "src", "cli", file));
  }
  writeFileSync(join(clone, "package.json"), JSON.stringify({ type: "module" }));
  lock({ "node_modules/a": { version: "1.0.0" }, "node_modules/elsewhere": { version: "1.0.0", optional: true } });
  for (const tool of ["sh", "mkdir", "ln", "cp", "sleep"]) symlinkSync(`/bin/${tool}`, join(bin, tool));
  writeFileSync(join(bin, "npm"), NPM, { mode: 0o755 });
  writeFileSync(join(bin, "redis-server"), "", { mode: 0o755 });
});

afterEach(() => rmSync(clone, { recursive: true, force: true }));

function lock(packages: Record<string, object>): void {
  writeFileSync(join(clone, "package-lock.json"), JSON.stringify({ packages: { "": {}, ...packages } }));
}

function start(...flags: string[]) {
  return startWith({}, ...flags);
}

function startWith(env: Record<string, string>, ...flags: string[]) {
  const child = spawn(process.execPath, ["src/cli/setup.js", ...flags], { cwd: clone, env: { PATH: bin, ...env } });
  let output = "";
  let heard = () => {};
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
      heard();
    });
  }
  const ended = once(child, "close").then(([code]) => ({ code, output }));
  return {
    pid: child.pid,
    ended,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** Resolves when that was printed. */
    says: (text: string) =>
      new Promise<void>((resolve) => {
        heard = () => {
          if (output.includes(text)) resolve();
        };
        heard();
      }),
  };
}

function timesNpmWasAsked(): number {
  const file = join(clone, "npm-was-asked");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").length : 0;
}

/** 0 until the stand-in has started and written all of it. */
function npmPid(): number {
  const file = join(clone, "npm-pid");
  const [, pid] = existsSync(file) ? (/^(\d+)\n$/.exec(readFileSync(file, "utf8")) ?? []) : [];
  return Number(pid ?? 0);
}

function leftovers(): string[] {
  return readdirSync(clone).filter((name) => name.startsWith(".setup-lock"));
}

describe("setup.js", () => {
  test("installs the locked packages into a fresh clone, in one line, and has nothing to do or say afterwards", async () => {
    expect(await start().ended).toEqual({
      code: 0,
      output: "set-up: installing the packages of package-lock.json (npm ci)\n",
    });
    expect(await start().ended).toEqual({ code: 0, output: "" });
    expect(timesNpmWasAsked()).toBe(1);
    expect(leftovers()).toEqual([]);
  });

  test("installs again when the lock file names another version, and after an installation that was cut off", async () => {
    await start().ended;
    lock({ "node_modules/a": { version: "2.0.0" } });
    await start().ended;
    rmSync(join(clone, "node_modules", ".package-lock.json"));
    await start().ended;
    expect(timesNpmWasAsked()).toBe(3);
  });

  test("those that start at the same instant install once; the others wait and find all done", async () => {
    writeFileSync(join(clone, "npm-waits"), "");
    const all = [start(), start(), start(), start()];
    await Promise.race(all.map((setup) => setup.says("waiting for another set-up")));
    writeFileSync(join(clone, "npm-may-go"), "");
    const ends = await Promise.all(all.map((setup) => setup.ended));
    expect(
      ends.map((end) => end.output).filter((output) => !/^(set-up: (waiting|installing)[^\n]*\n)?$/.test(output)),
    ).toEqual([]);
    expect(ends.map((end) => end.code)).toEqual([0, 0, 0, 0]);
    expect(timesNpmWasAsked()).toBe(1);
    expect(leftovers()).toEqual([]);
  });

  test("goes on over the lock of a set-up that was killed", async () => {
    writeFileSync(join(clone, "npm-waits"), "");
    const killed = start();
    await killed.says("installing");
    await expect.poll(npmPid).toBeGreaterThan(0);
    const npm = npmPid();
    killed.kill("SIGKILL");
    await killed.ended;
    process.kill(npm, "SIGKILL");
    rmSync(join(clone, "npm-waits"));
    expect(leftovers()).toEqual([".setup-lock"]);
    expect((await start().ended).code).toBe(0);
    expect(leftovers()).toEqual([]);
  });

  test("stopped by a signal it gives the lock back and says that it can go on", async () => {
    writeFileSync(join(clone, "npm-waits"), "");
    const stopped = start();
    await stopped.says("installing");
    stopped.kill("SIGTERM");
    expect(await stopped.ended).toMatchObject({
      code: 143,
      output: expect.stringContaining("run the same command again"),
    });
    expect(leftovers()).toEqual([]);
  });

  test("a failing npm is shown with what it said", async () => {
    writeFileSync(join(clone, "npm-fails"), "");
    expect(await start().ended).toMatchObject({ code: 5, output: expect.stringContaining("no such package") });
  });

  test("without redis-server and without apt-get it names the three ways out", async () => {
    rmSync(join(bin, "redis-server"));
    const { code, output } = await start().ended;
    expect(code).toBe(5);
    for (const way of ["package manager", "docker compose up -d redis", "REDIS_URL"]) expect(output).toContain(way);
  });

  test("asks for no redis-server where REDIS_URL names one, except for the tests", async () => {
    rmSync(join(bin, "redis-server"));
    const given = { REDIS_URL: "redis://elsewhere:6379" };
    expect((await startWith(given).ended).code).toBe(0);
    expect((await start("--no-redis").ended).code).toBe(0);
    expect((await startWith(given, "--own-redis").ended).code).toBe(5);
  });

  test("refuses a flag that it does not know", async () => {
    expect(await start("--help-me").ended).toMatchObject({ code: 2, output: expect.stringContaining("--help-me") });
  });
});

test("the tests themselves run under Node 26", () => {
  expect(Number.parseInt(process.versions.node, 10)).toBeGreaterThanOrEqual(26);
});
