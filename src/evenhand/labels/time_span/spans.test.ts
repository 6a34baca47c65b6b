// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { clock } from "$web/lib/times";
import type { Json } from "$web/widget";
import { between, marks, move, pan, peaksOf, readSpans, reveal, room, settle, withEdge, writeSpans, zoom } from "./spans";

type Vector = { config: { labels: (string | { id: string })[] }; answer: Json; stored?: Json; invalid?: string };
const vectors = JSON.parse(readFileSync(new URL("./vectors.json", import.meta.url), "utf8")) as Vector[];
const span = between(4, 2, "speech");
const all = { from: 0, to: 10 };

describe("time spans", () => {
  it.each(vectors.filter(({ invalid }) => invalid === undefined))("keeps the valid answer $answer", (vector) => {
    const labels = new Set(vector.config.labels.map((label) => (typeof label === "string" ? label : label.id)));
    const written = writeSpans((readSpans(vector.answer, labels) ?? []).map((one) => settle(one, 3600)));
    const inOrder = (list: Json | undefined) => (list as Json[]).map((one) => JSON.stringify(one)).sort();
    expect(inOrder(written)).toEqual(inOrder(vector.stored ?? vector.answer));
  });

  it("stays inside the recording, and never gets empty", () => {
    expect(settle({ ...span, start: -1, end: 99 }, 10)).toMatchObject({ start: 0, end: 10 });
    expect(settle({ ...span, start: 3, end: 3 }, 10)).toMatchObject({ start: 3, end: 3.01 });
    expect(settle({ ...span, start: 12, end: 13 }, 10)).toMatchObject({ start: 9.99, end: 10 });
  });

  it("moves edges and wholes, but not through others where none may overlap", () => {
    const others = [between(0, 1, "a"), between(6, 8, "a")];
    const free = room(others, 3, false, 10);
    expect(free).toEqual({ from: 1, to: 6 });
    expect(room(others, 3, true, 10)).toEqual(all);
    expect(withEdge(span, "end", 7, free)).toMatchObject({ start: 2, end: 6 });
    expect(withEdge(span, "start", 9, free)).toMatchObject({ start: 3.99, end: 4 });
    expect(move(span, 9, free)).toMatchObject({ start: 4, end: 6 });
  });

  it("zooms about a time, pans, and turns the page", () => {
    expect(zoom(all, 2, 10, 10)).toEqual({ from: 5, to: 10 });
    expect(zoom(all, 0.1, 5, 10)).toEqual(all);
    expect(zoom(all, 1000, 5, 10).to - zoom(all, 1000, 5, 10).from).toBeCloseTo(0.25);
    expect(pan({ from: 2, to: 4 }, 99, 10)).toEqual({ from: 8, to: 10 });
    expect(reveal({ from: 2, to: 4 }, 3, 10)).toEqual({ from: 2, to: 4 });
    expect(reveal({ from: 2, to: 4 }, 5, 10).from).toBeCloseTo(4.8);
  });

  it("writes times and marks as one reads them", () => {
    expect([clock(0), clock(75.5), clock(59.9999), clock(3725.25)]).toEqual(["0:00.00", "1:15.50", "1:00.00", "1:02:05.25"]);
    expect(marks({ from: 0.9, to: 4.1 }, 5)).toEqual([1, 2, 3, 4]);
    expect(marks({ from: 0, to: 3600 }, 8)).toEqual([0, 600, 1200, 1800, 2400, 3000, 3600]);
  });

  it("takes the loudest of each part of a second", () => {
    const samples = Float32Array.from({ length: 8 }, (_, i) => (i === 2 ? -0.5 : i === 7 ? 0.25 : 0));
    expect([...peaksOf(samples, 4, 2)]).toEqual([0, 0.5, 0, 0.25]);
  });
});
