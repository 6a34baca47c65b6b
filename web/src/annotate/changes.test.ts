import { describe, expect, it } from "vitest";
import type { Document } from "../lib/api";
import { changesBetween, diffTexts, isEmpty, type Piece } from "./changes";

const before = (pieces: Piece[]) => pieces.filter(({ kind }) => kind !== "new").map(({ text }) => text).join("");
const after = (pieces: Piece[]) => pieces.filter(({ kind }) => kind !== "gone").map(({ text }) => text).join("");

function document(more: Partial<Document> = {}): Document {
  const question = { id: "spam", title: "Is it spam?", type: "choice/1", config: { choices: ["ham", "spam"] } };
  return { name: "p", fields: [{ name: "text", type: "text" }], questions: [question], ...more };
}

describe("diffTexts", () => {
  it("names the words that changed and keeps the rest", () => {
    expect(diffTexts("Mark spam.\nBe kind.", "Mark all spam.\nBe kind.")).toEqual([
      { kind: "same", text: "Mark " },
      { kind: "new", text: "all " },
      { kind: "same", text: "spam.\nBe kind." },
    ]);
  });

  it("says nothing of equal texts", () => {
    expect(diffTexts("a\nb", "a\nb")).toEqual([]);
  });

  it("shows a text that came or went as a whole", () => {
    expect(diffTexts("", "new")).toEqual([{ kind: "new", text: "new" }]);
    expect(diffTexts("old", "")).toEqual([{ kind: "gone", text: "old" }]);
  });

  it("gives both texts back, whatever they are", () => {
    // A fixed generator (Park and Miller 1988, doi:10.1145/63039.63042), so that a failure can be repeated.
    let state = 42;
    const chance = (below: number) => (state = (state * 48271) % 2147483647) % below;
    const text = () => Array.from({ length: chance(30) }, () => ["a", "b", " ", "\n", "cc"][chance(5)]).join("");
    for (let i = 0; i < 500; i++) {
      const [a, b] = [text(), text()];
      const pieces = diffTexts(a, b);
      if (a === b) continue;
      expect(before(pieces)).toBe(a);
      expect(after(pieces)).toBe(b);
    }
  });

  it("stays quick on long texts that have nothing in common", () => {
    const a = Array.from({ length: 6000 }, (_, i) => `line ${i}`).join("\n");
    const b = Array.from({ length: 6000 }, (_, i) => `other ${i * 7}`).join("\n");
    const pieces = diffTexts(a, b);
    expect(before(pieces)).toBe(a);
    expect(after(pieces)).toBe(b);
  }, 20_000);
});

describe("changesBetween", () => {
  it("finds nothing where only settings of the project changed", () => {
    expect(isEmpty(changesBetween(document(), document({ overlap: 3, name: "q" })))).toBe(true);
  });

  it("takes a default that is written out for what it is", () => {
    const [question] = document().questions;
    const written = { ...question!, help: "", required: true, when: null };
    expect(isEmpty(changesBetween(document(), document({ questions: [written] })))).toBe(true);
  });

  it("names new, gone and changed questions and what is different", () => {
    const [question] = document().questions;
    const more = { ...question!, config: { choices: ["ham", "spam", { id: "x", name: "Unsure" }] } };
    const added = { id: "why", title: "Why?", type: "text/1", config: {} };
    const changes = changesBetween(document(), document({ questions: [more, added] }));
    expect(changes.questions).toEqual([
      {
        kind: "changed",
        id: "spam",
        title: "Is it spam?",
        parts: [{ what: "choices", before: "ham, spam", after: "ham, spam, Unsure" }],
      },
      { kind: "new", id: "why", title: "Why?", parts: [] },
    ]);
    expect(changesBetween(document({ questions: [more, added] }), document()).questions.map(({ kind }) => kind)).toEqual([
      "changed",
      "gone",
    ]);
  });

  it("names fields that came or went", () => {
    const fields = [{ name: "subject", type: "text" as const }];
    expect(changesBetween(document(), document({ fields })).fields).toEqual([
      { kind: "new", name: "subject" },
      { kind: "gone", name: "text" },
    ]);
  });
});
