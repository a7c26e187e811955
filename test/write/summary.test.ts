import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { STATUSES, type Status } from "../../src/settle/outcome.ts";
import { STOP_RULES } from "../../src/settle/stop.ts";
import { foretell } from "../../src/write/forecast.ts";
import { makeHistogram } from "../../src/write/latency.ts";
import { writeReport } from "../../src/write/report.ts";
import { exitCodeOf, isBalanced, makeSummary, STATES, type State, writeSummary } from "../../src/write/summary.ts";
import { cells, folder, outcome, planOf, readerOf, stoppedBy, summaryInput } from "./support.ts";

const schema = JSON.parse(await readFile(new URL("../../src/write/summary.schema.json", import.meta.url), "utf8"));
const validate = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true }).compile(schema);

function errorsOf(summary: unknown): unknown {
  validate(JSON.parse(JSON.stringify(summary)));
  return validate.errors;
}

function countsOf(given: Partial<Record<Status, number>>): Record<Status, number> {
  return { updated: 0, unchanged: 0, rejected: 0, failed: 0, unknown: 0, unsent: 0, ...given };
}

describe("makeSummary", () => {
  it("makes what its JSON Schema describes, in every state", () => {
    for (const state of STATES) expect(errorsOf(makeSummary(summaryInput({ state })))).toBeNull();
    const nothing = {
      baseUrl: null,
      run: null,
      end: null,
      latency: makeHistogram(),
      durationMs: 0,
      job: "nightly",
      retryOf: "r",
    };
    expect(errorsOf(makeSummary(summaryInput(nothing)))).toBeNull();
    const counts = { read: 3, rejected: 1 };
    for (const paces of [[null], [{ perSecond: 0.3 }]])
      expect(errorsOf(makeSummary(summaryInput({ forecast: foretell(counts, paces, 0) })))).toBeNull();
    for (const rule of STOP_RULES) expect(errorsOf(makeSummary(summaryInput(stoppedBy(rule))))).toBeNull();
  });

  it("makes what its JSON Schema describes from the causes of a real report", async () => {
    const dir = await folder();
    const statuses = ["failed", "unknown", "rejected", "unsent"] as const;
    const outcomes = statuses.map((status, index) =>
      outcome(index + 1, {
        status,
        cause: { code: "x", problems: [{ column: null, path: null, code: "p", message: "m" }] },
      }),
    );
    const reader = readerOf(
      ["customerId"],
      statuses.map((_, index) => cells(index + 1, "c")),
    );
    const { files, groups } = await writeReport({ reader, plan: planOf(), format: "csv", dir, outcomes });
    const summary = makeSummary(summaryInput({ groups, reports: { dir, files } }));
    expect(summary.errors).toHaveLength(3);
    expect(errorsOf(summary)).toBeNull();
  });

  it("is described by a schema that allows nothing else at any level", () => {
    const summary = JSON.parse(
      JSON.stringify(
        makeSummary(
          summaryInput({
            ...stoppedBy("stop-after"),
            forecast: foretell({ read: 3, rejected: 1 }, [{ perSecond: 1 }], 0),
          }),
        ),
      ),
    );
    const objects: Record<string, unknown>[] = [];
    JSON.stringify(summary, (_key, value) => {
      if (typeof value === "object" && value !== null && !Array.isArray(value)) objects.push(value);
      return value;
    });
    expect(objects.length).toBeGreaterThan(8);
    for (const object of objects) {
      object.unheardOf = 1;
      expect(validate(summary)).toBe(false);
      delete object.unheardOf;
    }
    for (const object of objects) {
      for (const [name, value] of Object.entries(object)) {
        delete object[name];
        expect(validate(summary), `${name} may not be missing`).toBe(false);
        object[name] = value;
      }
    }
    expect(validate(summary)).toBe(true);
  });

  it("names the endpoint by its host alone: no login, password, path or query", () => {
    const text = JSON.stringify(makeSummary(summaryInput()));
    expect(JSON.parse(text).endpoint).toBe("api.example.com:8443");
    expect(text).not.toMatch(/secret|someone|hidden|v1/);
  });

  it("tells latency, duration and pace", () => {
    const { latencyMs, durationMs, rowsPerSecond, start, end } = makeSummary(summaryInput({ answered: 42_000 }));
    expect(latencyMs?.max).toBe(100);
    expect(latencyMs?.p50).toBeGreaterThan(48);
    expect(latencyMs?.p50).toBeLessThan(52);
    expect(durationMs).toBe(8400);
    expect(rowsPerSecond).toBe(4999.8);
    expect([start, end]).toEqual(["2026-01-31T12:00:05.042Z", "2026-01-31T12:00:13.442Z"]);
  });
});

describe("isBalanced", () => {
  it("is true only when every row read has exactly one outcome", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...STATES),
        fc.array(fc.constantFrom(...STATUSES)),
        fc.integer({ min: -2, max: 2 }),
        (state, statuses, off) => {
          const counts = countsOf({});
          for (const status of statuses) counts[status] += 1;
          const whole = off === 0 && (state !== "complete" || counts.unsent === 0);
          expect(isBalanced(state, statuses.length + off, counts)).toBe(whole);
        },
      ),
    );
  });
});

describe("exitCodeOf", () => {
  it.each<[State, Partial<Record<Status, number>>, number]>([
    ["complete", { updated: 3, unchanged: 1 }, 0],
    ["complete", { updated: 3, rejected: 1 }, 1],
    ["complete", { updated: 3, failed: 1 }, 1],
    ["complete", { updated: 3, unknown: 1 }, 1],
    ["complete", { updated: 3, unsent: 1 }, 5],
    ["checked", { unsent: 4 }, 0],
    ["checked", { unsent: 3, rejected: 1 }, 1],
    ["stopped", { unsent: 4 }, 3],
    ["cancelled", { unsent: 4 }, 3],
    ["blocked", { unsent: 4 }, 4],
    ["interrupted", { updated: 1 }, 130],
    ["running", {}, 130],
    ["paused", {}, 130],
    ["waiting", {}, 130],
  ])("of a run that is %s with %o is %i", (state, given, exit) => {
    const counts = countsOf(given);
    const read = Object.values(counts).reduce((sum, count) => sum + count, 0);
    expect(exitCodeOf({ state, counts, balanced: isBalanced(state, read, counts) })).toBe(exit);
  });
});

describe("writeSummary", () => {
  it("writes summary.json whole, for its owner alone, over an earlier one", async () => {
    const dir = await folder();
    await writeSummary(dir, makeSummary(summaryInput({ state: "interrupted" })));
    const summary = makeSummary(summaryInput());
    const path = await writeSummary(dir, summary);
    expect(path).toBe(join(dir, "summary.json"));
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual(JSON.parse(JSON.stringify(summary)));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(dir)).toEqual(["summary.json"]);
  });
});
