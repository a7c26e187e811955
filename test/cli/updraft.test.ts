// The launcher, in a small checkout of its own whose program tells how it was started.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const PROGRAM = `
  const [what = "tell"] = process.argv.slice(2);
  const told: string = JSON.stringify({ node: Number.parseInt(process.versions.node, 10), args: process.argv.slice(2) });
  if (what === "exit") process.exitCode = Number(process.argv[3]);
  else if (what === "wait") {
    process.on("SIGTERM", () => process.exit(7));
    console.log("waiting");
    setInterval(() => {}, 1000);
  } else if (what === "die") process.kill(process.pid, "SIGKILL");
  else console.log(told);
`;

/** A Node older than 26 on this machine, as on the ones that the launcher is for; null if there is none. */
const olderNode = (process.env.PATH ?? "")
  .split(delimiter)
  .filter((folder) => !folder.includes("node_modules"))
  .map((folder) => join(folder, "node"))
  .find((node) => {
    const major = Number(/^v(\d+)/.exec(spawnSync(node, ["--version"], { encoding: "utf8" }).stdout ?? "")?.[1] ?? 99);
    return major < 26;
  });

let checkout: string;
let launcher: string;

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), "updraft-launch-"));
  launcher = join(checkout, "src", "cli", "updraft.js");
  mkdirSync(join(checkout, "src", "cli"), { recursive: true });
  copyFileSync(new URL("../../src/cli/updraft.js", import.meta.url), launcher);
  writeFileSync(join(checkout, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(checkout, "src", "cli", "main.ts"), PROGRAM);
  symlinkSync(fileURLToPath(new URL("../../node_modules", import.meta.url)), join(checkout, "node_modules"));
});

afterEach(() => rmSync(checkout, { recursive: true, force: true }));

describe.each([
  ["the Node of the lock file", process.execPath],
  ["an older Node", olderNode],
])("updraft.js under %s", (_name, node = "") => {
  test.skipIf(node === "")(
    "runs the program under Node 26 with its arguments, from any folder and through a link",
    () => {
      const link = join(checkout, "linked");
      symlinkSync(launcher, link);
      const told = execFileSync(node, [link, "tell", "a b"], { cwd: tmpdir(), encoding: "utf8" });
      expect(JSON.parse(told)).toEqual({ node: expect.toSatisfy((major) => major >= 26), args: ["tell", "a b"] });
    },
  );

  test.skipIf(node === "")("ends with the program's exit code, and by its signal", () => {
    expect(spawnSync(node, [launcher, "exit", "3"]).status).toBe(3);
    expect(spawnSync(node, [launcher, "die"]).signal).toBe("SIGKILL");
  });

  test.skipIf(node === "")("passes a signal on and waits for the program to end", async () => {
    const child = spawn(node, [launcher, "wait"]);
    await once(child.stdout, "data");
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([7, null]);
  });

  test.skipIf(node === "")("without node_modules says what to run, in one sentence", () => {
    rmSync(join(checkout, "node_modules"));
    const { status, stderr } = spawnSync(node, [launcher], { encoding: "utf8" });
    expect(status).toBe(5);
    expect(stderr).toBe(`updraft: the packages of Updraft are not installed: run "npm ci" in ${checkout}\n`);
  });
});
