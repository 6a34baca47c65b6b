import { describe, expect, it } from "vitest";
import type { Answers, When } from "../lib/api";
import file from "../../../tests/vectors/conditions.json";
import { asked, counting, same } from "./conditions";

interface Vector {
  name: string;
  questions: { id: string; when?: When }[];
  answers: Answers;
  asked: string[];
}

const vectors = file.vectors as Vector[];

describe("asked, by the vectors that Python reads too", () => {
  it.each(vectors.map((vector) => [vector.name, vector] as const))("%s", (_name, vector) => {
    expect(asked(vector.questions, vector.answers).map((question) => question.id)).toEqual(vector.asked);
  });
});

describe("counting", () => {
  const question = (id: string, when?: When) => ({ id, title: id, type: "any", config: {}, ...(when ? { when } : {}) });

  it("leaves out answers to questions that are not asked", () => {
    const questions = [question("a"), question("b", { question: "a", is: "yes" })];
    expect(counting(questions, { a: "no", b: "left over", z: 1 })).toEqual({ a: "no" });
    expect(counting(questions, { a: "yes", b: "kept" })).toEqual({ a: "yes", b: "kept" });
  });
});

describe("same", () => {
  it("tells null, empty and missing apart", () => {
    expect(same(null, undefined)).toBe(false);
    expect(same([], {})).toBe(false);
    expect(same({ a: null }, {})).toBe(false);
    expect(same([[1]], [[1]])).toBe(true);
  });
});
