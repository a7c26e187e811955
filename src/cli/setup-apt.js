// A machine that lacks redis-server in, one that has it out: a Debian package, installed without starting a service on port 6379.

import { accessSync, constants, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { run, SetupError } from "./setup-run.js";

const POLICY = "/usr/sbin/policy-rc.d";
const POLICY_MARK = "# Made by Updraft's set-up, process ";
const WAYS_OUT = `redis-server is not on the PATH, and could not be installed here. Three ways out:
  - install it with your package manager (Debian: apt-get install redis-server; macOS: brew install redis)
  - run it in a container: docker compose up -d redis, then set REDIS_URL=redis://127.0.0.1:6379
  - set REDIS_URL to a Redis that you have: redis://host:6379 or rediss://host:6379`;

/** The first executable of that name on a PATH, or null. */
export function findOnPath(name, path = "") {
  for (const folder of path.split(delimiter).filter((entry) => entry !== "")) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not here.
    }
  }
  return null;
}

/** Installs redis-server, or throws with the ways out. */
export async function installRedis(say) {
  const missing = () => findOnPath("redis-server", process.env.PATH) === null;
  const said = await installPackage("redis-server", say, async (prefix) => {
    if (!missing()) await keepFromBoot(prefix);
  });
  if (missing()) throw new SetupError(said === null ? WAYS_OUT : `${WAYS_OUT}\napt-get said:\n${said}`);
}

/**
 * Installs one of Debian's packages without starting services, then calls `after` with what root commands begin with. Returns
 * the end of what apt-get said; null where it cannot be used.
 */
export async function installPackage(name, say, after = async () => {}) {
  const prefix = await rootPrefix();
  if (prefix === null || findOnPath("apt-get", process.env.PATH) === null) return null;
  say(`installing ${name} with apt-get (no service is started)`);
  const apt = (...args) =>
    run([...prefix, "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", ...args], {
      shielded: true,
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", NEEDRESTART_SUSPEND: "1", LC_ALL: "C" },
    });
  const install = () => apt("install", "-y", "--no-install-recommends", name);
  const policy = await forbidServices(prefix);
  let result;
  try {
    result = await install();
    if (result.code !== 0) {
      // Without package lists, or with old ones, the first try cannot succeed.
      say("fetching Debian's package lists (apt-get update)");
      await untilUnlocked(() => apt("update"));
      result = await install();
    }
  } finally {
    // Done even when a signal came while apt-get worked.
    await after(prefix);
    await policy.lift();
  }
  return result.output.trim().split("\n").slice(-6).join("\n");
}

/** The lists have a lock of their own, for which apt-get does not wait. */
async function untilUnlocked(update) {
  for (let tries = 0; tries < 24; tries++) {
    const { code, output } = await update();
    if (code === 0 || !/could not get lock|unable to lock/i.test(output)) return;
    await sleep(5_000);
  }
}

/** What to put before a command to run it as root: nothing, `sudo -n`, or null when neither is possible. */
async function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  const sudo = findOnPath("sudo", process.env.PATH);
  if (sudo === null) return null;
  const { code } = await run([sudo, "-n", "true"]);
  return code === 0 ? [sudo, "-n", "env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1"] : null;
}

/** Debian's own way to install without starting services; a machine that has a policy keeps its own. */
async function forbidServices(prefix) {
  if (existsSync(POLICY)) return { lift: async () => {} };
  const script = `#!/bin/sh\n${POLICY_MARK}${process.pid}; removed when it ends.\nexit 101\n`;
  if (prefix.length === 0) {
    writeFileSync(POLICY, script, { mode: 0o755, flag: "wx" });
    return { lift: async () => rmSync(POLICY, { force: true }) };
  }
  await run([...prefix, "sh", "-c", `printf %s "$1" > ${POLICY} && chmod 755 ${POLICY}`, "sh", script]);
  return { lift: async () => void (await run([...prefix, "rm", "-f", POLICY], { always: true })) };
}

/** A set-up that was killed outright cannot lift its policy: the next one does, or no package could start a service any more. */
export function dropLeftPolicy() {
  try {
    const text = readFileSync(POLICY, "utf8");
    const pid = Number(text.split(POLICY_MARK)[1]?.split(";")[0]);
    if (!(pid > 0) || existsSync(`/proc/${pid}`)) return;
    rmSync(POLICY, { force: true });
  } catch {
    // There is none, or it is not ours to delete.
  }
}

/** The package enables its service; what was installed for this project alone must not claim port 6379 at the next boot. */
async function keepFromBoot(prefix) {
  const steps = existsSync("/run/systemd/system")
    ? [["systemctl", "disable", "--now", "redis-server"]]
    : [["update-rc.d", "redis-server", "disable"]];
  // Best effort: containers have neither.
  for (const step of steps) await run([...prefix, ...step], { always: true }).catch(() => {});
}
