// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Json } from "$web/widget";
import { nextLabel, readPoints, settle, writePoints } from "./points";

type Vector = {
  config: { labels: (string | { id: string })[] };
  data: { photo: { width: number; height: number } | string };
  answer: Json;
  stored?: Json;
  invalid?: string;
};
const vectors = JSON.parse(readFileSync(new URL("./vectors.json", import.meta.url), "utf8")) as Vector[];
const point = (label: string) => ({ x: 1, y: 1, label, visible: true });

describe("keypoints", () => {
  it.each(vectors.filter(({ invalid }) => invalid === undefined))("keeps the valid answer $answer", (vector) => {
    const labels = new Set(vector.config.labels.map((label) => (typeof label === "string" ? label : label.id)));
    const size = typeof vector.data.photo === "object" ? vector.data.photo : { width: Infinity, height: Infinity };
    const written = writePoints((readPoints(vector.answer, labels) ?? []).map((one) => settle(one, size)));
    const byPlace = (a: { [key: string]: Json }, b: { [key: string]: Json }) =>
      Number(a["x"]) - Number(b["x"]) || (String(a["label"]) < String(b["label"]) ? -1 : 1);
    expect(written.sort(byPlace)).toEqual(vector.stored ?? vector.answer);
  });

  it("goes on to the next label that no point has, round and round", () => {
    const labels = ["nose", "left", "right"];
    expect(nextLabel(labels, [point("nose")], "nose")).toBe("left");
    expect(nextLabel(labels, [point("right"), point("left")], "right")).toBe("nose");
    expect(nextLabel(labels, labels.map(point), "left")).toBe("left");
  });
});
