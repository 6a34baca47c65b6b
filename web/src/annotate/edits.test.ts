import { describe, expect, it } from "vitest";
import type { Answers } from "../lib/api";
import { Edits } from "./edits";

describe("edits", () => {
  it("takes back edit by edit, in order, down to the start", () => {
    const edits = new Edits({ a: "x" });
    edits.change("a", "y", 0);
    edits.change("b", [1], 1);
    edits.change("a", undefined, 2);
    expect(edits.answers).toEqual({ b: [1] });
    expect(edits.undo()).toBe("a");
    expect(edits.answers).toEqual({ a: "y", b: [1] });
    expect(edits.undo()).toBe("b");
    expect(edits.undo()).toBe("a");
    expect(edits.answers).toEqual({ a: "x" });
    expect(edits.changed).toBe(false);
    expect(edits.undo()).toBeUndefined();
  });

  it("does again what was undone, until something new is done", () => {
    const edits = new Edits();
    edits.change("a", "x", 0);
    edits.change("a", "y", 1);
    edits.undo();
    expect(edits.redo()).toBe("a");
    expect(edits.answers).toEqual({ a: "y" });
    edits.undo();
    edits.change("a", "z", 2);
    expect(edits.redo()).toBeUndefined();
    expect(edits.answers).toEqual({ a: "z" });
  });

  it("makes one step of a run of keystrokes, and two after a pause", () => {
    const edits = new Edits();
    edits.change("t", "h", 0, true);
    edits.change("t", "he", 200, true);
    edits.change("t", "hey", 800, true);
    edits.change("t", "hey!", 2000, true);
    edits.undo();
    expect(edits.answers).toEqual({ t: "hey" });
    edits.undo();
    expect(edits.answers).toEqual({});
  });

  it("keeps quick picks apart: they were not typed", () => {
    const edits = new Edits();
    edits.change("a", "x", 0);
    edits.change("a", "y", 10);
    edits.undo();
    expect(edits.answers).toEqual({ a: "x" });
  });

  it("makes no step of a change that changes nothing", () => {
    const edits = new Edits({ a: ["p", "q"] });
    edits.change("a", ["p", "q"], 0);
    expect(edits.canUndo).toBe(false);
  });

  it("never edits the answers that it gave out", () => {
    const start: Answers = { a: "x" };
    const edits = new Edits(start);
    const seen = edits.answers;
    edits.change("a", "y", 0);
    expect(seen).toEqual({ a: "x" });
    expect(start).toEqual({ a: "x" });
  });
});
