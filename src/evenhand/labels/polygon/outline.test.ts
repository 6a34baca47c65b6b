// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Json } from "$web/widget";
import { area, bounds, contains, insertCorner, isSound, middles, move, readPolygons, settle, simplify, withCorner, withoutCorner, writePolygons } from "./outline";

type Vector = {
  config: { labels: (string | { id: string })[] };
  data: { photo: { width: number; height: number } | string };
  answer: { points: [number, number][]; label: string }[];
  stored?: Json;
  invalid?: string;
};
const vectors = JSON.parse(readFileSync(new URL("./vectors.json", import.meta.url), "utf8")) as Vector[];
const picture = { width: 640, height: 480 };
const at = (...points: [number, number][]) => ({ points: points.map(([x, y]) => ({ x, y })), label: "roof" });
const house = at([100, 100], [180, 100], [180, 140], [100, 140]);

describe("polygons", () => {
  it.each(vectors.filter(({ invalid }) => invalid === undefined))("keeps the valid answer $answer", (vector) => {
    const labels = new Set(vector.config.labels.map((label) => (typeof label === "string" ? label : label.id)));
    const size = typeof vector.data.photo === "object" ? vector.data.photo : { width: Infinity, height: Infinity };
    const read = readPolygons(vector.answer as Json, labels) ?? [];
    const written = writePolygons(read.map((one) => settle(one, size)));
    const byPlace = (a: { [key: string]: Json }, b: { [key: string]: Json }) => JSON.stringify(a["points"]).localeCompare(JSON.stringify(b["points"]), "en", { numeric: true });
    expect(written.sort(byPlace)).toEqual(vector.stored ?? vector.answer);
  });

  it("moves as a whole, as far as the picture allows", () => {
    expect(bounds(move(house, { x: 9999, y: -9999 }, picture).points)).toEqual({ left: 560, top: 0, right: 640, bottom: 40 });
  });

  it("knows what lies inside, by the even-odd rule", () => {
    expect(contains(house, { x: 140, y: 120 })).toBe(true);
    expect(contains(house, { x: 190, y: 120 })).toBe(false);
    const bow = at([0, 0], [10, 10], [10, 0], [0, 10]);
    expect([contains(bow, { x: 2, y: 5 }), contains(bow, { x: 5, y: 2 })]).toEqual([true, false]);
  });

  it("gains, moves and loses corners", () => {
    const more = insertCorner(house, 3, middles(house.points)[3] ?? { x: 0, y: 0 });
    expect(more.points[4]).toEqual({ x: 100, y: 120 });
    expect(withoutCorner(more, 4)).toEqual(house);
    expect(area(withCorner(house, 0, { x: 140, y: 120 }).points)).toBe(1600);
  });

  it("leaves out what a line does not need, and keeps its ends", () => {
    const line = Array.from({ length: 101 }, (_, i) => ({ x: i, y: i === 50 ? 20 : Math.abs(i - 50) < 3 ? 10 : 0 }));
    const simple = simplify(line, 1);
    expect([simple[0], simple[simple.length - 1]]).toEqual([line[0], line[100]]);
    expect(simple).toContainEqual({ x: 50, y: 20 });
    expect(simple.length).toBeLessThan(12);
  });

  it("holds nothing flat, and nothing that falls together after rounding", () => {
    expect(isSound(at([0, 0], [10, 10], [20, 20]))).toBe(false);
    expect(isSound(settle(at([0, 0], [10, 0], [10, 0.001]), picture))).toBe(false);
    expect(isSound({ ...house, points: Array.from({ length: 1001 }, (_, i) => ({ x: i, y: i * i })) })).toBe(false);
  });
});
