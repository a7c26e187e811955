// A file that is to be tried in; what a run of it would send and reject, as reports and figures, and what is odd about it, out.
import { join } from "node:path";
import type { CheckRequest, Hooks } from "./begin.ts";
import { systemClock as clock } from "./clock.ts";
import { judge, profilerOf } from "./health.ts";
import { openInput } from "./input.ts";
import { sayEncoding } from "./open/encoding.ts";
import { strictly } from "./plan/damage.ts";
import { type DescribedColumn, describeMapping } from "./plan/describe.ts";
import { repeatsOf } from "./plan/repeats.ts";
import { checkRows } from "./write/check.ts";
import { summarizeCheck } from "./write/conclude.ts";
import { printable } from "./write/explain.ts";
import { makeSampler, type Sampler } from "./write/mapping-table.ts";
import type { Summary } from "./write/summary.ts";

/** Whether a row has changed is known by who sends it alone: the file that says so is that process's own. */
const AT_MOST = "only what has changed is sent (changedOnly): a run takes these calls, and this time, at most";

export interface CheckedFile {
  readonly summary: Summary;
  readonly columns: readonly DescribedColumn[];
  /** How the first values of each column are written. */
  readonly shapes: ReturnType<Sampler["shapes"]>;
}

/** Reads, maps and validates every row as a run would; sends nothing. */
export async function checkFile(request: CheckRequest, hooks: Hooks, stop: AbortSignal): Promise<CheckedFile> {
  const [start, began] = [clock.wall(), clock.now()];
  const { dataDir, rate, endpointRate, duplicates, changedOnly, excel } = request.settings;
  const mapping = strictly(request.mapping, request.settings);
  await using closing = new AsyncDisposableStack();
  const { source, reader, plan } = closing.adopt(await openInput({ ...request, mapping, stop }), (input) =>
    input.source.close(),
  );
  const read = sayEncoding(source.encoding);
  if (read !== null) hooks.notice(`${printable(source.name)}: ${read}`);
  const stamp = new Date(start).toISOString().replace(/[:.]/g, "-");
  const dir = request.out ?? join(dataDir, "checks", `${source.name}-${stamp}`);
  const findRepeats = repeatsOf(duplicates, { reader, plan, limit: null, dir });
  const sampler = makeSampler(reader.columns);
  const input = { source, reader, plan, jobs: request.settings.jobs };
  const profiler = profilerOf(input, request);
  const checked = await checkRows({
    reader,
    plan,
    findRepeats,
    format: source.format,
    dir,
    showChanges: request.showChanges === true,
    excel,
    look(row) {
      sampler.add(row);
      profiler.add(row);
    },
    clock,
    stop,
    progress: hooks.progress,
  });
  const paces = [rate, endpointRate];
  const examined = checked && judge(profiler, input, request, hooks.notice);
  const warnings = [
    ...(changedOnly ? [AT_MOST] : []),
    ...(examined?.warnings ?? []),
    ...(examined?.refused ? [`a run would refuse it: ${examined.refused.message}`] : []),
  ];
  const summary = summarizeCheck(request.job, mapping, checked, input, warnings, dir, paces, start, began, clock);
  return { summary, columns: describeMapping(plan), shapes: sampler.shapes() };
}
