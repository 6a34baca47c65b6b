// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Offsets } from "$web/lib/offsets";
import type { Json } from "$web/widget";
import { allows, fitting, readLinks, readRelations, writeLinks } from "./relations";
import { levels, mark, nextCharacter, readPlaces, segments, snap, sorted, type Span, wordAt, words, writeSpan } from "./spans";

type Vector = {
  config: { labels: (string | { id: string })[]; overlap?: boolean; relations?: Json[] };
  data: { text?: string };
  answer: Json;
  stored?: Json;
  invalid?: string;
};
const vectors = JSON.parse(readFileSync(new URL("./vectors.json", import.meta.url), "utf8")) as Vector[];

describe("spans", () => {
  it.each(vectors.filter(({ data }) => data.text !== undefined))("agrees with the other side about $answer", (vector) => {
    const offsets = new Offsets(vector.data.text ?? "");
    const labels = new Set(vector.config.labels.map((label) => (typeof label === "string" ? label : label.id)));
    const places = readPlaces(vector.answer, offsets, labels, vector.config.overlap === true) ?? [];
    const asked = readRelations(vector.config.relations);
    const spans = sorted(places);
    const links = readLinks(vector.answer, places, asked, spans);
    const written = spans.map((span) => ({ ...writeSpan(span, offsets), ...writeLinks(span, links, spans) }));
    const expected = vector.stored ?? vector.answer;
    if (vector.invalid === undefined) expect(written).toEqual(expected);
    else expect(written).not.toEqual(expected);
  });

  it("keeps a relation while both its ends are there and fit", () => {
    const [person, place, other]: Span[] = [
      { start: 0, end: 3, label: "PER" },
      { start: 5, end: 8, label: "LOC" },
      { start: 9, end: 12, label: "PER" },
    ];
    if (!person || !place || !other) throw new Error("unreachable");
    const asked = readRelations(["same", { name: "in", from: ["PER"], to: ["LOC"] }, { name: "near", directed: false, to: ["LOC"] }]);
    const links = [
      { from: person, to: place, label: "in" },
      { from: place, to: person, label: "near" },
      { from: other, to: person, label: "same" },
      { from: other, to: person, label: "in" },
    ];
    const told = (order: Span[]) => fitting(links, asked, order).map(({ from, to, label }) => [order.indexOf(from), order.indexOf(to), label]);
    expect(told([person, place, other])).toEqual([[0, 1, "in"], [0, 1, "near"], [2, 0, "same"]]);
    expect(told([person, other])).toEqual([[1, 0, "same"]]);
    expect(asked.map((one) => [allows(one, person, place), allows(one, place, person), allows(one, person, person)])).toEqual([
      [true, true, false],
      [true, false, false],
      [true, true, false],
    ]);
  });

  it("steps on words and emoji in any script", () => {
    const text = "Zoë's 👩‍👩‍👧 in 東京, ذهب €5";
    const found = words(text).map(({ start, end }) => text.slice(start, end));
    expect(found).toEqual(["Zoë's", "👩‍👩‍👧", "in", "東京", "ذهب", "€", "5"]);
    expect(wordAt(words("ab cd"), 2)).toBe(1);
    expect(wordAt(words("ab cd"), 5)).toBe(2);
  });

  it("grows a careless selection to whole words, or only trims it", () => {
    const text = "  New York, now";
    const all = words(text);
    const cut = (stretch: ReturnType<typeof snap>) => stretch && text.slice(stretch.start, stretch.end);
    expect(cut(snap(text, { start: 3, end: 8 }, all, true))).toBe("New York");
    expect(cut(snap(text, { start: 8, end: 3 }, all, false))).toBe("ew Yo");
    expect(cut(snap(text, { start: 0, end: 6 }, all, true))).toBe("New");
    expect(cut(snap(text, { start: 10, end: 11 }, all, true))).toBe(",");
    expect(snap(text, { start: 0, end: 2 }, all, true)).toBeUndefined();
  });

  it("replaces what is in the way, or keeps both, and takes a mark back", () => {
    const inner = { start: 0, end: 3, label: "A" };
    const outer = { start: 0, end: 8, label: "A" };
    expect(mark([inner], outer, "A", false)).toEqual([outer]);
    expect(mark([inner], outer, "A", true)).toEqual([inner, outer]);
    expect(mark([inner], inner, "B", false)).toEqual([{ ...inner, label: "B" }]);
    expect(mark([inner], inner, "A", false)).toEqual([]);
  });

  it("cuts the text at every edge", () => {
    const spans: Span[] = [
      { start: 0, end: 5, label: "A" },
      { start: 3, end: 8, label: "B" },
    ];
    const pieces = segments(10, spans, { start: 8, end: 9 });
    expect(pieces.map(({ start, end, spans: on }) => [start, end, on.map(({ label }) => label).join("")])).toEqual([
      [0, 3, "A"],
      [3, 5, "AB"],
      [5, 8, "B"],
      [8, 9, ""],
      [9, 10, ""],
    ]);
    expect([...levels([...spans, { start: 5, end: 6, label: "C" }]).values()]).toEqual([0, 1, 0]);
  });

  it("moves an edge by what readers see as one character", () => {
    const text = "e\u0301👩‍👩‍👧x";
    expect(nextCharacter(text, 0, 1)).toBe(2);
    expect(nextCharacter(text, 2, 1)).toBe(10);
    expect(nextCharacter(text, 10, -1)).toBe(2);
    expect(nextCharacter(text, 0, -1)).toBe(0);
    expect(nextCharacter(text, 11, 1)).toBe(11);
  });
});
