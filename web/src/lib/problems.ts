/**
 * What the node says about a failure, in the reader's language.
 *
 * The node speaks English. A table for each other language holds, by the rule of the problem, the node's sentences
 * with `…` for what differs from case to case, and the same sentence with `{1}`, `{2}` in its place. What is not in
 * the table stays as the node said it. `tests/web/test_problem_texts.py` compares the table with the node's sources.
 */
import type { Problem } from "./api";
import { currentLanguage } from "./language.svelte";

/** Rule -> the node's sentence -> the reader's. */
export type Sentences = { readonly [rule: string]: { readonly [english: string]: string } };

/** The rule under which the reasons of rejected rows stand. */
const ROW = "row";

let german: Sentences | undefined;

/** Get the table of the reader's language; without it English stands in. */
export async function loadSentences(): Promise<void> {
  if (currentLanguage() !== "de" || german) return;
  german = await import("./problems.de.json").then(
    (found) => found.default,
    () => undefined,
  );
}

/** A problem with reason and remedy in the reader's language. */
export async function inReadersWords(problem: Problem): Promise<Problem> {
  await loadSentences();
  const table = currentLanguage() === "de" ? german : undefined;
  return table ? translated(table, problem) : problem;
}

/** Why a row was rejected, in the reader's language where `loadSentences` has got its table. */
export function rowReason(reason: string): string {
  const table = currentLanguage() === "de" ? german : undefined;
  if (!table) return reason;
  const rules = Object.keys(table).filter((rule) => rule === ROW || rule.startsWith("record."));
  return rules.map((rule) => sentence(table, rule, reason)).find((found) => found !== reason) ?? reason;
}

/** Why a figure has no value, in the reader's language where `loadSentences` has got its table. */
export function whyUndefined(reason: string): string {
  return currentLanguage() === "de" && german ? sentence(german, "undefined", reason) : reason;
}

/** What a format is called, in the reader's language where `loadSentences` has got its table. */
export function formatTitle(format: { title: string }): string {
  return currentLanguage() === "de" && german ? sentence(german, "title", format.title) : format.title;
}

/** A problem by a table. */
export function translated(table: Sentences, problem: Problem): Problem {
  const { rule, detail, remedy } = problem;
  return { ...problem, detail: sentence(table, rule, detail), remedy: sentence(table, rule, remedy) };
}

/** A sentence of the node by a table; as it is where the table has none that fits. */
function sentence(table: Sentences, rule: string, english: string): string {
  const own = Object.hasOwn(table, rule) ? (table[rule] ?? {}) : {};
  if (Object.hasOwn(own, english)) return own[english] ?? english;
  for (const [pattern, text] of Object.entries(own)) {
    const values = match(pattern, english);
    if (values) return text.replace(/\{(\d)\}/g, (whole, n: string) => values[Number(n) - 1] ?? whole);
  }
  return english;
}

/** What stands at the `…` of a pattern; undefined when the text is another one. */
function match(pattern: string, text: string): string[] | undefined {
  if (!pattern.includes("…")) return undefined;
  const literal = pattern.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${literal.join("(.+?)")}$`, "su").exec(text)?.slice(1);
}
