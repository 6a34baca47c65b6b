// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Json } from "$web/widget";
import { between, type Box, centre, contains, HANDLES, move, readBoxes, resize, rotate, settle, turn, writeBoxes } from "./geometry";

type Vector = {
  config: { labels: (string | { id: string })[]; rotation?: boolean };
  data: { photo: { width: number; height: number } | string };
  answer: { [key: string]: Json }[];
  stored?: Json;
  invalid?: string;
};
const vectors = JSON.parse(readFileSync(new URL("./vectors.json", import.meta.url), "utf8")) as Vector[];
const picture = { width: 640, height: 480 };
const box: Box = { x: 100, y: 100, width: 80, height: 40, label: "cat", rotation: 0 };

describe("boxes", () => {
  it.each(vectors.filter(({ invalid }) => invalid === undefined))("keeps the valid answer $answer", (vector) => {
    const labels = new Set(vector.config.labels.map((label) => (typeof label === "string" ? label : label.id)));
    const size = typeof vector.data.photo === "object" ? vector.data.photo : { width: Infinity, height: Infinity };
    const read = readBoxes(vector.answer as Json, labels, vector.config.rotation === true) ?? [];
    const byPlace = (a: { [key: string]: Json }, b: { [key: string]: Json }) => Number(a["x"]) - Number(b["x"]);
    const written = writeBoxes(read.map((one) => settle(one, size))).sort(byPlace);
    expect(written).toEqual(vector.stored ?? vector.answer);
  });

  it("draws in any direction, never outside the picture", () => {
    expect(between({ x: 50, y: 60 }, { x: -20, y: 9999 }, picture, "cat")).toMatchObject({ x: 0, y: 60, width: 50, height: 420 });
  });

  it("moves as far as the picture allows, turned boxes by their centre", () => {
    expect(move(box, { x: 9999, y: -9999 }, picture)).toMatchObject({ x: 560, y: 0, width: 80, height: 40 });
    expect(centre(move(rotate(box, 30), { x: 9999, y: -9999 }, picture))).toEqual({ x: 640, y: 0 });
  });

  it.each(HANDLES)("keeps the opposite corner in place when $x,$y is pulled, turned or not", (handle) => {
    for (const rotation of [0, 30, 90, 200]) {
      const turned = { ...box, rotation };
      const corner = (one: Box, sign: 1 | -1) =>
        turn({ x: centre(one).x + (sign * handle.x * one.width) / 2, y: centre(one).y + (sign * handle.y * one.height) / 2 }, centre(one), rotation);
      const pulled = corner(turned, 1);
      const after = resize(turned, handle, { x: pulled.x + 7, y: pulled.y - 3 }, picture, 1);
      expect(corner(after, -1).x).toBeCloseTo(corner(turned, -1).x);
      expect(corner(after, -1).y).toBeCloseTo(corner(turned, -1).y);
    }
  });

  it("does not turn inside out", () => {
    expect(resize(box, { x: -1, y: 0 }, { x: 600, y: 0 }, picture, 2)).toMatchObject({ x: 178, width: 2 });
  });

  it("knows what lies in a turned box", () => {
    const upright = rotate(box, 90);
    expect(contains(upright, { x: 140, y: 85 })).toBe(true);
    expect(contains(upright, { x: 105, y: 120 })).toBe(false);
    expect(contains(box, { x: 98, y: 120 }, 3)).toBe(true);
  });

  it("rounds to two decimals and stays inside", () => {
    const edge = settle({ ...box, x: 559.996, width: 80.004 }, picture);
    expect(edge.x + edge.width).toBeLessThanOrEqual(640);
    expect(settle({ ...box, rotation: 359.999 }, picture).rotation).toBe(0);
  });
});
