import { describe, expect, test } from "vitest";
import { parseSimulatorOptions, SIMULATOR_OPTIONS } from "../../src/endpoint/simulator-options.ts";
import { UpdraftError } from "../../src/errors.ts";

describe("parseSimulatorOptions", () => {
  test("text of flags and values mean the same", () => {
    const asText = parseSimulatorOptions({
      latency: "10-50",
      share503: "5%",
      port: "0",
      maxFaultsPerRow: "none",
      keepCustomers: "no",
    });
    const asValues = parseSimulatorOptions({
      latency: { from: 10, to: 50 },
      share503: 0.05,
      port: 0,
      maxFaultsPerRow: null,
      keepCustomers: false,
    });
    expect(asText).toEqual(asValues);
    expect(parseSimulatorOptions(asText)).toEqual(asText);
  });

  test("every default that is declared is the one that is used", () => {
    const declared = Object.fromEntries(SIMULATOR_OPTIONS.map((o) => [o.name, o.default]));
    expect(parseSimulatorOptions(declared)).toEqual(parseSimulatorOptions({}));
    for (const option of SIMULATOR_OPTIONS) expect(option.effect && option.unit && option.default).toBeTruthy();
  });

  test.each([
    [{ share503: "110%" }, "share503"],
    [{ share503: "many" }, "share503"],
    [{ latency: "50-10" }, "latency"],
    [{ port: "80.5" }, "port"],
    [{ share500: 0.6, resetBeforeShare: 0.6 }, "add up to 1 at most, got 1.200"],
    [{ latencyy: 1 }, "latencyy"],
    [{ rateLimit: "0" }, "rateLimit"],
  ])("%j is refused, naming %s", (input, named) => {
    expect(() => parseSimulatorOptions(input)).toThrow(UpdraftError);
    expect(() => parseSimulatorOptions(input)).toThrow(named);
  });

  test("a password that is refused is not repeated", () => {
    const password = `secret${"x".repeat(60)}`;
    expect(() => parseSimulatorOptions({ password })).toThrow(/^(?!.*secretx).*password/);
  });
});
