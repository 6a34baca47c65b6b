import { expect, it } from "vitest";
import { bothTexts, differs, grouped, letter, unanimous } from "./compare";
import { de, en } from "./words";

it("names columns by letters, for as many as there are", () => {
  expect([0, 25, 26, 51, 52].map(letter)).toEqual(["A", "Z", "AA", "AZ", "BA"]);
});

it("sees who differs, by value", () => {
  expect(unanimous("q", [{ q: ["a"] }, { q: ["a"] }])).toBe(true);
  expect(unanimous("q", [{ q: "a" }, {}])).toBe(false);
  expect(differs({ x: 1 }, { x: 1 })).toBe(false);
  expect(differs(undefined, "a")).toBe(true);
});

it("puts the same answers together, in the order in which they come", () => {
  const columns = [{ q: ["a"] }, { q: ["b"] }, { q: ["a"] }, {}, {}].map((answers, i) => ({ key: `${i}`, answers }));
  expect(grouped("q", columns).map((group) => group.map(({ key }) => key))).toEqual([["0", "2"], ["1"], ["3", "4"]]);
});

it("shows the difference of texts, not of choices", () => {
  expect(bothTexts("one two", "one three")).toBe(true);
  expect(bothTexts("ham", "spam")).toBe(false);
  expect(bothTexts("one two", undefined)).toBe(false);
});

it("has the same gaps to fill in every language", () => {
  const gaps = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
  for (const key of Object.keys(en) as (keyof typeof en)[]) expect(gaps(de[key]), key).toEqual(gaps(en[key]));
});
