// Scripts in Redis: run by their hash, and known again to a Redis that forgot them.
import { describe, expect, test } from "vitest";
import { makeScript } from "../../src/queue/script.ts";
import { useRedis } from "../support/redis.ts";

const redis = useRedis();

describe("makeScript", () => {
  test("runs with keys and arguments, and hands bytes over unchanged", async () => {
    const client = redis.connect();
    const script = makeScript("redis.call('SET', KEYS[1], ARGV[1]) return {KEYS[2], ARGV[2], #ARGV}");
    const bytes = Buffer.from([0, 255, 10, 13]);
    expect(await script(client, ["a", "b"], [bytes, 7])).toEqual([Buffer.from("b"), Buffer.from("7"), 2]);
    expect(await client.getBuffer("a")).toEqual(bytes);
  });

  test("sends its text once, and again after Redis has forgotten it", async () => {
    const client = redis.connect();
    const script = makeScript("return redis.call('INCR', KEYS[1])");
    await client.config("RESETSTAT");
    expect(await Promise.all([script(client, ["n"], []), script(client, ["n"], [])])).toEqual([1, 2]);
    expect(await script(client, ["n"], [])).toBe(3);
    await client.script("FLUSH");
    expect(await script(client, ["n"], [])).toBe(4);
    const calls = await client.info("commandstats");
    expect(/cmdstat_eval:calls=(\d+)/.exec(calls)?.[1]).toBe("3");
  });

  test("fails with what the script failed with, without running it twice", async () => {
    const client = redis.connect();
    const script = makeScript("redis.call('INCR', KEYS[1]) return redis.call('LPUSH', KEYS[1], 1)");
    await expect(script(client, ["n"], [])).rejects.toThrow(/WRONGTYPE/);
    await expect(script(client, ["n"], [])).rejects.toThrow(/WRONGTYPE/);
    expect(await client.get("n")).toBe("2");
  });
});
