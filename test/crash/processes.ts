// Process ids and marks in; who belongs to whom out. Linux: from /proc.
import { readdirSync, readFileSync } from "node:fs";

/** The one process that this one started. */
export function childOf(pid: number): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  if (!child) throw new Error(`process ${pid} has no child`);
  return Number(child);
}

/** Living processes that have this in their environment, as `pid command line`. */
export function marked(text: string): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(text)) return [];
      return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim()}`];
    } catch {
      // It ended meanwhile, or is another user's.
      return [];
    }
  });
}
