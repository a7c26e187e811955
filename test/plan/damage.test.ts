import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Damage, damageOf, orderOf, type Role } from "../../src/plan/damage.ts";

/** What a program makes of UTF-8 that it takes for Windows-1252. */
const twice = (text: string) => new TextDecoder("windows-1252").decode(Buffer.from(text, "utf8"));

describe("damageOf", () => {
  test.each<[string, Role, Damage]>([
    ["#N/A", "any", "formula-error"],
    [" #REF! ", "any", "formula-error"],
    ["#DIV/0!", "zip", "formula-error"],
    ["#NV", "any", "formula-error"],
    ["########", "date", "formula-error"],
    ["1.23457E+11", "any", "scientific"],
    ["1,23457E+11", "any", "scientific"],
    ["5E+09", "any", "scientific"],
    ["7030", "zip", "zeros-lost"],
    ["501", "zip", "zeros-lost"],
    ["7030.0", "zip", "zeros-lost"],
    ["1990-31-12", "date", "date-turned"],
    [twice("Müller"), "any", "double-encoded"],
    [twice("Zürich – Öst"), "any", "double-encoded"],
    [twice("O’Neill"), "any", "double-encoded"],
    [twice("ÅSA"), "any", "double-encoded"],
    [twice("Đặng"), "any", "double-encoded"],
    [twice("Иван"), "any", "double-encoded"],
    [twice("👍"), "any", "double-encoded"],
    ["O\u0092Neill", "any", "double-encoded"],
  ])("finds in %j, in a column of kind %s, %s", (text, role, damage) => {
    expect(damageOf(text, role)).toBe(damage);
  });

  test.each<[string, Role]>([
    ["", "any"],
    ["#4", "any"],
    ["Apt #3", "any"],
    ["7030", "any"],
    ["07030", "zip"],
    ["70301", "zip"],
    ["1990-12-31", "date"],
    ["1990-13-32", "date"],
    ["E+", "any"],
    ["RUE E12", "any"],
    ["csta_5E11", "any"],
    ["1E10", "any"],
    ["123E45", "any"],
    ["4e12", "any"],
    ["Müller", "any"],
    ["São Paulo", "any"],
    ["Ã", "any"],
    ["Côté", "any"],
    ["100 °C", "any"],
    ["北京", "any"],
    ["Ãngela", "any"],
    ["ANDRÉ’S", "any"],
    ["CAFÉ – BAR", "any"],
    ["CAFÉ–BAR", "any"],
    ["NESTLÉ®", "any"],
    ["Strauß’ Sohn", "any"],
  ])("finds nothing in %j, in a column of kind %s", (text, role) => {
    expect(damageOf(text, role)).toBeNull();
  });

  test("finds all that Windows-1252 makes of any Latin text in UTF-8 with a letter beyond ASCII, and nothing in the text itself", () => {
    const letter = fc.constantFrom(..."äöüßéèàçñåøæêîôûÄÖÜÉÇÑØ");
    const word = fc.array(fc.oneof(letter, fc.constantFrom(..."abc XYZ")), { minLength: 1 }).map((all) => all.join(""));
    fc.assert(
      fc.property(word, letter, (text, one) => {
        expect(damageOf(text + one, "any")).toBeNull();
        expect(damageOf(twice(text + one), "any")).toBe("double-encoded");
      }),
    );
  });

  test("is no slower than linear on long texts", () => {
    expect(damageOf(`#${"#".repeat(200_000)}x`, "any")).toBeNull();
    expect(damageOf(`${"1".repeat(200_000)}E+11`, "any")).toBeNull();
  });
});

describe("orderOf", () => {
  test.each([
    ["13/02/2018", "day-first"],
    ["02/13/2018", "month-first"],
    ["31.12.99", "day-first"],
    ["02/03/2018", null],
    ["2018-13-02", null],
    ["13/14/2018", null],
    ["0/13/2018", null],
    ["x", null],
  ])("%j shows %s", (text, order) => {
    expect(orderOf(text)).toBe(order);
  });
});
