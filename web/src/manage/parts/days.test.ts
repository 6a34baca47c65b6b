import { expect, it } from "vitest";
import { fillDays } from "./days";

it("shows days without annotations, two weeks at least", () => {
  const days = fillDays(
    [
      ["2026-11-20", 5],
      ["2026-11-23", 2],
    ],
    "2026-11-23",
  );
  expect(days).toHaveLength(14);
  expect(days.at(-4)).toEqual(["2026-11-20", 5]);
  expect(days.at(-2)).toEqual(["2026-11-22", 0]);
  expect(days.at(-1)).toEqual(["2026-11-23", 2]);
});

it("crosses the change of a month and stops at sixty days", () => {
  expect(fillDays([["2026-02-25", 1]], "2026-03-01").at(-5)).toEqual(["2026-02-25", 1]);
  expect(fillDays([["2025-01-01", 1]], "2026-03-01")).toHaveLength(60);
});
