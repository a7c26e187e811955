import {
  appendFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { basename, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { publishNote } from "../../src/daemon/deliver.ts";
import { hiddenName } from "../../src/daemon/watch-folders.ts";
import { UpdraftError } from "../../src/errors.ts";
import { until } from "../pipeline/support.ts";
import { isOver, usePlace } from "./support.ts";

const place = usePlace();

describe("watchInbox", () => {
  it("runs a file that is dropped, puts its reports into the outbox, and the file into the archive", async () => {
    const watcher = place.start();
    place.drop("a.csv");
    await watcher.until(isOver("a.csv"));
    await watcher.stop();
    expect(watcher.told.map(({ kind }) => kind)).toEqual(["taken", "begun", "done"]);
    expect(place.list("outbox")).toEqual(["a.csv"]);
    expect(place.list("archive")).toEqual(["a.csv"]);
    expect(place.read("archive", "a.csv")).toBe("rows of a.csv");
    expect(existsSync(join(place.root, "outbox", "a.csv", "success.csv"))).toBe(true);
    expect(existsSync(join(place.root, "outbox", "a.csv", "ledger.db"))).toBe(false);
    expect([place.list("inbox"), place.list("working")]).toEqual([[], []]);
  });

  it("takes what was there before it started, the oldest first, and looks by itself where nothing tells of changes", async () => {
    for (const [at, name] of ["c.csv", "a.csv", "b.csv"].entries()) {
      place.drop(name);
      utimesSync(join(place.root, "inbox", name), 1_000 + at, 1_000 + at);
    }
    const watcher = place.start({ watch: { poll: true } });
    await watcher.until(isOver("b.csv"));
    expect(watcher.runs).toEqual(["rows of c.csv", "rows of a.csv", "rows of b.csv"]);
    place.drop("late.csv");
    await watcher.until(isOver("late.csv"));
  });

  it("touches no file that is being written, and none that says by its name or its kind that it is not meant", async () => {
    const others = [".hidden.csv", "..foo", "a.csv.part", "a.csv.tmp", "a.csv~"];
    for (const name of others) place.drop(name);
    mkdirSync(join(place.root, "inbox", "folder.csv"));
    symlinkSync("/etc/hostname", join(place.root, "inbox", "link.csv"));
    const watcher = place.start({ watch: { settle: 300 } });
    const path = place.drop("growing.csv", "1");
    // Written to more often than it needs to settle: five looks' worth.
    const writing = setInterval(() => appendFileSync(path, "1"), 60);
    await until(() => statSync(path).size > 15);
    expect([watcher.told, place.list("working")]).toEqual([[], []]);
    clearInterval(writing);
    appendFileSync(path, "end");
    await watcher.until(isOver("growing.csv"));
    await watcher.stop();
    expect(watcher.runs).toEqual([expect.stringMatching(/^1+end$/)]);
    expect(place.list("inbox")).toEqual([...others, "folder.csv", "link.csv"].sort());
  });

  it("takes a file with its marker where markers are awaited, and no marker outlives its file", async () => {
    const watcher = place.start({ watch: { done: true } });
    place.drop("a.csv.done", "");
    place.drop("b.csv");
    place.drop("c.csv");
    place.drop("c.csv.done", "");
    // No marker: what is no file cannot go with one.
    place.drop("0.csv");
    mkdirSync(join(place.root, "inbox", "0.csv.done"));
    await watcher.until(isOver("c.csv"));
    place.drop("a.csv");
    await watcher.until(isOver("a.csv"));
    place.drop("a.csv", "the next a");
    place.drop("d.csv.done", "");
    place.drop("d.csv");
    await watcher.until(isOver("d.csv"));
    await watcher.stop();
    expect(place.list("archive")).toEqual(["a.csv", "c.csv", "d.csv"]);
    expect(place.list("inbox")).toEqual(["0.csv", "0.csv.done", "a.csv", "b.csv"]);
  });

  it("shares a folder with another watcher: each file is run by one of them, once", async () => {
    const names = Array.from({ length: 120 }, (_, i) => `file-${i}.csv`);
    const watchers = [place.start(), place.start()];
    for (const name of names) place.drop(name);
    await until(() => place.list("archive").length === names.length);
    for (const watcher of watchers) await watcher.stop();
    const runs = watchers.flatMap((watcher) => watcher.runs);
    expect(runs.sort()).toEqual(names.map((name) => `rows of ${name}`).sort());
    expect(place.list("outbox")).toEqual([...names].sort());
  });

  it("keeps names as they are, whatever is in them, and overwrites nothing", async () => {
    const long = `${"ä".repeat(125)}x.csv`;
    const names = ["-rf.csv", "two words.csv", "line\nend.csv", "日本語.csv", "summary.json", "x.reason.json", long];
    expect(Buffer.byteLength(long)).toBe(255);
    const watcher = place.start();
    for (const name of names) place.drop(name);
    for (const name of names) await watcher.until(isOver(name));
    for (const name of names) place.drop(name, `another ${name}`);
    await until(() => place.list("archive").length === 2 * names.length);
    await watcher.stop();
    expect(place.list("archive")).toEqual(expect.arrayContaining(names));
    expect(place.list("archive")).toEqual(expect.arrayContaining(["-rf.2.csv", "line\nend.2.csv", "summary.2.json"]));
    for (const name of names) expect(place.read("archive", name)).toBe(`rows of ${name}`);
    expect(place.list("outbox")).toEqual(place.list("archive"));
  });

  it("refuses what cannot be a run, with the reason beside it, and goes on", async () => {
    const watcher = place.start({
      async run(path, began) {
        if (path.endsWith("good.csv")) {
          began({ run: "good", dir: place.root });
          return place.given("good");
        }
        throw new UpdraftError("file-empty", { file: path });
      },
    });
    const long = `${"n".repeat(251)}.csv`;
    place.drop("bad.csv");
    await watcher.until(isOver("bad.csv"));
    for (const name of ["bad.csv", "good.csv", long]) place.drop(name, `again ${name}`);
    for (const name of ["good.csv", long]) await watcher.until(isOver(name));
    await until(() => place.list("refused").length === 6);
    await watcher.stop();
    expect(place.reason("bad.csv")).toMatchObject({ code: "file-empty", file: "bad.csv", run: null });
    expect([place.read("refused", "bad.csv"), place.read("refused", "bad.2.csv")]).toEqual([
      "rows of bad.csv",
      "again bad.csv",
    ]);
    expect(place.reason("bad.2.csv").file).toBe("bad.csv");
    const short = place.list("refused").find((name) => name.startsWith("nnn") && name.endsWith("n.csv")) ?? "";
    expect(place.reason(short).file).toBe(long);
    expect(place.list("working")).toEqual([]);
  });

  it("refuses a file whose content was run before, with a note in the outbox", async () => {
    const watcher = place.start({
      async run() {
        throw new UpdraftError("run-finished", { run: "r1", state: "complete", end: "earlier", dir: place.root });
      },
    });
    place.drop("a.csv");
    await watcher.until(isOver("a.csv"));
    await watcher.stop();
    expect(place.reason("a.csv")).toMatchObject({ code: "run-finished", run: "r1" });
    expect(JSON.parse(place.read("outbox", "a.csv", "refused.json"))).toMatchObject({
      code: "run-finished",
      run: "r1",
    });
  });

  it("leaves one note on a repeated file, and nothing half made, however often a process dies while it puts it there", async () => {
    const { outbox } = place.watch;
    mkdirSync(outbox);
    const note = { code: "run-finished", message: "", next: "", when: "", file: "a.csv", run: "r1" };
    for (const when of ["first", "second"]) await publishNote({ ...note, when }, outbox, "a.csv", "one");
    // It died between the move of the older one and that of the newer one.
    renameSync(join(outbox, "a.csv"), join(outbox, `${hiddenName("one")}-old`));
    await publishNote({ ...note, when: "third" }, outbox, "a.csv", "one");
    await publishNote(note, outbox, "a.csv", "other");
    expect(place.list("outbox")).toEqual(["a.2.csv", "a.csv"]);
    expect(JSON.parse(place.read("outbox", "a.csv", "refused.json"))).toMatchObject({ when: "third" });
  });

  it("goes on with what a process left in `working` before anything new, and ends what it had begun to move", async () => {
    const held = new AbortController();
    const first = place.start({
      async run(path, began) {
        began({ run: path.endsWith("a.csv") ? "ra" : "rb", dir: place.root });
        // Interrupted, as by SIGTERM.
        await new Promise((resolve) => held.signal.addEventListener("abort", resolve));
        return place.given("ra", "interrupted");
      },
    });
    place.drop("a.csv");
    await first.until(({ kind }) => kind === "taken");
    const stopped = first.stop();
    held.abort();
    await stopped;
    expect(first.told.at(-1)).toEqual({ kind: "left", file: "a.csv" });
    expect(place.list("working")).toHaveLength(1);

    place.drop("older.csv");
    const second = place.start({
      async run(path, began) {
        if (path.endsWith("older.csv")) {
          began({ run: "older", dir: place.root });
          return place.given("older");
        }
        // Its run had ended, and its process died before the file was moved.
        place.given("ra");
        throw new UpdraftError("run-finished", {
          run: "ra",
          state: "complete",
          end: "",
          dir: join(place.root, "runs", "ra"),
        });
      },
    });
    await second.until(isOver("older.csv"));
    await second.stop();
    expect(second.told.map(({ kind, file }) => [kind, file])).toEqual([
      ["taken", "a.csv"],
      ["done", "a.csv"],
      ["taken", "older.csv"],
      ["begun", "older.csv"],
      ["done", "older.csv"],
    ]);
    expect(place.list("archive")).toEqual(["a.csv", "older.csv"]);
    expect(place.list("working")).toEqual([]);
  });

  it("leaves alone what is in `working` while its process lives", async () => {
    let let1 = () => {};
    const first = place.start({
      async run(_path, began) {
        began({ run: "r", dir: place.root });
        await new Promise<void>((resolve) => {
          let1 = resolve;
        });
        return place.given("r");
      },
    });
    place.drop("a.csv");
    await first.until(({ kind }) => kind === "taken");
    const second = place.start();
    place.drop("b.csv");
    await second.until(isOver("b.csv"));
    expect(second.runs).toEqual(["rows of b.csv"]);
    let1();
    await first.until(isOver("a.csv"));
  });

  it("runs a file that was written to after it was taken as it is then; one that changed while its rows were sent is refused", async () => {
    let times = 0;
    const watcher = place.start({
      async run(path, began) {
        if (path.endsWith("before.csv") && times++ === 0) {
          appendFileSync(path, ", more");
          throw new UpdraftError("file-changed", { file: path });
        }
        began({ run: "r", dir: place.root });
        const summary = place.given("r");
        if (path.endsWith("after.csv")) appendFileSync(path, ", more");
        return summary;
      },
    });
    place.drop("before.csv");
    await watcher.until(isOver("before.csv"));
    expect(watcher.runs).toEqual(["rows of before.csv", "rows of before.csv, more"]);
    place.drop("after.csv");
    await watcher.until(isOver("after.csv"));
    await watcher.stop();
    expect(place.reason("after.csv")).toMatchObject({ code: "watch-file-grew", run: "r" });
    expect(place.list("outbox")).toEqual(["after.csv", "before.csv"]);
    expect(place.list("archive")).toEqual(["before.csv"]);
  });

  it("brings the reports of a file to the outbox that somebody took away while it was run, and goes on at once", async () => {
    const watcher = place.start({
      async run(path, began) {
        const run = basename(path, ".csv");
        began({ run, dir: place.root });
        if (run !== "last") rmSync(run === "folder" ? place.watch.working : path, { recursive: true });
        return place.given(run, run === "stopped" ? "stopped" : "complete");
      },
    });
    for (const name of ["done.csv", "folder.csv", "stopped.csv", "last.csv"]) {
      place.drop(name);
      await watcher.until(({ kind, file }) => file === name && kind !== "taken" && kind !== "begun");
    }
    await watcher.stop();
    expect(place.list("outbox")).toEqual(["done.csv", "folder.csv", "last.csv", "stopped.csv"]);
    expect([place.list("archive"), place.list("refused"), place.list("working")]).toEqual([["last.csv"], [], []]);
    expect(watcher.told.filter(({ kind }) => kind === "waiting")).toMatchObject([{ file: "stopped.csv", ms: 0 }]);
  });

  it("rests while nothing can be run, then goes on with the same file", async () => {
    const rests: number[] = [];
    const quick = {
      ...systemClock,
      sleep(ms: number, signal?: AbortSignal) {
        if (ms < 15_000) return systemClock.sleep(ms, signal);
        rests.push(ms);
        return Promise.resolve();
      },
    };
    const watcher = place.start({
      clock: quick,
      async run(path, began) {
        if (rests.length < 2) throw new UpdraftError("redis-unreachable", { address: "here", why: "gone" });
        const run = path.endsWith("a.csv") ? "ra" : "rb";
        began({ run, dir: place.root });
        return place.given(run);
      },
    });
    place.drop("a.csv");
    await watcher.until(({ kind }) => kind === "waiting");
    place.drop("b.csv");
    await watcher.until(isOver("b.csv"));
    expect(rests).toEqual([15_000, 30_000]);
    expect(watcher.runs.at(-1)).toBe("rows of b.csv");
    expect(watcher.runs.filter((rows) => rows === "rows of a.csv")).toHaveLength(3);
  });

  it("refuses a file that ends in a mistake of the program, with its reason, and goes on with the next", async () => {
    const watcher = place.start({
      async run(path, began) {
        began({ run: "r", dir: place.root });
        if (path.endsWith("a.csv")) throw new TypeError("of Åsa");
        return place.given("r");
      },
    });
    place.drop("a.csv");
    await watcher.until(isOver("a.csv"));
    place.drop("b.csv");
    await watcher.until(isOver("b.csv"));
    expect(place.list("archive")).toEqual(["b.csv"]);
    expect(place.reason("a.csv")).toMatchObject({ code: "watch-file-unexpected", file: "a.csv", run: "r" });
    expect(place.read("refused", "a.csv.reason.json")).not.toContain("Åsa");
  });

  it("refuses to start with folders that files cannot go through", async () => {
    const refused = (watch: Parameters<typeof place.start>[0]) => place.start(watch).ended;
    const missing = refused({ watch: { inbox: join(place.root, "nowhere") } });
    await expect(missing).rejects.toMatchObject({ code: "watch-folder-missing" });
    writeFileSync(join(place.root, "file"), "");
    await expect(refused({ watch: { inbox: join(place.root, "file") } })).rejects.toMatchObject({
      code: "watch-folder-unusable",
    });
    await expect(refused({ watch: { archive: join(place.root, "file") } })).rejects.toMatchObject({
      code: "watch-folder-unusable",
    });
    // Nobody, not even root, can write there.
    await expect(refused({ watch: { inbox: "/proc/self" } })).rejects.toMatchObject({ code: "watch-folder-unusable" });
    await expect(refused({ watch: { refused: "/proc/refused/deep" } })).rejects.toMatchObject({
      code: "watch-folder-unusable",
    });
    await expect(refused({ watch: { refused: "/dev/null/refused" } })).rejects.toMatchObject({
      code: "watch-folder-unusable",
    });
    symlinkSync(join(place.root, "outbox"), join(place.root, "other"));
    await expect(refused({ watch: { archive: join(place.root, "other") } })).rejects.toMatchObject({
      code: "watch-folders-same",
    });
    expect(place.list("inbox")).toEqual([]);
  });

  it("takes a file that was renamed within the inbox once, under its last name", async () => {
    const watcher = place.start({ watch: { settle: 200 } });
    place.drop("a.csv");
    renameSync(join(place.root, "inbox", "a.csv"), join(place.root, "inbox", "b.csv"));
    await watcher.until(isOver("b.csv"));
    await watcher.stop();
    expect(watcher.runs).toEqual(["rows of a.csv"]);
    expect(place.list("archive")).toEqual(["b.csv"]);
  });

  it("loses no file where a network file system moves it and says that it was not there", async () => {
    const { rename } = fs;
    const moved: string[] = [];
    fs.rename = async (from, to) => {
      await rename(from, to);
      if (!/working.*a\.csv$/.test(String(to)) || moved.push(String(to)) > 1) return;
      throw Object.assign(new Error("its answer was lost"), { code: "ENOENT", syscall: "rename" });
    };
    syncBuiltinESMExports();
    onTestFinished(() => {
      fs.rename = rename;
      syncBuiltinESMExports();
    });
    const watcher = place.start();
    place.drop("a.csv");
    await watcher.until(isOver("a.csv"));
    expect(moved).toHaveLength(1);
    expect(place.read("archive", "a.csv")).toBe("rows of a.csv");
  });

  it("leaves a file in `working` alone whose run has its ledger in another data folder: it would be sent twice", async () => {
    const dir = join(place.root, "elsewhere");
    mkdirSync(dir);
    const first = place.start({
      async run(_path, began) {
        began({ run: "ra", dir });
        return place.given("ra", "interrupted");
      },
    });
    place.drop("a.csv");
    await first.until(({ kind }) => kind === "left");
    await first.stop();
    const second = place.start({ isHere: () => false });
    const told = await second.until(({ kind }) => kind === "waiting");
    expect(told).toMatchObject({
      message: expect.stringMatching(/a\.csv is not gone on with: the ledger of its run ra/),
    });
    place.drop("b.csv");
    await second.until(isOver("b.csv"));
    await second.stop();
    expect(second.runs).toEqual(["rows of b.csv"]);
    await place.start().until(isOver("a.csv"));
  });

  it("goes on with a file in `working` though its inbox was made anew", async () => {
    const first = place.start({
      async run(_path, began) {
        began({ run: "ra", dir: place.root });
        return place.given("ra", "interrupted");
      },
    });
    place.drop("a.csv");
    await first.until(({ kind }) => kind === "left");
    await first.stop();
    // A folder that is made while the old one is there has another inode.
    renameSync(join(place.root, "inbox"), join(place.root, "old"));
    mkdirSync(join(place.root, "inbox"));
    await place.start().until(isOver("a.csv"));
    expect(place.list("archive")).toEqual(["a.csv"]);
  });

  it("goes on when somebody tidies up its folders, even while a file is run", async () => {
    const quick = {
      ...systemClock,
      sleep: (ms: number, signal?: AbortSignal) => (ms < 15_000 ? systemClock.sleep(ms, signal) : Promise.resolve()),
    };
    const empty = () => {
      for (const name of ["outbox", "archive", "refused"]) rmSync(join(place.root, name), { recursive: true });
    };
    let tidied = false;
    const watcher = place.start({
      clock: quick,
      async run(path, began) {
        const run = path.endsWith("a.csv") ? "ra" : "rb";
        began({ run, dir: place.root });
        if (run === "rb" && !tidied) empty();
        tidied ||= run === "rb";
        return place.given(run);
      },
    });
    place.drop("a.csv");
    await watcher.until(isOver("a.csv"));
    empty();
    rmSync(join(place.root, "working"), { recursive: true });
    place.drop("b.csv");
    await watcher.until(isOver("b.csv"));
    expect(watcher.told.filter(({ kind }) => kind === "waiting")).toEqual([
      {
        ...{ kind: "waiting", file: "b.csv", code: "ENOENT", ms: 15_000 },
        message: expect.stringMatching(/ENOENT from mkdir at .*outbox/),
      },
    ]);
    expect([place.list("archive"), place.list("outbox"), place.list("working")]).toEqual([["b.csv"], ["b.csv"], []]);
  });
});
