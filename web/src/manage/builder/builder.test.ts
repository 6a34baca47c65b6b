import { describe, expect, it } from "vitest";
import type { Document } from "../../lib/api";
import { changes, draftOf, earlier, emptyDraft, newQuestion, questionIds, renameField, slug, wireOf } from "./draft";
import { mergeOptions, move, parseLines, readOptions, writeOptions } from "./options";
import { controls, firstConfig, keptConfig, takes } from "./schema";

const schema = {
  type: "object",
  properties: {
    choices: {
      title: "Choices",
      description: "What annotators choose from",
      format: "choices",
      type: "array",
      items: { anyOf: [{ type: "string" }, { $ref: "#/$defs/Branch" }] },
    },
    max: { title: "At most", anyOf: [{ type: "integer", minimum: 1 }, { type: "null" }], default: null },
    leaves_only: { title: "Leaves only", type: "boolean", default: false },
    source: { title: "Source", format: "field:text,markdown", type: "string" },
    shown: { title: "Shown", type: "array", items: { type: "string", format: "field:*" } },
    mode: { title: "Mode", enum: ["none", "optional"], default: "none" },
    labels: { title: "Names", type: "object", additionalProperties: { type: "string" }, default: {} },
    odd: { title: "Odd", type: "array", items: { type: "number" } },
  },
  required: ["choices", "source", "shown"],
  $defs: {
    Branch: {
      properties: {
        name: { type: "string" },
        id: { type: "string" },
        key: { title: "Key", type: "string", maxLength: 1 },
        children: { type: "array" },
      },
    },
  },
};

describe("controls", () => {
  const by = Object.fromEntries(controls(schema).map((one) => [one.key, one]));

  it("draws each property by its format, else by its type", () => {
    expect(Object.values(by).map((one) => one.kind)).toEqual([
      "choices",
      "number",
      "switch",
      "field",
      "fields",
      "select",
      "names",
      "json",
    ]);
  });

  it("takes titles, bounds and presets from the schema", () => {
    expect(by["choices"]).toMatchObject({ tree: true, required: true, help: "What annotators choose from" });
    expect(by["choices"]).toMatchObject({ columns: [{ key: "key", max: 1 }] });
    expect(by["max"]).toMatchObject({ title: "At most", whole: true, min: 1, nullable: true, preset: null });
    expect(by["source"]).toMatchObject({ types: ["text", "markdown"] });
  });

  it("knows which fields a picker takes", () => {
    expect(takes(["text"], "image")).toBe(false);
    expect(takes(["*"], "image")).toBe(true);
  });

  it("begins with the fields that fit", () => {
    const fields = [
      { name: "picture", type: "image" },
      { name: "text", type: "text" },
    ];
    expect(firstConfig(schema, { choices: ["a"] }, fields)).toEqual({
      choices: [],
      source: "text",
      shown: ["picture", "text"],
    });
  });
});

describe("keptConfig", () => {
  const control = (key: string, property: object) => controls({ properties: { [key]: property } });
  const fields = [
    { name: "picture", type: "image" },
    { name: "text", type: "text" },
  ];

  it("keeps what both label types know in one form", () => {
    const list = control("labels", { type: "array", format: "choices" });
    const names = control("labels", { type: "object", additionalProperties: { type: "string" } });
    expect(keptConfig(list, list, { labels: ["a"] }, fields)).toEqual({ labels: ["a"] });
    expect(keptConfig(list, names, { labels: ["a"] }, fields)).toEqual({});
  });

  it("keeps a field only where its type is taken", () => {
    const image = control("field", { type: "string", format: "field:image" });
    const text = control("field", { type: "string", format: "field:text" });
    expect(keptConfig(image, text, { field: "picture" }, fields)).toEqual({});
    expect(keptConfig(text, text, { field: "text" }, fields)).toEqual({ field: "text" });
  });
});

