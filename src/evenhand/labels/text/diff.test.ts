// @vitest-environment node
import { describe, expect, it } from "vitest";
import { diff } from "./diff";

const apply = (pieces: ReturnType<typeof diff>, without: "gone" | "new") =>
  pieces.filter(({ kind }) => kind !== without).map(({ text }) => text).join("");

describe("diff", () => {
  it.each([
    ["teh cat sat", "the cat sat down"],
    ["", "new"],
    ["gone", ""],
    ["same", "same"],
    ["a b c d", "d c b a"],
    ["שלום עולם 😀", "שלום 😀 עולם"],
  ])("leads from %j to %j and back", (before, after) => {
    const pieces = diff(before, after);
    expect(apply(pieces, "new")).toBe(before);
    expect(apply(pieces, "gone")).toBe(after);
    expect(pieces.every(({ text }) => text)).toBe(true);
  });

  it("names whole words, what is gone before what is new", () => {
    expect(diff("teh cat sat", "the cat sat")).toEqual([
      { kind: "gone", text: "teh" },
      { kind: "new", text: "the" },
      { kind: "same", text: " cat sat" },
    ]);
  });

  it("stays quick on long texts that have nothing in common", () => {
    const before = "a ".repeat(30_000);
    const after = "b ".repeat(30_000);
    expect(apply(diff(before, after), "gone")).toBe(after);
  });
});
