import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { confirm } from "../../src/cli/confirm.ts";

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