describe("options", () => {
  it("writes what it read, in the short form where that says all", () => {
    const stored = ["ham", { name: "Can't tell", id: "unsure", key: "u", children: ["a", "b"] }];
    expect(writeOptions(readOptions(stored))).toEqual(stored);
  });

  it("reads pasted lines, ids before a tab, deeper lines below", () => {
    expect(writeOptions(parseLines("ham\n\nsp\tSpam\r\n", false))).toEqual(["ham", { name: "Spam", id: "sp" }]);
    expect(writeOptions(parseLines("sport\n  chess\n  ball\n    foot\nnews", true))).toEqual([
      { name: "sport", children: ["chess", { name: "ball", children: ["foot"] }] },
      "news",
    ]);
  });

  it("adds each entry once", () => {
    expect(mergeOptions(parseLines("a\nb", false), parseLines("b\nc\nc", false)).map((one) => one.name)).toEqual([
      "a",
      "b",
      "c",
    ]);
  });

  it("moves inside the list only", () => {
    expect(move(["a", "b", "c"], 2, -1)).toEqual(["a", "c", "b"]);
    expect(move(["a", "b"], 0, -1)).toEqual(["a", "b"]);
  });
});

const document: Document = {
  name: "Spam",
  fields: [{ name: "text", type: "text" }],
  questions: [
    { id: "spam", title: "Is it spam?", type: "t/1", config: { choices: [{ id: "ham", name: "Ham" }], field: "text" } },
    { id: "why", title: "Why?", type: "x/1", config: {}, required: false, when: { question: "spam", is: "spam" } },
  ],
};

describe("draft", () => {
  it("sends back what is in force", () => {
    const wire = wireOf(draftOf(document));
    expect(wire).toMatchObject({ name: "Spam", overlap: 1, lease_seconds: 1800, skip: true });
    expect(wire.questions[0]).toMatchObject({ id: "spam", name: "spam", type: "t/1", choices: [{ id: "ham", name: "Ham" }] });
    expect(wire.questions[1]).toMatchObject({ required: false, when: { question: "spam", is: "spam" } });
  });

  it("does not touch the document that it came from", () => {
    const draft = draftOf(document);
    draft.questions[0]!.config["choices"] = [];
    expect(document.questions[0]!.config["choices"]).toHaveLength(1);
  });

  it("makes readable ids, each once, and keeps those in force", () => {
    const questions = ["Is it spam?", "Is it spam?", "¿Qué?", "😀"].map((title) => newQuestion({ type: "t/1", title }));
    questions.push(newQuestion({ type: "t/1", id: "is_it_spam", title: "Old", known: true }));
    expect(questionIds(questions)).toEqual(["is_it_spam_2", "is_it_spam_3", "qué", "question", "is_it_spam"]);
    expect(slug("Größe & Gewicht ")).toBe("größe_gewicht");
  });

  it("lets questions follow a renamed field", () => {
    const draft = draftOf(document);
    renameField(draft, draft.fields[0]!.key, "message", () => ["field"]);
    expect(draft.questions[0]!.config["field"]).toBe("message");
    expect(draft.fields[0]!.name).toBe("message");
  });

  it("lets a question depend on those before it only", () => {
    const draft = draftOf(document);
    expect(earlier(draft.questions, 1).map((one) => one.id)).toEqual(["spam"]);
    expect(earlier(draft.questions, 0)).toEqual([]);
    expect(emptyDraft().questions).toEqual([]);
  });
});

describe("changes", () => {
  const changed = (change: (copy: Document) => void) => {
    const copy = structuredClone(document);
    change(copy);
    return changes(document, copy);
  };

  it("finds none in an equal document, defaults spelt out or not", () => {
    expect(changed(() => undefined)).toEqual([]);
    expect(changed((copy) => Object.assign(copy, { overlap: 1, instructions: "" }))).toEqual([]);
    expect(changed((copy) => Object.assign(copy.questions[0]!, { required: true, help: "" }))).toEqual([]);
  });

  it("names settings, questions and fields", () => {
    expect(changed((copy) => (copy.overlap = 3))).toMatchObject([{ what: "overlap", before: 1, after: 3 }]);
    expect(changed((copy) => copy.questions.pop())).toMatchObject([{ what: "question", kind: "removed", subject: "Why?" }]);
    expect(changed((copy) => copy.fields.push({ name: "image", type: "image" }))).toMatchObject([
      { what: "field", kind: "added", subject: "image" },
    ]);
    expect(changed((copy) => (copy.questions[0]!.config["choices"] = []))).toMatchObject([
      { what: "question", kind: "changed", subject: "Is it spam?", keys: ["choices"] },
    ]);
    expect(changed((copy) => copy.questions.reverse())).toMatchObject([{ what: "question", kind: "moved" }]);
  });
});
