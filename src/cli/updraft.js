#!/usr/bin/env node
// The `updraft` command: runs the program under Node 26, whatever Node the machine has. Plain JavaScript, for any Node from 20 on.

import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const NODE_MAJOR = 26;
/** Packages that bring a Node binary: the optional dependencies of package.json. */
const NODE_PACKAGES = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`];

// Through the link that npm makes for a command, to where this file really is.
const self = realpathSync(fileURLToPath(import.meta.url));
const root = join(dirname(self), "..", "..");

/** Sources run as they are in a checkout; Node takes no types off under node_modules, so a package holds them built. */
const main = [join(root, "src", "cli", "main.ts"), join(root, "dist", "cli", "main.js")].find((file) =>
  existsSync(file),
);

if (main === undefined) fail(`${root} holds neither src/cli/main.ts nor dist/cli/main.js: install Updraft again`);
else if (!canResolve("commander")) fail(`the packages of Updraft are not installed: run "npm ci" in ${root}`);
else if (Number.parseInt(process.versions.node, 10) >= NODE_MAJOR) await import(pathToFileURL(main).href);
else {
  const node = findNode();
  if (node === null)
    fail(
      `Updraft needs Node ${NODE_MAJOR}, and npm has none for ${process.platform}-${process.arch}: install it, then run this again`,
    );
  else runUnder(node, main);
}

function findNode() {
  const own = join(root, "node_modules", ".bin", "node");
  if (existsSync(own)) return own;
  // Installed as a package: npm may have put it beside this one.
  const name = NODE_PACKAGES.find(canResolve);
  return name === undefined ? null : join(dirname(resolve(`${name}/package.json`)), "bin", "node");
}

function resolve(name) {
  return createRequire(self).resolve(name);
}

function canResolve(name) {
  try {
    resolve(name.startsWith("node-") ? `${name}/package.json` : name);
    return true;
  } catch {
    return false;
  }
}

function runUnder(node, file) {
  const child = spawn(node, [file, ...process.argv.slice(2)], { stdio: "inherit" });
  const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2", "SIGCONT"]) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to both; passed on as well, it would count twice, and twice means "at once".
      if (signal === "SIGINT" && terminal) return;
      child.kill(signal);
    });
  }
  child.on("error", (error) => fail(`${node} cannot be started (${error.code}): run "npm ci" in ${root}`));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exitCode = code;
    else endAs(signal);
  });
}

/** A shell asks whether a program was ended by a signal, so this one ends as its child did. */
function endAs(signal) {
  process.exitCode = 128 + constants.signals[signal];
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

function fail(sentence) {
  process.stderr.write(`updraft: ${sentence}\n`);
  process.exitCode = 5;
}
