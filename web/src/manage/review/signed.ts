/** What reviewers and those who appeal sign (docs/spec/ledger.md, section 5). */
import type { Appeal, Judgement, Review, ReviewDecision } from "../../lib/api.review";
import { type Act, milliseconds, slotOf } from "../../lib/signing";

/** Blanks at the ends count for nothing: the node cuts them off, and so does what is signed. */
const text = (written: string | undefined): string => (written ?? "").trim();

/** A decision: what was sent, and the answers that the reviewer takes to stand. */
export async function reviewAct(review: Review, word: ReviewDecision): Promise<Act> {
  const seen = Object.fromEntries(Object.entries(review.consensus).map(([question, { value }]) => [question, value]));
  const stands = word.decision === "accept" ? seen : word.decision === "fix" ? (word.answers ?? {}) : {};
  const decision = { assignments: [...(word.assignment_ids ?? [])].sort(), decision: word.decision };
  return {
    kind: "reviewed",
    answers: review.place,
    public: { ms: milliseconds(word.seconds), slot: await slotOf(review.id) },
    private: {
      answers: Object.keys(stands).length > 0 ? JSON.stringify(stands) : "",
      comment: text(word.comment),
      decision: JSON.stringify(decision),
    },
  };
}

export const appealAct = (judged: Judgement, written: string): Act => ({
  kind: "appealed",
  answers: judged.place,
  public: {},
  private: { text: text(written) },
});

export const appealDecisionAct = (appeal: Appeal, decision: "uphold" | "reject", written: string): Act => ({
  kind: "appeal-decided",
  answers: appeal.place,
  public: { slot: appeal.slot },
  private: { decision: decision === "uphold" ? "upheld" : "rejected", text: text(written) },
});
