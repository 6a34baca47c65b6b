import type { When } from "../../lib/api";
import type { Json } from "../../widget";

/** What a condition asks of the earlier answer. */
export type Test = "answered" | "unanswered" | "is" | "includes";

/** The test that a condition makes; one that tests nothing counts as "answered". */
export function conditionTest(when: When): Test {
  if (when.is !== undefined && when.is !== null) return "is";
  if (when.includes !== undefined && when.includes !== null) return "includes";
  return when.answered === false ? "unanswered" : "answered";
}

/** The same earlier question with another test. */
export function withTest({ question }: When, test: Test, value: Json): When {
  if (test === "is" || test === "includes") return { question, [test]: value };
  return { question, answered: test === "answered" };
}
