import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { confirm, confirmRest } from "../../src/cli/confirm.ts";

const FACTS = { run: "abc", host: "api.example.com", countRows: async () => 1_234 };
const never = new AbortController().signal;

/** A terminal whose keys are `typed` as soon as it shows a question. */
function terminal(typed: string | null, { stdin = true, stderr = true } = {}) {
  const shown: string[] = [];
  const keys = Object.assign(new PassThrough(), { isTTY: stdin });
  const screen = Object.assign(new PassThrough(), { isTTY: stderr, columns: 80 });
  screen.setEncoding("utf8").on("data", (text: string) => {
    shown.push(text);
    if (!text.includes("?")) return;
    if (typed === null) keys.end();
    else keys.write(typed);
  });
  return { streams: { stdin: keys, stderr: screen }, text: () => shown.join("") };
}

describe("before a run sends anything", () => {
  test.each(["y\r", "Y\r", "yes\r", " y \r"])(
    "a person who types %j goes on, having seen host and rows",
    async (typed) => {
      const { streams, text } = terminal(typed);
      await expect(confirm(streams, FACTS, { limit: null, yes: false }, never)).resolves.toBe(true);
      expect(text()).toContain("Send 1,234 rows, to api.example.com? [y/N] ");
    },
  );

  test.each(["\r", "n\r", "yep\r", "\u0003", "\u0004", null])(
    "a person who types %j sends nothing, exit code 130",
    async (typed) => {
      const { streams } = terminal(typed);
      const answer = confirm(streams, FACTS, { limit: null, yes: false }, never);
      await expect(answer).rejects.toMatchObject({ code: "not-confirmed", exit: 130 });
    },
  );

  test("--limit is part of the question", async () => {
    const { streams, text } = terminal("y\r");
    await confirm(streams, FACTS, { limit: 10, yes: false }, never);
    expect(text()).toContain("Send 1,234 rows, at most 10 of them, to api.example.com?");
  });

  test.each([
    ["--yes", {}, true],
    ["a job whose standard input is no terminal", { stdin: false }, false],
    ["a job whose messages go to a file", { stderr: false }, false],
  ])("%s is not asked", async (_who, kinds, yes) => {
    const { streams, text } = terminal("n\r", kinds);
    await expect(confirm(streams, FACTS, { limit: null, yes }, never)).resolves.toBe(true);
    expect(text()).toBe("");
  });

  test("a Ctrl-C while the rows are counted sends nothing", async () => {
    const { streams } = terminal("y\r");
    await expect(confirm(streams, FACTS, { limit: null, yes: false }, AbortSignal.abort())).rejects.toThrow(
      "nothing was sent",
    );
  });
});

describe("when the rows of a canary were updated", () => {
  const REST = { updated: 20, countOthers: async () => 980 };

  test.each([
    ["y\r", true],
    ["n\r", false],
    ["\r", false],
    ["\u0003", false],
    [null, false],
  ])("a person who types %j sends the others: %s", async (typed, sends) => {
    const { streams, text } = terminal(typed);
    expect(await confirmRest(streams, REST, false, never)).toBe(sends);
    expect(text()).toContain("20 of 20 updated: send the other 980 rows? [y/N] ");
  });

  test("nobody is asked with --yes, or where nobody is there", async () => {
    for (const [kinds, yes] of [
      [{}, true],
      [{ stdin: false }, false],
      [{ stderr: false }, false],
    ] as const) {
      const { streams, text } = terminal("n\r", kinds);
      expect(await confirmRest(streams, REST, yes, never)).toBe(true);
      expect(text()).toBe("");
    }
  });

  test("a question is taken back when the run is cancelled or told to stop", async () => {
    const { streams, text } = terminal("");
    const over = new AbortController();
    const answer = confirmRest(streams, REST, false, over.signal);
    await expect.poll(text).toContain("[y/N]");
    over.abort();
    expect(await answer).toBe(false);
  });
});
