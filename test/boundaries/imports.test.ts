// The rules of the design that keep the path of a row readable: who may import whom, and where the outside world is touched.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SRC = join(ROOT, "src");

/** Stages, and which others each may know. They follow the path of a row; settling and the queue are two ends of one protocol. */
const STAGES: Readonly<Record<string, readonly string[]>> = {
  open: [],
  parse: ["open"],
  endpoint: [],
  plan: ["endpoint", "parse"],
  queue: ["open", "parse", "plan", "settle"],
  send: ["endpoint", "queue", "settle"],
  settle: ["plan", "queue"],
  write: ["open", "parse", "plan", "settle"],
};
/** Front doors know every stage and are known by none. */
const FRONT_DOORS = ["cli", "console", "daemon"];
/** What people say of a run before it begins, and what is asked and wished of it afterwards: no part of the path. */
const BESIDE = ["settings", "runs"];

interface SourceFile {
  /** Relative to src, with /. */
  readonly name: string;
  /** Folder directly under src; empty for the files in src itself. */
  readonly folder: string;
  readonly code: string;
  /** Files by name, packages as they are written. */
  readonly imports: readonly string[];
}

const files: readonly SourceFile[] = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.[jt]s$/.test(name))
  .map((path) => {
    const name = path.split(sep).join("/");
    const text = readFileSync(join(SRC, path), "utf8");
    const found = text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^;"]*?"([^"]+)"|\bimport\("([^"]+)"\)/g);
    const imports = [...found].map(([, still, lazy]) => still ?? lazy ?? "");
    return {
      name,
      folder: name.includes("/") ? name.slice(0, name.indexOf("/")) : "",
      code: withoutComments(text),
      imports: imports.map((wanted) =>
        wanted.startsWith(".")
          ? relative(SRC, join(SRC, dirname(path), wanted))
              .split(sep)
              .join("/")
          : wanted,
      ),
    };
  });

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}

function folderOf(name: string): string {
  return name.includes("/") ? name.slice(0, name.indexOf("/")) : "";
}

/** "file imports what" for each import that `isWrong` finds. */
function wrongImports(isWrong: (file: SourceFile, wanted: string) => boolean): string[] {
  return files.flatMap((file) =>
    file.imports.filter((wanted) => isWrong(file, wanted)).map((wanted) => `${file.name} imports ${wanted}`),
  );
}

describe("src", () => {
  test("has its folders named after the stages and front doors, and none after a kind of thing", () => {
    const folders = readdirSync(SRC).filter((name) => statSync(join(SRC, name)).isDirectory());
    const named = [...Object.keys(STAGES), ...FRONT_DOORS, ...BESIDE];
    expect(folders.filter((name) => !named.includes(name))).toEqual([]);
    const nested = files.map((file) => dirname(file.name).split("/")).filter((path) => path.length > 1);
    expect(nested.filter((path) => /^(utils?|types|helpers?|common|lib|shared|misc)$/.test(path.at(-1) ?? ""))).toEqual(
      [],
    );
  });

  test("a stage imports only the stages it may know", () => {
    const wrong = wrongImports((file, wanted) => {
      const known = STAGES[file.folder];
      const other = folderOf(wanted);
      return known !== undefined && other in STAGES && other !== file.folder && !known.includes(other);
    });
    expect(wrong).toEqual([]);
  });

  test("no stage knows what is asked of a run afterwards", () => {
    expect(wrongImports((file, wanted) => file.folder in STAGES && folderOf(wanted) === "runs")).toEqual([]);
  });

  test("nothing behind a front door imports a front door, and only they import the pipeline", () => {
    const wrong = wrongImports(
      (file, wanted) =>
        !FRONT_DOORS.includes(file.folder) &&
        ((/\.[jt]s$/.test(wanted) && FRONT_DOORS.includes(folderOf(wanted))) || wanted === "pipeline.ts"),
    );
    expect(wrong).toEqual([]);
  });

  test("only the queue, and the worker that takes from it, know BullMQ", () => {
    const wrong = wrongImports(
      (file, wanted) => wanted.startsWith("bullmq") && file.folder !== "queue" && file.name !== "send/worker.ts",
    );
    expect(wrong).toEqual([]);
    expect(files.some((file) => file.imports.includes("bullmq"))).toBe(true);
  });

  test("the simulator shares no validation with the client", () => {
    const reached = new Set<string>();
    const reach = (name: string) => {
      if (reached.has(name)) return;
      reached.add(name);
      for (const wanted of files.find((file) => file.name === name)?.imports ?? []) reach(wanted);
    };
    reach("endpoint/simulator.ts");
    // The sentences of its errors validate nothing.
    expect([...reached].filter((name) => /condor|contract|^plan\/(?!errors)/.test(name))).toEqual([]);
    expect(reached).toContain("ajv");
  });

  test("has no barrels", () => {
    expect(files.filter((file) => /(^|\/)index\.[jt]s$/.test(file.name)).map((file) => file.name)).toEqual([]);
  });

  test("takes time and chance from the clock it is given, and prints only at the front doors and in the log", () => {
    const touches = /\bconsole\s*[.[]|\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.now\b|\bhrtime\b/;
    const allowed = (file: SourceFile) => ["clock.ts", "log.ts"].includes(file.name) || file.folder === "cli";
    expect(files.filter((file) => !allowed(file) && touches.test(file.code)).map((file) => file.name)).toEqual([]);
  });

  test("each file opens with a comment that says what goes in and what comes out", () => {
    const silent = files.filter(({ name }) => !/^(#!.*\n)?\/[/*]/.test(readFileSync(join(SRC, name), "utf8")));
    expect(silent.map((file) => file.name)).toEqual([]);
  });

  test("no file is longer than 400 lines", () => {
    const long = files.filter(({ name }) => readFileSync(join(SRC, name), "utf8").split("\n").length > 401);
    expect(long.map((file) => file.name)).toEqual([]);
  });
});
