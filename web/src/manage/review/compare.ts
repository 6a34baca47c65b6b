/** Answers beside each other: which of them differ from what they come to. */
import { same } from "../../annotate/conditions";
import type { Answers } from "../../lib/api";
import type { Appeal } from "../../lib/api.review";
import type { Json } from "../../widget";
import { w } from "./words";

/** A, B, C, ..., Z, AA: names hide behind them. */
export function letter(index: number): string {
  const rest = Math.floor(index / 26);
  return (rest > 0 ? letter(rest - 1) : "") + String.fromCharCode(65 + (index % 26));
}

/** Whether everybody gave the same answer to this question; nobody's silence counts as one. */
export function unanimous(question: string, all: readonly Answers[]): boolean {
  return all.every((one) => same(one[question], all[0]?.[question]));
}

/** Columns whose answers to this question are the same, together; in the order of their first. */
export function grouped<T extends { answers: Answers }>(question: string, columns: readonly T[]): T[][] {
  const groups: T[][] = [];
  for (const column of columns) {
    const found = groups.find(([first]) => same(first?.answers[question], column.answers[question]));
    if (found) found.push(column);
    else groups.push([column]);
  }
  return groups;
}

/** Whether an answer is another one than this. */
export function differs(given: Json | undefined, stands: Json | undefined): boolean {
  return !same(given, stands);
}

/** Both are texts long enough that their difference is better shown than looked for. */
export function bothTexts(given: Json | undefined, stands: Json | undefined): given is string {
  return typeof given === "string" && typeof stands === "string" && /\s/.test(given + stands) && given !== stands;
}

/** Both answers of an appeal: what was judged, and under this title what the review let stand, where it did. */
export function columnsOf(appeal: Appeal, stands: string): { key: string; title: string; answers: Answers }[] {
  const given = { key: "given", title: w("appeal.given"), answers: appeal.given };
  return appeal.stands ? [given, { key: "stands", title: stands, answers: appeal.stands }] : [given];
}
