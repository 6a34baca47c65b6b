import { describe, expect, it } from "vitest";
import { lengthInPoints, Offsets } from "./offsets";

/** The slow and obvious way, to compare with. */
const points = (text: string, units: number) => [...text.slice(0, units)].length;

describe("Offsets", () => {
  const texts = ["", "plain", "😀", "a😀b😀😀c", "e\u0301 שלום 𝒳 👩‍👩‍👧", "lone \ud83d half \ude00!"];

  it.each(texts)("counts code points as Python does: %j", (text) => {
    const offsets = new Offsets(text);
    expect(offsets.points).toBe([...text].length);
    let units = 0;
    [...text].forEach((character, point) => {
      expect(offsets.toPoints(units)).toBe(point);
      expect(offsets.toPoints(units)).toBe(points(text, units));
      expect(offsets.toUnits(point)).toBe(units);
      units += character.length;
    });
    expect(offsets.toUnits(offsets.points)).toBe(text.length);
    expect(offsets.toPoints(text.length)).toBe(offsets.points);
  });

  it("takes an offset inside a pair for the pair's start, and stays inside the text", () => {
    const offsets = new Offsets("a😀b");
    expect(offsets.toPoints(2)).toBe(1);
    expect(offsets.toPoints(99)).toBe(3);
    expect(offsets.toUnits(-1)).toBe(0);
    expect(offsets.toUnits(99)).toBe(4);
    expect(lengthInPoints("a😀b")).toBe(3);
  });
});
