// Nothing in; what the figures were measured on, in one line, out.
import { execFileSync } from "node:child_process";
import { cpus, totalmem } from "node:os";

export function machine(): string {
  const redis = /v=(\S+)/.exec(execFileSync("redis-server", ["--version"], { encoding: "utf8" }))?.[1];
  const [first] = cpus();
  const memoryGb = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${first?.model.trim()}, ${memoryGb} GB, ${process.platform}, Node ${process.versions.node}, Redis ${redis}`;
}
