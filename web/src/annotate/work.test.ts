import { describe, expect, it } from "vitest";
import type { Answers, Assignment, Form } from "../lib/api";
import type { Draft } from "./journal";
import { Work } from "./work.svelte";

const form: Form = {
  project_id: "p",
  version: 2,
  document: {
    name: "p",
    fields: [{ name: "text", type: "text" }],
    questions: [
      { id: "spam", title: "Spam?", type: "any", config: {} },
      { id: "why", title: "Why?", type: "any", config: {}, when: { question: "spam", is: "yes" } },
    ],
  },
  widgets: {},
  changed: null,
};

function assignment(more: Partial<Assignment> = {}): Assignment {
  const base = { id: "a", task_id: "t", project_id: "p", version: 2, data: {}, expires_at: "2026-11-23T12:00:00Z" };
  return { ...base, suggestion: null, draft: null, place: ["pool", 0], ...more };
}

function draft(answers: Answers, onNode = false): Draft {
  const base = { assignment_id: "a", task_id: "t", project_id: "p", person: "m", revision: null };
  return { ...base, answers, seconds: 12, edited_at: 1, on_node: onNode };
}

const work = (more: Partial<Assignment> = {}, kept?: Draft) =>
  new Work({ assignment: assignment(more), form, draft: kept });

describe("work", () => {
  it("hands in only answers to questions that are asked, and keeps the others", () => {
    const one = work();
    one.change("spam", "yes", 0);
    one.change("why", "prize", 1);
    one.change("spam", "no", 2);
    expect(one.counting).toEqual({ spam: "no" });
    expect(one.noted).toEqual({ spam: "no", why: "prize" });
    expect(one.asked.map(({ id }) => id)).toEqual(["spam"]);
    one.change("spam", "yes", 3);
    expect(one.counting).toEqual({ spam: "yes", why: "prize" });
  });

  it("puts what this device kept on top of the node's draft, and undo shows the other", () => {
    const one = work({ draft: { spam: "no" } }, draft({ spam: "yes" }));
    expect(one.answer("spam")).toBe("yes");
    expect(one.seconds).toBe(12);
    one.undo();
    expect(one.answer("spam")).toBe("no");
  });

  it("takes the node's draft where this device had sent all of its own", () => {
    const one = work({ draft: { spam: "from elsewhere" } }, draft({ spam: "yes" }, true));
    expect(one.answer("spam")).toBe("from elsewhere");
    expect(one.canUndo).toBe(false);
  });

  it("does not count a suggestion until it is accepted", () => {
    const one = work({ suggestion: { spam: "yes" } });
    expect(one.suggestion("spam")).toBe("yes");
    expect(one.counting).toEqual({});
    one.accept("spam", 0);
    expect(one.suggestion("spam")).toBeUndefined();
    expect(one.counting).toEqual({ spam: "yes" });
    one.undo();
    expect(one.suggestion("spam")).toBe("yes");
  });

  it("puts a suggestion aside, undoably, and tells the node nothing of it", () => {
    const one = work({ suggestion: { spam: "yes" } });
    one.putAside("spam", 0);
    expect(one.suggestion("spam")).toBeUndefined();
    expect(one.draft).toEqual({});
    expect(one.undo()).toBe("spam");
    expect(one.suggestion("spam")).toBe("yes");
  });

  it("counts time over several visits to the screen", () => {
    const one = work();
    one.enter(0, true);
    for (let now = 1; now <= 5; now++) one.clock?.tick(now * 1000);
    one.leave(5_000);
    one.enter(100_000, true);
    one.leave(102_000);
    expect(one.seconds).toBe(7);
  });
});
