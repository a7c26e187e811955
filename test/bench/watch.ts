// Process ids in; what they and all their descendants cost (CPU seconds, peak memory), and the peak of a Redis, out. Linux: from /proc.
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { basename } from "node:path";

export interface Cost {
  /** The script a Node process runs, else the program. */
  readonly name: string;
  /** User and system, to the last look at it: up to EVERY_MS are missing. */
  readonly cpuSeconds: number;
  /** Largest resident set (VmHWM). */
  readonly peakBytes: number;
}

export interface Watch {
  readonly costs: readonly Cost[];
  /** Ends everything of it that still lives. */
  kill(): void;
  /** Takes no more looks; may be called twice. */
  stop(): void;
}

const EVERY_MS = 100;
/** USER_HZ, which Linux keeps at 100 towards programs. */
const TICKS_PER_SECOND = 100;

interface Seen extends Cost {
  readonly pid: number;
  readonly looks: number;
}

export function watch(...roots: readonly number[]): Watch {
  const living = new Map<number, Seen>();
  const gone: Seen[] = [];
  /** No descendants, or ended ones not yet waited for: not asked about again while their pid lasts. */
  const strangers = new Set<number>();

  function look(): void {
    const pids = listPids();
    for (const pid of strangers) if (!pids.has(pid)) strangers.delete(pid);
    // /proc lists by pid, so a parent comes before its children.
    for (const pid of pids) {
      if (living.has(pid) || strangers.has(pid)) continue;
      const parent = statOf(pid)?.parent ?? 0;
      if (roots.includes(pid) || living.has(parent)) {
        living.set(pid, { pid, name: "", cpuSeconds: 0, peakBytes: 0, looks: 0 });
      } else strangers.add(pid);
    }
    for (const seen of living.values()) {
      const now = pids.has(seen.pid) ? lookAt(seen) : null;
      if (now) living.set(seen.pid, now);
      else {
        living.delete(seen.pid);
        strangers.add(seen.pid);
        gone.push(seen);
      }
    }
  }

  look();
  const timer = setInterval(look, EVERY_MS);
  return {
    get costs() {
      return [...gone, ...living.values()].filter((seen) => seen.looks > 0);
    },
    kill() {
      look();
      for (const { pid } of living.values()) endNow(pid);
    },
    stop: () => clearInterval(timer),
  };
}

function endNow(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended since the last look.
  }
}

function listPids(): Set<number> {
  try {
    return new Set(readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : [])));
  } catch {
    return new Set();
  }
}

/** Null for a process that has ended, a zombie included: its memory is gone, and its last figures stand. */
function lookAt(seen: Seen): Seen | null {
  const stat = statOf(seen.pid);
  const peak = /^VmHWM:\s+(\d+) kB/m.exec(read(seen.pid, "status"))?.[1];
  if (!stat || peak === undefined) return null;
  // Between fork and exec a process still has its parent's name.
  const name = seen.looks < 3 ? nameOf(seen.pid) : seen.name;
  const peakBytes = Number(peak) * 1024;
  return { pid: seen.pid, name, cpuSeconds: stat.ticks / TICKS_PER_SECOND, peakBytes, looks: seen.looks + 1 };
}

/** The program's name may hold spaces and brackets; the fields after it do not. */
function statOf(pid: number): { readonly parent: number; readonly ticks: number } | null {
  const text = read(pid, "stat");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (fields.length < 14) return null;
  return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
}

function nameOf(pid: number): string {
  const words = read(pid, "cmdline").split("\0");
  const script = words.find((word) => /\.[jt]s$/.test(word)) ?? words[0]?.split(" ")[0] ?? "";
  return basename(script);
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** Asks a Redis for its `used_memory_peak` now and then; null while it never answered. */
export function watchRedis(socket: string): { readonly peakBytes: number | null; stop(): void } {
  let peakBytes: number | null = null;
  const ask = () => {
    let text = "";
    const stream = connect(socket, () => stream.write("INFO memory\r\n"));
    stream.on("error", () => {});
    stream.on("data", (data) => {
      text += data.toString("latin1");
      const peak = /^used_memory_peak:(\d+)/m.exec(text)?.[1];
      if (peak === undefined) return;
      peakBytes = Math.max(peakBytes ?? 0, Number(peak));
      stream.destroy();
    });
  };
  const timer = setInterval(ask, 2 * EVERY_MS);
  return {
    get peakBytes() {
      return peakBytes;
    },
    stop: () => clearInterval(timer),
  };
}
