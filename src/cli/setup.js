// A fresh clone in, a folder that can run out: the locked packages (with Node 26 among them) and a redis-server on PATH.
// Plain JavaScript without dependencies, because it runs before node_modules exists, under whatever Node the machine has.
//
//   node src/cli/setup.js               packages, and redis-server unless REDIS_URL names one
//   node src/cli/setup.js --own-redis   packages and redis-server, whatever REDIS_URL says (the tests bring their own)
//   node src/cli/setup.js --no-redis    packages only

import { existsSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { dropLeftPolicy, findOnPath, installPackage, installRedis } from "./setup-apt.js";
import { holdSetupLock } from "./setup-lock.js";
import { Interrupted, run, SetupError } from "./setup-run.js";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const NODE = join(ROOT, "node_modules", ".bin", "node");
const NODE_MAJOR = 26;

/** Path of a package in the lock file -> what is locked; null when the file is missing or half written. */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return null;
  }
}

/**
 * npm writes node_modules/.package-lock.json as its last step and removes it as its first, so comparing it with the lock
 * file also finds an installation that was interrupted, and one done by hand counts.
 */
function packagesInstalled() {
  const wanted = packagesOf(join(ROOT, "package-lock.json"));
  const found = packagesOf(join(ROOT, "node_modules", ".package-lock.json"));
  if (wanted === null)
    throw new SetupError(`${join(ROOT, "package-lock.json")} is missing or damaged: restore it with git`);
  if (found === null || !existsSync(NODE)) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "" || entry.link) return true;
    const have = found[path];
    // Optional packages are for other platforms, or the Node binary, which is asked for by its path above.
    if (have === undefined) return Boolean(entry.optional || entry.devOptional || entry.inBundle);
    return have.version === entry.version && (entry.integrity ?? have.integrity) === have.integrity;
  });
}

/** PATH without node_modules: `npm ci` begins by deleting that, the Node that runs this script perhaps included. */
function pathOutside() {
  const entries = (process.env.PATH ?? "").split(delimiter);
  return entries.filter((entry) => !entry.includes("node_modules")).join(delimiter);
}

async function installPackages() {
  const path = pathOutside();
  const env = { ...process.env, PATH: path };
  const args = ["ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"];
  const cli = process.env.npm_execpath ?? "";
  const node = findOnPath("node", path) ?? process.execPath;
  say("installing the packages of package-lock.json (npm ci)");
  const npm = cli.endsWith("npm-cli.js") ? [node, cli] : [findOnPath("npm", path)];
  if (npm[0] === null)
    throw new SetupError("npm is not on the PATH: install it (Debian: apt-get install npm), then run this again");
  const { code, output } = await run([...npm, ...args], { cwd: ROOT, env });
  if (code !== 0) throw new SetupError(`npm ci failed (exit code ${code}) in ${ROOT}:\n${output.trim()}`);
  await useNode(node);
  if (!packagesInstalled())
    throw new SetupError(`npm ci ended well, yet node_modules differs from package-lock.json in ${ROOT}`);
}

/** node_modules/.bin/node must be Node 26: the one of the lock file, or else the machine's own where npm has none that runs. */
async function useNode(own) {
  let locked = await askVersion(NODE);
  if (locked.said.includes("libatomic")) {
    // Node's own binary links to it, and a slim Debian comes without.
    await installPackage("libatomic1", say);
    locked = await askVersion(NODE);
  }
  if (locked.major >= NODE_MAJOR) return;
  if ((await askVersion(own)).major < NODE_MAJOR)
    throw new SetupError(
      `the Node ${NODE_MAJOR} of the packages does not run on this ${process.platform}-${process.arch} (${locked.said}): install Node ${NODE_MAJOR} or newer, then run this again`,
    );
  rmSync(NODE, { force: true });
  symlinkSync(own, NODE);
}

async function askVersion(node) {
  const { code, output } = await run([node, "--version"]).catch((error) => {
    if (error.syscall === undefined) throw error;
    return { code: 1, output: error.message };
  });
  return { major: code === 0 ? Number(/^v(\d+)/.exec(output)?.[1] ?? 0) : 0, said: output.trim() };
}

function say(line) {
  process.stderr.write(`set-up: ${line}\n`);
}

async function setUp(flags) {
  const wantsRedis = flags.has("--own-redis") || (!flags.has("--no-redis") && !process.env.REDIS_URL);
  const packagesMissing = () => !packagesInstalled();
  const redisMissing = () => wantsRedis && findOnPath("redis-server", process.env.PATH) === null;
  dropLeftPolicy();
  if (!packagesMissing() && !redisMissing()) return;
  const release = await holdSetupLock(join(ROOT, ".setup-lock"), say);
  try {
    // Asked again: another set-up may have done it while this one waited.
    if (packagesMissing()) await installPackages();
    if (redisMissing()) await installRedis(say);
  } finally {
    release();
  }
}

const flags = new Set(process.argv.slice(2));
const unknown = [...flags].find((flag) => flag !== "--own-redis" && flag !== "--no-redis");
try {
  if (unknown !== undefined) throw new SetupError(`unknown flag ${unknown}: expected --own-redis or --no-redis`, 2);
  await setUp(flags);
} catch (error) {
  // A folder that cannot be written, a full disk: the system's own sentence says what and where.
  if (!(error instanceof SetupError || error instanceof Interrupted || error.syscall)) throw error;
  say(error.message);
  process.exitCode = error.exitCode ?? 5;
}
