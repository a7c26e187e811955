import { describe, expect, test } from "vitest";
import { makeSlots } from "../../src/send/slots.ts";

/** Sends that end when they are told to. */
function setUp(count: number) {
  const slots = makeSlots(count);
  const started: string[] = [];
  const underway = new Map<string, () => void>();
  const send = ({ name }: { name: string }) =>
    new Promise<void>((resolve) => {
      started.push(name);
      underway.set(name, resolve);
    });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return {
    started,
    wanted: () => slots.wanted(),
    run: (names: string, first = false) =>
      slots.run(
        [...names].map((name) => ({ name })),
        send,
        first,
      ),
    async end(names: string) {
      for (const name of names) underway.get(name)?.();
      await settled();
    },
    settled,
  };
}

describe("slots", () => {
  test("start so many rows at once, of one call after the other", async () => {
    const { run, end, started, settled } = setUp(2);
    const [one, two] = [run("abc"), run("xy")];
    await settled();
    expect(started.join("")).toBe("ab");
    await end("b");
    expect(started.join("")).toBe("abc");
    await end("ac");
    await one;
    expect(started.join("")).toBe("abcxy");
    await end("xy");
    await two;
  });

  test("start rows that go first before all others that have not been started, and end with each call's own", async () => {
    const { run, end, started, settled } = setUp(2);
    const before = run("abcd");
    const after = run("e");
    await settled();
    const first = run("xyz", true);
    await settled();
    expect(started.join("")).toBe("ab");
    await end("a");
    expect(started.join("")).toBe("abx");
    await end("bx");
    expect(started.join("")).toBe("abxyz");
    await end("yz");
    await first;
    expect(started.join("")).toBe("abxyzcd");
    await end("cd");
    await before;
    await end("e");
    await after;
    await run("", true);
  });

  test("that are free start rows that go first at once", async () => {
    const { run, end, started, settled } = setUp(3);
    const first = run("xy", true);
    await settled();
    expect(started.join("")).toBe("xy");
    const other = run("ab");
    await settled();
    expect(started.join("")).toBe("xya");
    await end("xya");
    await first;
    await end("b");
    await other;
  });

  test("tell when another call is wanted, however the last one was made", async () => {
    for (const first of [false, true]) {
      const { run, end, wanted, settled } = setUp(1);
      let told = false;
      const before = run("a");
      await settled();
      const last = run("b", first);
      void wanted().then(() => {
        told = true;
      });
      await settled();
      expect(told).toBe(false);
      await end("a");
      await end("b");
      await Promise.all([before, last]);
      await settled();
      expect(told).toBe(true);
    }
  });

  test("fail a call whose row fails, and no other", async () => {
    const slots = makeSlots(1);
    const fine = slots.run([{}, {}], async () => {});
    const broken = slots.run([{}], () => Promise.reject(new Error("no")), true);
    await expect(broken).rejects.toThrow("no");
    await expect(fine).resolves.toBeUndefined();
  });
});
