// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Json } from "$web/widget";
import { complete, moveTo, place, readRanks, remove, step, toggleTie } from "./order";

type Vector = { config: { items?: (string | { id: string })[]; field_items?: string[]; ties?: boolean }; answer: Json; invalid?: string };
const vectors = JSON.parse(readFileSync(new URL("./vectors.json", import.meta.url), "utf8")) as Vector[];

describe("ranking", () => {
  it.each(vectors)("agrees with the other side about $answer", ({ config, answer, invalid }) => {
    const ids = (config.items ?? config.field_items ?? []).map((item) => (typeof item === "string" ? item : item.id));
    const ranks = readRanks(answer, ids, config.ties === true);
    const whole = ranks.flat().length === ids.length && JSON.stringify(ranks) === JSON.stringify(answer);
    expect(whole).toBe(invalid === undefined);
  });

  it("ranks in the order of the presses, and the last one by itself", () => {
    const ids = ["a", "b", "c"];
    expect(complete(place([], "b"), ids)).toEqual([["b"]]);
    expect(complete(place([["b"]], "c"), ids)).toEqual([["b"], ["c"], ["a"]]);
    expect(place([["b"]], "c", true)).toEqual([["b", "c"]]);
  });

  it("moves by one, and no further than the ends", () => {
    const ranks = [["a"], ["b"], ["c"]];
    expect(step(ranks, "c", -1)).toEqual([["a"], ["c"], ["b"]]);
    expect(step(ranks, "a", -1)).toEqual(ranks);
    expect(step(ranks, "c", 1)).toEqual(ranks);
    expect(moveTo(ranks, "a", 2)).toEqual([["b"], ["c"], ["a"]]);
    expect(remove(ranks, "b")).toEqual([["a"], ["c"]]);
  });

  it("ties and unties", () => {
    expect(toggleTie([["a"], ["b"], ["c"]], "b")).toEqual([["a", "b"], ["c"]]);
    expect(toggleTie([["a", "b"], ["c"]], "a")).toEqual([["b"], ["a"], ["c"]]);
    expect(toggleTie([["a"], ["b"]], "a")).toEqual([["a"], ["b"]]);
    expect(step([["a", "b"], ["c"]], "b", -1)).toEqual([["b"], ["a"], ["c"]]);
    expect(step([["a", "b"], ["c"]], "a", 1)).toEqual([["b"], ["a"], ["c"]]);
  });
});
