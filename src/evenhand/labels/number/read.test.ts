// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Json } from "$web/widget";
import { complaint, nudge, readLimits, readNumber } from "./read";

type Vector = { config: { [key: string]: Json }; answer: Json; invalid?: string };
const vectors = JSON.parse(readFileSync(new URL("./vectors.json", import.meta.url), "utf8")) as Vector[];

describe("number", () => {
  it.each(vectors)("agrees with the other side about $answer under $config", ({ config, answer, invalid }) => {
    expect(complaint(answer, readLimits(config)) === undefined).toBe(invalid === undefined);
  });

  it("reads numbers as people write them, and refuses what is ambiguous", () => {
    const written = ["12", " -1,5 ", "−3", "1 000", ".5", "1e3", "1,000.5", "", "12kg", "Infinity", "1,2,3"];
    const read = [12, -1.5, -3, 1000, 0.5, 1000, undefined, undefined, undefined, undefined, undefined];
    expect(written.map(readNumber)).toEqual(read);
  });

  it("steps along the grid, without binary noise, inside the bounds", () => {
    const limits = readLimits({ min: 0, max: 1, step: 0.1 });
    expect(nudge(0.2, 1, limits)).toBe(0.3);
    expect(nudge(0.25, -1, limits)).toBe(0.2);
    expect(nudge(1, 1, limits)).toBe(1);
    expect(nudge(undefined, 1, limits)).toBe(0);
    expect(nudge(undefined, 1, readLimits({}))).toBe(0);
  });
});
