import { describe, expect, it } from "vitest";
import { BOX, layers, place } from "./layout";

const link = (holder: string, held: string) => ({ holder, held });

describe("layers", () => {
  it("puts everybody below their lowest owner", () => {
    const found = layers(["a", "b", "c"], [link("a", "b"), link("b", "c"), link("a", "c")]);
    expect([...found]).toEqual([["a", 0], ["b", 1], ["c", 2]]);
  });

  it("ends where owners go round in a circle", () => {
    const circle = [link("a", "b"), link("b", "c"), link("c", "a"), link("a", "a")];
    expect(Math.max(...layers(["a", "b", "c"], circle).values())).toBeLessThanOrEqual(2);
    expect(layers(["x", "a", "b", "c"], [link("x", "b"), ...circle]).get("x")).toBe(0);
  });
});

describe("place", () => {
  it("lets no two boxes touch and keeps all inside", () => {
    const records = Array.from({ length: 40 }, (_, i) => `r${i}`);
    const links = records.slice(1).map((record, i) => link(`r${Math.floor(i / 3)}`, record));
    const { points, width, height } = place(records, links);
    const all = [...points.values()];
    for (const [i, one] of all.entries()) {
      expect(one.x >= BOX.width / 2 && one.x <= width - BOX.width / 2 && one.y <= height - BOX.height / 2).toBe(true);
      for (const other of all.slice(i + 1)) {
        expect(Math.abs(one.x - other.x) >= BOX.width || Math.abs(one.y - other.y) >= BOX.height).toBe(true);
      }
    }
  });
});
