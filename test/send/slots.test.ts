import { describe, expect, test } from "vitest";
import { makeSlots } from "../../src/send/slots.ts";

/** Sends that end when they are told to. */
function setUp(count: number) {
  const shared = makeSlots(count);
  const slots = shared.open();
  const started: string[] = [];
  const underway = new Map<string, () => void>();
  const send = ({ name }: { name: string }) =>
    new Promise<void>((resolve) => {
      started.push(name);
      underway.set(name, resolve);
    });
  const row = (name: string) => ({ name });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return {
    started,
    shared,
    wanted: () => slots.wanted(),
    flush: () => slots.flush(),
    run: (names: string, first = false) => slots.run([...names].map(row), send, first),
    /** Another epoch of the same process. */
    other() {
      const others = shared.open();
      return {
        wanted: () => others.wanted(),
        run: (names: string, first = false) => others.run([...names].map(row), send, first),
      };
    },
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
    const slots = makeSlots(1).open();
    const fine = slots.run([{}, {}], async () => {});
    const broken = slots.run([{}], () => Promise.reject(new Error("no")), true);
    await expect(broken).rejects.toThrow("no");
    await expect(fine).resolves.toBeUndefined();
  });

  test("become more and fewer while rows are sent, and none at all: what has been started goes on", async () => {
    const { run, end, started, shared, wanted, settled } = setUp(1);
    const all = run("abcdefgh");
    shared.resize(3);
    expect(started.join("")).toBe("abc");
    shared.resize(1);
    await end("ab");
    expect(started.join("")).toBe("abc");
    await end("c");
    expect(started.join("")).toBe("abcd");
    shared.resize(0);
    await end("d");
    expect([started.join(""), shared.rows()]).toEqual(["abcd", { started: 0, waiting: 4 }]);
    let told = false;
    void wanted().then(() => {
      told = true;
    });
    await settled();
    expect(told).toBe(false);
    const over = new AbortController();
    const ended = shared.open().wanted(over.signal);
    over.abort();
    await ended;
    shared.resize(4);
    await settled();
    expect([started.join(""), told]).toEqual(["abcdefgh", true]);
    await end("efgh");
    await all;
    expect(shared.rows()).toEqual({ started: 0, waiting: 0 });
  });

  test("are not waited for when rows are started that end at once", async () => {
    const { run, end, started, shared, other, flush } = setUp(0);
    const all = [run("abc"), run("d", true)];
    const others = other().run("x");
    flush();
    expect([started.join(""), shared.rows()]).toEqual(["dabc", { started: 4, waiting: 1 }]);
    await end("abcd");
    await Promise.all(all);
    shared.resize(1);
    await end("x");
    await others;
  });

  test("are all one epoch's while it is alone, and are given to another that has fewer as they become free", async () => {
    const { run, end, started, other, settled } = setUp(4);
    const one = run("abcdefgh");
    expect(started.join("")).toBe("abcd");
    const late = other();
    const two = late.run("rstuvw");
    await settled();
    expect(started.join("")).toBe("abcd");
    await end("ab");
    expect(started.join("")).toBe("abcdrs");
    await end("c");
    expect(started.join("")).toBe("abcdrse");
    await end("r");
    expect(started.join("")).toBe("abcdrset");
    for (let n = 0; n < 4; n++) await end("abcdefghrstuvw");
    await Promise.all([one, two]);
  });

  test("want the next batch of an epoch even if another has all slots and rows to spare", async () => {
    const { run, end, wanted, other, started } = setUp(2);
    const one = run("ab");
    const more = run("cdef");
    const late = other();
    await late.wanted();
    const two = late.run("x", true);
    const also = late.run("yz");
    let told = false;
    void wanted().then(() => {
      told = true;
    });
    await end("a");
    expect([started.join(""), told]).toEqual(["abx", false]);
    await end("b");
    expect([started.join(""), told]).toEqual(["abxc", true]);
    for (let n = 0; n < 4; n++) await end("abcdefxyz");
    await Promise.all([one, more, two, also]);
  });
});
