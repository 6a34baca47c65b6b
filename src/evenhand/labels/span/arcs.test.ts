import { describe, expect, it } from "vitest";
import { type End, path, route } from "./arcs";

const SHEET = { gap: 24, margin: 40, away: -1 as const };
const end = (left: number, top: number): End => ({ left, right: left + 50, top });

describe("arcs", () => {
  it("stay in the gap above a line, the longer ones above the shorter", () => {
    const [a, b, c] = [end(50, 100), end(150, 100), end(300, 100)];
    const [long, short] = route([[a, c], [a, b]], SHEET);
    const heights = [long, short].map((arc) => arc?.run.y ?? 0);
    expect(Math.min(...heights)).toBeGreaterThan(100 - SHEET.gap);
    expect(heights[0]).toBeLessThan(heights[1] ?? 0);
    expect(long?.points[0]?.[0]).not.toBe(short?.points[0]?.[0]);
  });

  it("go from line to line beside the text, each in a lane of its own", () => {
    const [a, b, c] = [end(50, 100), end(150, 200), end(60, 300)];
    const arcs = route([[a, b], [a, c]], SHEET);
    const beside = arcs.map(({ points }) => points[2]?.[0] ?? 99);
    expect(beside.every((x) => x < SHEET.margin && x > 0)).toBe(true);
    expect(new Set(beside).size).toBe(2);
    for (const { points } of arcs)
      for (const [i, [x, y]] of points.entries()) {
        const [nextX, nextY] = points[i + 1] ?? [x, y];
        expect(x === nextX || y === nextY, "only along gaps and margin").toBe(true);
      }
  });

  it("mirror where the text runs from right to left", () => {
    const [arc] = route([[end(50, 100), end(150, 200)]], { ...SHEET, margin: 400, away: 1 });
    expect(arc?.points[2]?.[0]).toBeGreaterThan(400);
  });

  it("stay within the gap however many there are", () => {
    const ends = Array.from({ length: 30 }, (_, i) => end(50 + i * 10, 100));
    const arcs = route(ends.slice(1).map((one) => [ends[0] as End, one] as const), SHEET);
    for (const { run } of arcs) expect(run.y).toBeGreaterThan(100 - SHEET.gap);
  });

  it("are drawn with round corners", () => {
    expect(path([[0, 0], [0, 20], [20, 20]], 5)).toBe("M0 0L0 15Q0 20 5 20L20 20");
  });
});
