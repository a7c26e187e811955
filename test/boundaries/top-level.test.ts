// The clone as a person meets it: few things at the top, two commands that do their own set-up, one Node for all of it.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import * as z from "zod";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ALLOWED = [
  ...["src", "jobs", "samples", "test"],
  ...["CHANGELOG.md", "Dockerfile", "LICENSE", "README.md"],
  ...["docker-compose.yml", "package-lock.json", "package.json", "tsconfig.json"],
];
const { scripts, optionalDependencies } = z
  .object({ scripts: z.record(z.string(), z.string()), optionalDependencies: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync(`${ROOT}/package.json`, "utf8")));

test("at the top are only the folders of the design, what tools look for there, and dotfiles", () => {
  const tracked = execFileSync("git", ["ls-files"], { cwd: ROOT, encoding: "utf8" }).trim().split("\n");
  const top = new Set(tracked.map((path) => path.split("/")[0] ?? ""));
  expect([...top].filter((name) => !name.startsWith(".") && !ALLOWED.includes(name))).toEqual([]);
});

test("every npm script that needs the packages sets up first, and programs run under the Node of the lock file", () => {
  for (const [name, script] of Object.entries(scripts)) {
    if (name === "updraft") continue;
    expect(script, name).toMatch(/^node src\/cli\/setup\.js( --own-redis| --no-redis)? && /);
    // A shell looks a name up once: the `node` after the set-up would still be the machine's own.
    expect(script.replace(/^node src\/cli\/setup\.js/, ""), name).not.toMatch(/(^|[ &])node /);
  }
});

test("Node is pinned to one version on every platform", () => {
  expect(new Set(Object.values(optionalDependencies)).size).toBe(1);
  expect(Object.values(optionalDependencies)[0]).toMatch(/^\d+\.\d+\.\d+$/);
});

test("the lock file names the packages of every platform, without which npm ci refuses it, and no registry", () => {
  const entry = z.object({
    optionalDependencies: z.record(z.string(), z.string()).optional(),
    resolved: z.never().optional(),
  });
  const { packages } = z
    .object({ packages: z.record(z.string(), entry) })
    .parse(JSON.parse(readFileSync(`${ROOT}/package-lock.json`, "utf8")));
  const named = Object.values(packages).flatMap((one) => Object.keys(one.optionalDependencies ?? {}));
  const missing = named.filter((name) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`)));
  expect(missing).toEqual([]);
});
