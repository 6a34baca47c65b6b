import { describe, expect, it } from "vitest";
import { BOX, layers, line, place, type Point, wordPlaces } from "./layers";

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

  it("writes no word on a box, outside the picture or, in a tree, on another word", () => {
    const touched: string[] = [];
    const dice = (n: number) => (n * 7919 + 104729) % 9973;
    for (let trial = 0; trial < 30; trial += 1) {
      const records = Array.from({ length: 5 + (trial % 12) }, (_, i) => `r${i}`);
      const tree = trial % 2 === 0;
      const links = tree
        ? records.slice(1).map((record, i) => link(`r${Math.floor(i / 3)}`, record))
        : Array.from({ length: 2 * records.length }, (_, i) => link(`r${dice(trial * 100 + i) % records.length}`, `r${dice(trial * 777 + 31 * i + 5) % records.length}`));
      const placed = place(records, links);
      const words = wordPlaces(links, placed);
      for (const [i, word] of words.entries()) {
        if (!word) continue;
        const near = (at: Point, width: number, height: number) => Math.abs(at.x - word.x) < width && Math.abs(at.y - word.y) < height;
        for (const [record, box] of placed.points) if (near(box, BOX.width / 2 + 30, BOX.height / 2 + 8)) touched.push(`${trial}: ${i} on ${record}`);
        if (word.y < 8 || word.y > placed.height) touched.push(`${trial}: ${i} outside`);
        if (tree && words.slice(i + 1).some((other) => other && near(other, 40, 14))) touched.push(`${trial}: ${i} on a word`);
      }
    }
    expect(touched).toEqual([]);
  });

  it("leads no line over a box that is not its own", () => {
    const crossed: string[] = [];
    const dice = (n: number) => (n * 7919 + 104729) % 9973;
    for (let trial = 0; trial < 30; trial += 1) {
      const records = Array.from({ length: 5 + (trial % 12) }, (_, i) => `r${i}`);
      const links = Array.from({ length: 2 * records.length }, (_, i) => {
        const [a, b] = [dice(trial * 100 + i) % records.length, dice(trial * 777 + 31 * i + 5) % records.length];
        return link(`r${a}`, `r${b}`);
      });
      const { points, lanes, width } = place(records, links);
      for (const [i, { holder, held }] of links.entries()) {
        const [from, to] = [points.get(holder), points.get(held)];
        if (!from || !to || from === to) continue;
        for (const at of along(line(from, lanes[i] ?? [], to))) {
          if (at.x <= 0 || at.x >= width) crossed.push(`${holder} → ${held} leaves the picture`);
          for (const [record, box] of points) {
            const inside = Math.abs(at.x - box.x) < BOX.width / 2 && Math.abs(at.y - box.y) < BOX.height / 2 - 1;
            if (inside) crossed.push(`${holder} → ${held} over ${record}`);
          }
        }
      }
    }
    expect(crossed).toEqual([]);
  });
});

/** Points along a path of our making: M, then C and L. */
function along(path: string): Point[] {
  const found: Point[] = [];
  let [x, y] = [0, 0];
  for (const [, kind, numbers] of path.matchAll(/([MCL])([^MCL]+)/g)) {
    const at = (numbers ?? "").trim().split(/\s+/).map(Number);
    const [x1 = x, y1 = y, x2 = x1, y2 = y1, x3 = x2, y3 = y2] = at;
    for (let t = 0; kind !== "M" && t <= 1; t += 0.05) {
      const u = 1 - t;
      found.push(
        kind === "L"
          ? { x: u * x + t * x1, y: u * y + t * y1 }
          : { x: u ** 3 * x + 3 * u * u * t * x1 + 3 * u * t * t * x2 + t ** 3 * x3, y: u ** 3 * y + 3 * u * u * t * y1 + 3 * u * t * t * y2 + t ** 3 * y3 },
      );
    }
    [x, y] = kind === "C" ? [x3, y3] : [x1, y1];
  }
  return found;
}
