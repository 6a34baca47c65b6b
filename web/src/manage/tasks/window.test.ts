import { describe, expect, it } from "vitest";
import { between, visibleRows } from "./window";

describe("visibleRows", () => {
  it("draws what is seen and a margin, never more than there is", () => {
    expect(visibleRows(0, 400, 40, 1_000_000)).toEqual({ first: 0, end: 22 });
    expect(visibleRows(40_000, 400, 40, 1_000_000)).toEqual({ first: 988, end: 1022 });
    expect(visibleRows(0, 400, 40, 3)).toEqual({ first: 0, end: 3 });
  });

  it("stays inside when the list has become shorter than the place looked at", () => {
    expect(visibleRows(90_000, 400, 40, 10)).toEqual({ first: 10, end: 10 });
    expect(visibleRows(-500, 400, 40, 100)).toEqual({ first: 0, end: 10 });
  });

  it("draws the same few rows however long the list is", () => {
    for (const count of [1_000, 1_000_000]) {
      const { first, end } = visibleRows(count * 20, 800, 40, count);
      expect(end - first).toBeLessThan(50);
    }
  });
});

it("counts both ends", () => {
  expect(between(3, 1)).toEqual([1, 2, 3]);
  expect(between(2, 2)).toEqual([2]);
});
