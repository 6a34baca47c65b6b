/**
 * Which questions are asked: the twin of `condition_holds` and `asked` in `evenhand/core/project.py`.
 * Both languages read tests/vectors/conditions.json.
 */
import type { Answers, StoredQuestion, When } from "../lib/api";
import type { Json } from "../widget";

/** Equality of JSON values as Python has it: by value, and true is 1. */
export function same(a: Json | undefined, b: Json | undefined): boolean {
  if (isNumeric(a) && isNumeric(b)) return Number(a) === Number(b);
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => same(item, b[i]));
  if (isObject(a) && isObject(b)) return sameObject(a, b);
  return a === b;
}

function isNumeric(value: Json | undefined): value is number | boolean {
  return typeof value === "number" || typeof value === "boolean";
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sameObject(a: { [key: string]: Json }, b: { [key: string]: Json }): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && same(a[key], b[key]));
}

/** Whether a question with this condition is asked, given the answers so far. */
function conditionHolds(when: When | null | undefined, answers: Answers): boolean {
  if (!when) return true;
  const answer = answers[when.question] ?? null;
  if (when.answered != null && (answer !== null) !== when.answered) return false;
  if (when.is != null && !same(answer, when.is)) return false;
  const { includes } = when;
  return includes == null || (Array.isArray(answer) && answer.some((item) => same(item, includes)));
}

/** The questions that are asked, given these answers. An answer to a question not asked counts for nothing. */
export function asked<Q extends Pick<StoredQuestion, "id" | "when">>(questions: readonly Q[], answers: Answers): Q[] {
  const live: Answers = {};
  return questions.filter((question) => {
    if (!conditionHolds(question.when, live)) return false;
    const answer = answers[question.id];
    if (answer !== undefined) live[question.id] = answer;
    return true;
  });
}

/** The answers that count: those to questions that are asked. */
export function counting(questions: readonly StoredQuestion[], answers: Answers): Answers {
  const kept: Answers = {};
  for (const { id } of asked(questions, answers)) {
    const answer = answers[id];
    if (answer !== undefined) kept[id] = answer;
  }
  return kept;
}
