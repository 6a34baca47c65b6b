// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Json } from "$web/widget";
import { covered, decode, encode, flood, put, readMasks, type Row, rowsOf, stroke, writeMasks } from "./runs";

type Vector = { config: { labels: (string | { id: string })[] }; answer: Json; stored?: Json; invalid?: string };
const vectors = JSON.parse(readFileSync(new URL("./vectors.json", import.meta.url), "utf8")) as Vector[];
const size = { width: 30, height: 20 };

/** The pixels of some rows as a picture of letters. */
function bitsOf(rows: readonly Row[]): Uint8Array {
  const bits = new Uint8Array(size.width * size.height);
  put(bits, size.width, rows, true);
  return bits;
}

describe("masks", () => {
  it.each(vectors.filter(({ invalid }) => invalid === undefined))("keeps the valid answer $answer", (vector) => {
    const labels = new Set(vector.config.labels.map((label) => (typeof label === "string" ? label : label.id)));
    const read = readMasks(vector.answer, labels, { width: 0, height: 0 }) ?? [];
    for (const mask of read) expect(encode(decode(mask))).toEqual(mask.runs);
    const inOrder = (all: Json | undefined) => (all as { label: string; runs: number[] }[]).map((one) => JSON.stringify(one)).sort();
    expect(inOrder(writeMasks(read))).toEqual(inOrder(vector.stored ?? vector.answer));
  });

  it("knows its rows, also of a run that goes over several", () => {
    const mask = { label: "road", width: 8, height: 4, runs: [6, 12, 14] };
    expect(rowsOf(mask)).toEqual([
      { y: 0, start: 6, end: 8 },
      { y: 1, start: 0, end: 8 },
      { y: 2, start: 0, end: 2 },
    ]);
    expect(covered(mask)).toBe(12);
  });

  it.each([
    [{ x: 5, y: 5 }, { x: 5, y: 5 }, 3],
    [{ x: 3, y: 15 }, { x: 25, y: 4 }, 2.5],
    [{ x: 2, y: 10 }, { x: 28, y: 10 }, 1],
    [{ x: 12.3, y: -4 }, { x: 12.3, y: 30 }, 4],
    [{ x: 27, y: 2 }, { x: 40, y: 18 }, 6],
  ])("paints from %o to %o the pixels that lie within %d", (from, to, radius) => {
    const painted = bitsOf(stroke(from, to, radius, size));
    for (let i = 0; i < painted.length; i += 1) {
      const p = { x: (i % size.width) + 0.5, y: Math.floor(i / size.width) + 0.5 };
      const [dx, dy] = [to.x - from.x, to.y - from.y];
      const along = Math.min(Math.max(((p.x - from.x) * dx + (p.y - from.y) * dy) / (dx * dx + dy * dy || 1), 0), 1);
      const away = Math.hypot(p.x - from.x - along * dx, p.y - from.y - along * dy);
      if (Math.abs(away - radius) > 1e-6) expect(painted[i], JSON.stringify(p)).toBe(away < radius ? 1 : 0);
    }
  });

  it("fills what a ring holds and nothing beyond it", () => {
    const ring = bitsOf(stroke({ x: 10, y: 10 }, { x: 10, y: 10 }, 8, size));
    put(ring, size.width, stroke({ x: 10, y: 10 }, { x: 10, y: 10 }, 5, size), false);
    const inside = flood(ring, size, 10, 10);
    put(ring, size.width, inside, true);
    expect(ring).toEqual(bitsOf(stroke({ x: 10, y: 10 }, { x: 10, y: 10 }, 8, size)));
    expect(flood(ring, size, 10, 10)).toEqual([]);
    expect(flood(ring, size, 29, 0).some(({ y }) => y === 19)).toBe(true);
  });

  it("drops what is of another picture, or does not add up", () => {
    const mask = { label: "road", width: 8, height: 4, runs: [16, 16] };
    const read = (entry: Json, picture = size) => readMasks([entry], new Set(["road"]), picture);
    expect(read(mask, { width: 8, height: 4 })).toHaveLength(1);
    for (const entry of [mask, { ...mask, runs: [16, 15] }, { ...mask, runs: [16, 0, 16] }, { ...mask, label: "sea" }]) expect(read(entry)).toEqual([]);
  });
});
